import Flameback

/// Two convolutions whose output joins all earlier ones. SeeAlso: torchvision.models.densenet._DenseLayer
final class DenseLayer: Module, UnaryLayer {
  let norm1: BatchNorm2d
  let conv1: Conv2d
  let norm2: BatchNorm2d
  let conv2: Conv2d

  init(_ channels: Int, growth: Int, bottleneck: Int) {
    norm1 = BatchNorm2d(channels)
    conv1 = Conv2d(channels, bottleneck * growth, kernelSize: 1, bias: false)
    norm2 = BatchNorm2d(bottleneck * growth)
    conv2 = Conv2d(bottleneck * growth, growth, kernelSize: 3, padding: 1, bias: false)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    Tensor.cat([x, conv2(norm2(conv1(norm1(x).relu())).relu())], dim: 1)
  }
}

/// Networks in which every layer sees all earlier ones of its block. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.DenseNet
public final class DenseNet: Module, UnaryLayer {
  public let features: Sequential
  public let classifier: Linear

  public init(
    _ blocks: [Int], growthRate: Int = 32, initFeatures: Int = 64, bottleneck: Int = 4, numClasses: Int = 1000
  ) {
    var layers: Named<any UnaryLayer> = [
      "conv0": Conv2d(3, initFeatures, kernelSize: 7, stride: 2, padding: 3, bias: false),
      "norm0": BatchNorm2d(initFeatures), "relu0": ReLU(), "pool0": MaxPool2d(3, stride: 2, padding: 1),
    ]
    var channels = initFeatures
    for (i, count) in blocks.enumerated() {
      var block: Named<any UnaryLayer> = [:]
      for j in 0..<count {
        block["denselayer\(j + 1)"] = DenseLayer(channels, growth: growthRate, bottleneck: bottleneck)
        channels += growthRate
      }
      layers["denseblock\(i + 1)"] = Sequential(block)
      if i + 1 < blocks.count {
        layers["transition\(i + 1)"] = Sequential([
          "norm": BatchNorm2d(channels), "relu": ReLU(),
          "conv": Conv2d(channels, channels / 2, kernelSize: 1, bias: false), "pool": AvgPool2d(2, stride: 2),
        ])
        channels /= 2
      }
    }
    layers["norm5"] = BatchNorm2d(channels)
    features = Sequential(layers)
    classifier = Linear(channels, numClasses)
    super.init()
    for module in modules {
      switch module {
      case let layer as Conv2d: Init.kaimingNormal(&layer.weight)
      case let layer as Linear: layer.bias = .zeros([layer.outFeatures])
      default: continue
      }
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    classifier(features(x).relu().adaptiveAvgPool2d([1, 1]).flatten(startDim: 1))
  }
}

/// SeeAlso: torchvision.models.densenet121
public func densenet121(numClasses: Int = 1000) -> DenseNet { DenseNet([6, 12, 24, 16], numClasses: numClasses) }
/// SeeAlso: torchvision.models.densenet161
public func densenet161(numClasses: Int = 1000) -> DenseNet {
  DenseNet([6, 12, 36, 24], growthRate: 48, initFeatures: 96, numClasses: numClasses)
}
/// SeeAlso: torchvision.models.densenet169
public func densenet169(numClasses: Int = 1000) -> DenseNet { DenseNet([6, 12, 32, 32], numClasses: numClasses) }
/// SeeAlso: torchvision.models.densenet201
public func densenet201(numClasses: Int = 1000) -> DenseNet { DenseNet([6, 12, 48, 32], numClasses: numClasses) }
