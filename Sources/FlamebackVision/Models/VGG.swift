import Flameback

/// Stacks of 3 × 3 convolutions between poolings, then three linear layers. Input [N, 3, 224, 224], output
/// [N, classes] logits. SeeAlso: torchvision.models.VGG
public final class VGG: Module, UnaryLayer {
  public let features: Sequential
  public let avgpool = AdaptiveAvgPool2d(7, 7)
  public let classifier: Sequential

  /// - Parameter stages: the channels of the convolutions before each pooling.
  public init(_ stages: [[Int]], batchNorm: Bool = false, numClasses: Int = 1000, dropout: Double = 0.5) {
    var layers: [any UnaryLayer] = []
    var channels = 3
    for stage in stages {
      for width in stage {
        layers.append(Conv2d(channels, width, kernelSize: 3, padding: 1))
        if batchNorm { layers.append(BatchNorm2d(width)) }
        layers.append(ReLU())
        channels = width
      }
      layers.append(MaxPool2d(2, stride: 2))
    }
    features = Sequential(layers)
    classifier = Sequential(
      Linear(channels * 7 * 7, 4096), ReLU(), Dropout(dropout), Linear(4096, 4096), ReLU(), Dropout(dropout),
      Linear(4096, numClasses))
    super.init()
    initializeImageNetwork(linearStd: 0.01)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { classifier(avgpool(features(x)).flatten(startDim: 1)) }

  private static func make(_ repeats: [Int], _ batchNorm: Bool, _ numClasses: Int) -> VGG {
    let widths = [64, 128, 256, 512, 512]
    return VGG(
      zip(widths, repeats).map { Array(repeating: $0, count: $1) }, batchNorm: batchNorm, numClasses: numClasses)
  }

  static func of11(_ batchNorm: Bool, _ numClasses: Int) -> VGG { make([1, 1, 2, 2, 2], batchNorm, numClasses) }
  static func of13(_ batchNorm: Bool, _ numClasses: Int) -> VGG { make([2, 2, 2, 2, 2], batchNorm, numClasses) }
  static func of16(_ batchNorm: Bool, _ numClasses: Int) -> VGG { make([2, 2, 3, 3, 3], batchNorm, numClasses) }
  static func of19(_ batchNorm: Bool, _ numClasses: Int) -> VGG { make([2, 2, 4, 4, 4], batchNorm, numClasses) }
}

/// SeeAlso: torchvision.models.vgg11
public func vgg11(numClasses: Int = 1000) -> VGG { .of11(false, numClasses) }
/// SeeAlso: torchvision.models.vgg11_bn
public func vgg11BN(numClasses: Int = 1000) -> VGG { .of11(true, numClasses) }
/// SeeAlso: torchvision.models.vgg13
public func vgg13(numClasses: Int = 1000) -> VGG { .of13(false, numClasses) }
/// SeeAlso: torchvision.models.vgg13_bn
public func vgg13BN(numClasses: Int = 1000) -> VGG { .of13(true, numClasses) }
/// SeeAlso: torchvision.models.vgg16
public func vgg16(numClasses: Int = 1000) -> VGG { .of16(false, numClasses) }
/// SeeAlso: torchvision.models.vgg16_bn
public func vgg16BN(numClasses: Int = 1000) -> VGG { .of16(true, numClasses) }
/// SeeAlso: torchvision.models.vgg19
public func vgg19(numClasses: Int = 1000) -> VGG { .of19(false, numClasses) }
/// SeeAlso: torchvision.models.vgg19_bn
public func vgg19BN(numClasses: Int = 1000) -> VGG { .of19(true, numClasses) }
