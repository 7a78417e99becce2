import Flameback

/// An inverted residual with squeeze and excitation where asked for.
/// SeeAlso: torchvision.models.mobilenetv3.InvertedResidual
final class MobileBlock: Module, UnaryLayer {
  /// Kernel, expanded and output channels, squeeze and excitation, hard swish, stride.
  typealias Configuration = (Int, Int, Int, Bool, Bool, Int)

  let block: Sequential
  let hasShortcut: Bool

  init(_ inChannels: Int, _ configuration: Configuration, dilation: Int = 1) {
    let (kernel, expanded, outChannels, squeezes, isHard, stride) = configuration
    hasShortcut = stride == 1 && inChannels == outChannels
    func part(_ from: Int, _ to: Int, _ kernel: Int, stride: Int = 1, groups: Int = 1, activates: Bool) -> Sequential {
      let activation: any UnaryLayer = isHard ? Hardswish() as any UnaryLayer : ReLU()
      return convNormActivation(
        from, to, kernelSize: kernel, stride: stride, groups: groups, dilation: kernel == 1 ? 1 : dilation, eps: 1e-3,
        momentum: 0.01, activation: activates ? activation : nil)
    }
    var layers: [any UnaryLayer] = []
    if expanded != inChannels { layers.append(part(inChannels, expanded, 1, activates: true)) }
    layers.append(
      part(expanded, expanded, kernel, stride: dilation > 1 ? 1 : stride, groups: expanded, activates: true))
    if squeezes {
      layers.append(
        SqueezeExcitation(expanded, makeDivisible(Double(expanded / 4), 8), scaleActivation: Hardsigmoid()))
    }
    layers.append(part(expanded, outChannels, 1, activates: false))
    block = Sequential(layers)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { hasShortcut ? block(x) + x : block(x) }
}

/// Inverted residuals with hard activations. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.MobileNetV3
public final class MobileNetV3: Module, UnaryLayer {
  public let features: Sequential
  public let avgpool = AdaptiveAvgPool2d(1)
  public let classifier: Sequential

  init(_ blocks: [MobileBlock.Configuration], dilatedFrom: Int = .max, last: Int, numClasses: Int) {
    var layers: [any UnaryLayer] = [
      convNormActivation(3, 16, stride: 2, eps: 1e-3, momentum: 0.01, activation: Hardswish())
    ]
    var channels = 16
    for (i, block) in blocks.enumerated() {
      layers.append(MobileBlock(channels, block, dilation: i >= dilatedFrom ? 2 : 1))
      channels = block.2
    }
    let wide = 6 * channels
    layers.append(
      convNormActivation(channels, wide, kernelSize: 1, eps: 1e-3, momentum: 0.01, activation: Hardswish()))
    features = Sequential(layers)
    classifier = Sequential(Linear(wide, last), Hardswish(), Dropout(0.2), Linear(last, numClasses))
    super.init()
    initializeImageNetwork(linearStd: 0.01)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { classifier(avgpool(features(x)).flatten(startDim: 1)) }

  static let large: [MobileBlock.Configuration] = [
    (3, 16, 16, false, false, 1), (3, 64, 24, false, false, 2), (3, 72, 24, false, false, 1),
    (5, 72, 40, true, false, 2), (5, 120, 40, true, false, 1), (5, 120, 40, true, false, 1),
    (3, 240, 80, false, true, 2), (3, 200, 80, false, true, 1), (3, 184, 80, false, true, 1),
    (3, 184, 80, false, true, 1), (3, 480, 112, true, true, 1), (3, 672, 112, true, true, 1),
    (5, 672, 160, true, true, 2), (5, 960, 160, true, true, 1), (5, 960, 160, true, true, 1),
  ]

  static let small: [MobileBlock.Configuration] = [
    (3, 16, 16, true, false, 2), (3, 72, 24, false, false, 2), (3, 88, 24, false, false, 1),
    (5, 96, 40, true, true, 2), (5, 240, 40, true, true, 1), (5, 240, 40, true, true, 1),
    (5, 120, 48, true, true, 1), (5, 144, 48, true, true, 1), (5, 288, 96, true, true, 2),
    (5, 576, 96, true, true, 1), (5, 576, 96, true, true, 1),
  ]
}

/// SeeAlso: torchvision.models.mobilenet_v3_large
public func mobilenetV3Large(numClasses: Int = 1000) -> MobileNetV3 {
  MobileNetV3(MobileNetV3.large, last: 1280, numClasses: numClasses)
}

/// SeeAlso: torchvision.models.mobilenet_v3_small
public func mobilenetV3Small(numClasses: Int = 1000) -> MobileNetV3 {
  MobileNetV3(MobileNetV3.small, last: 1024, numClasses: numClasses)
}
