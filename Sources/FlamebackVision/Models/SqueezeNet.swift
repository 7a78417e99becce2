import Flameback

/// Few channels, then as many 1 × 1 as 3 × 3 convolutions side by side. SeeAlso: torchvision.models.squeezenet.Fire
public final class Fire: Module, UnaryLayer {
  let squeeze: Conv2d
  let expand1x1: Conv2d
  let expand3x3: Conv2d

  init(_ inPlanes: Int, squeeze squeezePlanes: Int, expand: Int) {
    squeeze = Conv2d(inPlanes, squeezePlanes, kernelSize: 1)
    expand1x1 = Conv2d(squeezePlanes, expand, kernelSize: 1)
    expand3x3 = Conv2d(squeezePlanes, expand, kernelSize: 3, padding: 1)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let x = squeeze(x).relu()
    return Tensor.cat([expand1x1(x).relu(), expand3x3(x).relu()], dim: 1)
  }
}

/// AlexNet's accuracy with a fiftieth of its parameters. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.SqueezeNet
public final class SqueezeNet: Module, UnaryLayer {
  public let features: Sequential
  public let classifier: Sequential

  /// - Parameter stages: squeezed and expanded channels of the fire modules between the poolings.
  init(first: Int, kernelSize: Int, _ stages: [[(squeeze: Int, expand: Int)]], numClasses: Int, dropout: Double = 0.5) {
    var layers: [any UnaryLayer] = [Conv2d(3, first, kernelSize: kernelSize, stride: 2), ReLU()]
    var channels = first
    for stage in stages {
      layers.append(MaxPool2d(3, stride: 2, ceilMode: true))
      for (squeeze, expand) in stage {
        layers.append(Fire(channels, squeeze: squeeze, expand: expand))
        channels = 2 * expand
      }
    }
    features = Sequential(layers)
    let final = Conv2d(512, numClasses, kernelSize: 1)
    classifier = Sequential(Dropout(dropout), final, ReLU(), AdaptiveAvgPool2d(1, 1))
    super.init()
    for case let layer as Conv2d in modules {
      if layer === final {
        Init.normal(&layer.weight, mean: 0, std: 0.01)
      } else {
        Init.kaimingUniform(&layer.weight)
      }
      layer.bias = .zeros([layer.outChannels])
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { classifier(features(x)).flatten(startDim: 1) }
}

/// SeeAlso: torchvision.models.squeezenet1_0
public func squeezenet10(numClasses: Int = 1000) -> SqueezeNet {
  SqueezeNet(
    first: 96, kernelSize: 7,
    [[(16, 64), (16, 64), (32, 128)], [(32, 128), (48, 192), (48, 192), (64, 256)], [(64, 256)]],
    numClasses: numClasses)
}

/// SeeAlso: torchvision.models.squeezenet1_1
public func squeezenet11(numClasses: Int = 1000) -> SqueezeNet {
  SqueezeNet(
    first: 64, kernelSize: 3,
    [[(16, 64), (16, 64)], [(32, 128), (32, 128)], [(48, 192), (48, 192), (64, 256), (64, 256)]],
    numClasses: numClasses)
}
