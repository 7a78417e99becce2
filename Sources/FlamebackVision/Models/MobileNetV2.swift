import Flameback

/// Wide between two narrow ends, beside a shortcut where the shape stays.
/// SeeAlso: torchvision.models.mobilenetv2.InvertedResidual
public final class InvertedResidual: Module, UnaryLayer {
  let conv: Sequential
  let hasShortcut: Bool

  init(_ inChannels: Int, _ outChannels: Int, stride: Int, expandRatio: Int) {
    let hidden = inChannels * expandRatio
    hasShortcut = stride == 1 && inChannels == outChannels
    var layers: [any UnaryLayer] = []
    if expandRatio != 1 { layers.append(convNormActivation(inChannels, hidden, kernelSize: 1, activation: ReLU6())) }
    layers.append(convNormActivation(hidden, hidden, stride: stride, groups: hidden, activation: ReLU6()))
    layers.append(Conv2d(hidden, outChannels, kernelSize: 1, bias: false))
    layers.append(BatchNorm2d(outChannels))
    conv = Sequential(layers)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { hasShortcut ? x + conv(x) : conv(x) }
}

/// Inverted residuals for phones. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.MobileNetV2
public final class MobileNetV2: Module, UnaryLayer {
  public let features: Sequential
  public let classifier: Sequential

  public init(numClasses: Int = 1000, widthMult: Double = 1, dropout: Double = 0.2) {
    // Expansion, channels, repeats, stride of the first.
    let stages = [
      (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]
    var channels = makeDivisible(32 * widthMult, 8)
    let last = makeDivisible(1280 * max(1, widthMult), 8)
    var layers: [any UnaryLayer] = [convNormActivation(3, channels, stride: 2, activation: ReLU6())]
    for (expansion, width, count, stride) in stages {
      let width = makeDivisible(Double(width) * widthMult, 8)
      for i in 0..<count {
        layers.append(InvertedResidual(channels, width, stride: i == 0 ? stride : 1, expandRatio: expansion))
        channels = width
      }
    }
    layers.append(convNormActivation(channels, last, kernelSize: 1, activation: ReLU6()))
    features = Sequential(layers)
    classifier = Sequential(Dropout(dropout), Linear(last, numClasses))
    super.init()
    initializeImageNetwork(linearStd: 0.01)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    classifier(features(x).adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }
}

/// SeeAlso: torchvision.models.mobilenet_v2
public func mobilenetV2(numClasses: Int = 1000) -> MobileNetV2 { MobileNetV2(numClasses: numClasses) }
