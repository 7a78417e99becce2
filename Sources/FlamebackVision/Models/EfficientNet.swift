import Flameback

/// One stage of an EfficientNet: blocks of one kind.
struct EfficientStage {
  /// Whether expansion and depthwise convolution are one.
  var isFused = false
  var expansion: Double
  var kernel: Int
  var stride: Int
  var inChannels: Int
  var outChannels: Int
  var count: Int
}

/// Expansion, depthwise convolution, squeeze and excitation, projection; or the first two in one and no third.
/// SeeAlso: torchvision.models.efficientnet.MBConv, torchvision.models.efficientnet.FusedMBConv
final class EfficientBlock: Module, UnaryLayer {
  let block: Sequential
  let stochasticDepth: StochasticDepth
  let hasShortcut: Bool

  init(_ stage: EfficientStage, _ inChannels: Int, stride: Int, dropped: Double, eps: Double, momentum: Double) {
    let expanded = makeDivisible(Double(inChannels) * stage.expansion, 8)
    let outChannels = stage.outChannels
    hasShortcut = stride == 1 && inChannels == outChannels
    stochasticDepth = StochasticDepth(dropped, mode: .row)
    func part(_ from: Int, _ to: Int, _ kernel: Int, stride: Int = 1, groups: Int = 1, activates: Bool = true)
      -> Sequential
    {
      convNormActivation(
        from, to, kernelSize: kernel, stride: stride, groups: groups, eps: eps, momentum: momentum,
        activation: activates ? SiLU() : nil)
    }
    var layers: [any UnaryLayer] = []
    if stage.isFused {
      if expanded == inChannels {
        layers = [part(inChannels, outChannels, stage.kernel, stride: stride)]
      } else {
        layers = [
          part(inChannels, expanded, stage.kernel, stride: stride), part(expanded, outChannels, 1, activates: false),
        ]
      }
    } else {
      if expanded != inChannels { layers.append(part(inChannels, expanded, 1)) }
      layers.append(part(expanded, expanded, stage.kernel, stride: stride, groups: expanded))
      layers.append(SqueezeExcitation(expanded, max(1, inChannels / 4), activation: SiLU()))
      layers.append(part(expanded, outChannels, 1, activates: false))
    }
    block = Sequential(layers)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { hasShortcut ? stochasticDepth(block(x)) + x : block(x) }
}

/// Networks scaled in width, depth and resolution together. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.EfficientNet
public final class EfficientNet: Module, UnaryLayer {
  public let features: Sequential
  public let avgpool = AdaptiveAvgPool2d(1)
  public let classifier: Sequential

