import Flameback

/// A wide depthwise convolution, then two linear layers for each pixel.
/// SeeAlso: torchvision.models.convnext.CNBlock
final class ConvNeXtBlock: Module, UnaryLayer {
  @Parameter var layerScale: Tensor
  let block: Sequential
  let stochasticDepth: StochasticDepth

  init(_ dim: Int, scale: Double, dropped: Double) {
    layerScale = Tensor.ones([dim, 1, 1]) * scale
    block = Sequential(
      Conv2d(dim, dim, kernelSize: 7, padding: 3, groups: dim), Permute([0, 2, 3, 1]), LayerNorm([dim], eps: 1e-6),
      Linear(dim, 4 * dim), GELU(), Linear(4 * dim, dim), Permute([0, 3, 1, 2]))
    stochasticDepth = StochasticDepth(dropped, mode: .row)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { stochasticDepth(layerScale * block(x)) + x }
}

/// Convolutions arranged as a transformer is. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.ConvNeXt
public final class ConvNeXt: Module, UnaryLayer {
  public let features: Sequential
  public let avgpool = AdaptiveAvgPool2d(1)
  public let classifier: Sequential

  /// - Parameters:
  ///   - stages: channels and blocks of each stage.
  ///   - stochasticDepth: how likely the last block is dropped for a sample in training.
  public init(
    _ stages: [(channels: Int, count: Int)], stochasticDepth: Double = 0, layerScale: Double = 1e-6,
    numClasses: Int = 1000
  ) {
    let first = stages[0].channels
    var layers: [any UnaryLayer] = [Sequential(Conv2d(3, first, kernelSize: 4, stride: 4), LayerNorm2d(first))]
    let total = Double(stages.reduce(0) { $0 + $1.count })
    var index = 0
    for (i, stage) in stages.enumerated() {
      layers.append(
        Sequential(
          (0..<stage.count).map { _ -> any UnaryLayer in
            defer { index += 1 }
            return ConvNeXtBlock(
              stage.channels, scale: layerScale, dropped: stochasticDepth * Double(index) / (total - 1))
          }))
      if i + 1 < stages.count {
        layers.append(
          Sequential(
            LayerNorm2d(stage.channels), Conv2d(stage.channels, stages[i + 1].channels, kernelSize: 2, stride: 2)))
      }
    }
    features = Sequential(layers)
    let last = stages[stages.count - 1].channels
    classifier = Sequential(LayerNorm2d(last), Flatten(startDim: 1), Linear(last, numClasses))
    super.init()
    for module in modules {
      switch module {
      case let layer as Conv2d:
        Init.truncNormal(&layer.weight, std: 0.02)
        layer.bias = .zeros([layer.outChannels])
      case let layer as Linear:
        Init.truncNormal(&layer.weight, std: 0.02)
        layer.bias = .zeros([layer.outFeatures])
      default: continue
      }
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { classifier(avgpool(features(x))) }

  static func make(_ width: Int, _ third: Int, stochasticDepth: Double, _ numClasses: Int) -> ConvNeXt {
    ConvNeXt(
      [(width, 3), (2 * width, 3), (4 * width, third), (8 * width, 3)], stochasticDepth: stochasticDepth,
      numClasses: numClasses)
  }
}

/// SeeAlso: torchvision.models.convnext_tiny
public func convnextTiny(numClasses: Int = 1000) -> ConvNeXt { .make(96, 9, stochasticDepth: 0.1, numClasses) }
/// SeeAlso: torchvision.models.convnext_small
public func convnextSmall(numClasses: Int = 1000) -> ConvNeXt { .make(96, 27, stochasticDepth: 0.4, numClasses) }
/// SeeAlso: torchvision.models.convnext_base
public func convnextBase(numClasses: Int = 1000) -> ConvNeXt { .make(128, 27, stochasticDepth: 0.5, numClasses) }
/// SeeAlso: torchvision.models.convnext_large
public func convnextLarge(numClasses: Int = 1000) -> ConvNeXt { .make(192, 27, stochasticDepth: 0.5, numClasses) }