  init(
    _ stages: [EfficientStage], dropout: Double, lastChannels: Int? = nil, eps: Double = 1e-5,
    momentum: Double = 0.1, stochasticDepth: Double = 0.2, numClasses: Int
  ) {
    var layers: [any UnaryLayer] = [
      convNormActivation(3, stages[0].inChannels, stride: 2, eps: eps, momentum: momentum, activation: SiLU())
    ]
    let total = Double(stages.reduce(0) { $0 + $1.count })
    var index = 0
    for stage in stages {
      layers.append(
        Sequential(
          (0..<stage.count).map { i -> any UnaryLayer in
            defer { index += 1 }
            return EfficientBlock(
              stage, i == 0 ? stage.inChannels : stage.outChannels, stride: i == 0 ? stage.stride : 1,
              dropped: stochasticDepth * Double(index) / total, eps: eps, momentum: momentum)
          }))
    }
    let channels = stages[stages.count - 1].outChannels
    let last = lastChannels ?? 4 * channels
    layers.append(
      convNormActivation(channels, last, kernelSize: 1, eps: eps, momentum: momentum, activation: SiLU()))
    features = Sequential(layers)
    let head = Linear(last, numClasses)
    classifier = Sequential(Dropout(dropout), head)
    super.init()
    initializeImageNetwork()
    let bound = 1 / Double(numClasses).squareRoot()
    Init.uniform(&head.weight, -bound, bound)
    head.bias = .zeros([numClasses])
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { classifier(avgpool(features(x)).flatten(startDim: 1)) }

  /// The first family: one table scaled by `width` and `depth`.
  static func scaled(
    width: Double, depth: Double, dropout: Double, eps: Double = 1e-5, momentum: Double = 0.1, _ numClasses: Int
  ) -> EfficientNet {
    let table: [(Double, Int, Int, Int, Int, Int)] = [
      (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
      (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
    ]
    let stages = table.map { expansion, kernel, stride, from, to, count in
      EfficientStage(
        expansion: expansion, kernel: kernel, stride: stride, inChannels: makeDivisible(Double(from) * width, 8),
        outChannels: makeDivisible(Double(to) * width, 8), count: Int((Double(count) * depth).rounded(.up)))
    }
    return EfficientNet(stages, dropout: dropout, eps: eps, momentum: momentum, numClasses: numClasses)
  }

  /// The second family. Rows: fused, expansion, stride, channels before and after, blocks.
  static func second(_ rows: [(Bool, Double, Int, Int, Int, Int)], dropout: Double, _ numClasses: Int) -> EfficientNet {
    let stages = rows.map { isFused, expansion, stride, from, to, count in
      EfficientStage(
        isFused: isFused, expansion: expansion, kernel: 3, stride: stride, inChannels: from, outChannels: to,
        count: count)
    }
    return EfficientNet(stages, dropout: dropout, lastChannels: 1280, eps: 1e-3, numClasses: numClasses)
  }
}

/// SeeAlso: torchvision.models.efficientnet_b0
public func efficientnetB0(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 1, depth: 1, dropout: 0.2, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_b1
public func efficientnetB1(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 1, depth: 1.1, dropout: 0.2, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_b2
public func efficientnetB2(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 1.1, depth: 1.2, dropout: 0.3, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_b3
public func efficientnetB3(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 1.2, depth: 1.4, dropout: 0.3, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_b4
public func efficientnetB4(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 1.4, depth: 1.8, dropout: 0.4, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_b5
public func efficientnetB5(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 1.6, depth: 2.2, dropout: 0.4, eps: 1e-3, momentum: 0.01, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_b6
public func efficientnetB6(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 1.8, depth: 2.6, dropout: 0.5, eps: 1e-3, momentum: 0.01, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_b7
public func efficientnetB7(numClasses: Int = 1000) -> EfficientNet {
  .scaled(width: 2, depth: 3.1, dropout: 0.5, eps: 1e-3, momentum: 0.01, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_v2_s
public func efficientnetV2S(numClasses: Int = 1000) -> EfficientNet {
  .second(
    [
      (true, 1, 1, 24, 24, 2), (true, 4, 2, 24, 48, 4), (true, 4, 2, 48, 64, 4), (false, 4, 2, 64, 128, 6),
      (false, 6, 1, 128, 160, 9), (false, 6, 2, 160, 256, 15),
    ], dropout: 0.2, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_v2_m
public func efficientnetV2M(numClasses: Int = 1000) -> EfficientNet {
  .second(
    [
      (true, 1, 1, 24, 24, 3), (true, 4, 2, 24, 48, 5), (true, 4, 2, 48, 80, 5), (false, 4, 2, 80, 160, 7),
      (false, 6, 1, 160, 176, 14), (false, 6, 2, 176, 304, 18), (false, 6, 1, 304, 512, 5),
    ], dropout: 0.3, numClasses)
}
/// SeeAlso: torchvision.models.efficientnet_v2_l
public func efficientnetV2L(numClasses: Int = 1000) -> EfficientNet {
  .second(
    [
      (true, 1, 1, 32, 32, 4), (true, 4, 2, 32, 64, 7), (true, 4, 2, 64, 96, 7), (false, 4, 2, 96, 192, 10),
      (false, 6, 1, 192, 224, 19), (false, 6, 2, 224, 384, 25), (false, 6, 1, 384, 640, 7),
    ], dropout: 0.4, numClasses)
}
