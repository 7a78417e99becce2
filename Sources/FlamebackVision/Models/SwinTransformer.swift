import Flameback

/// Window attention and two linear layers, each beside a shortcut; the norms come first, in the second version last.
/// SeeAlso: torchvision.models.swin_transformer.SwinTransformerBlock
final class SwinBlock: Module, UnaryLayer {
  let norm1: LayerNorm
  let attn: WindowAttention
  let stochasticDepth: StochasticDepth
  let norm2: LayerNorm
  let mlp: Sequential
  let isSecond: Bool

  init(_ dim: Int, heads: Int, window: Int, shift: Int, dropped: Double, isSecond: Bool) {
    self.isSecond = isSecond
    norm1 = LayerNorm([dim])
    attn = WindowAttention(dim, heads: heads, window: window, shift: shift, isSecond: isSecond)
    stochasticDepth = StochasticDepth(dropped, mode: .row)
    norm2 = LayerNorm([dim])
    mlp = FlamebackVision.mlp(dim, [4 * dim, dim], activation: { GELU() })
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let x = x + stochasticDepth(isSecond ? norm1(attn(x)) : attn(norm1(x)))
    return x + stochasticDepth(isSecond ? norm2(mlp(x)) : mlp(norm2(x)))
  }
}

/// Four neighbouring pixels become one with twice the channels.
/// SeeAlso: torchvision.models.swin_transformer.PatchMerging
final class PatchMerging: Module, UnaryLayer {
  let reduction: Linear
  let norm: LayerNorm
  let isSecond: Bool

  init(_ dim: Int, isSecond: Bool) {
    self.isSecond = isSecond
    reduction = Linear(4 * dim, 2 * dim, bias: false)
    norm = LayerNorm([isSecond ? 2 * dim : 4 * dim])
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let (h, w) = (x.shape[1], x.shape[2])
    let x = h % 2 + w % 2 > 0 ? x.constantPad([0, 0, 0, w % 2, 0, h % 2]) : x
    func part(_ i: Int, _ j: Int) -> Tensor { x.slice(dim: 1, start: i, step: 2).slice(dim: 2, start: j, step: 2) }
    let joined = Tensor.cat([part(0, 0), part(1, 0), part(0, 1), part(1, 1)], dim: -1)
    return isSecond ? norm(reduction(joined)) : reduction(norm(joined))
  }
}

/// A transformer of windows that grow as the image shrinks. Input [N, 3, any, any], output [N, classes] logits.
/// SeeAlso: torchvision.models.SwinTransformer
public final class SwinTransformer: Module, UnaryLayer {
  public let features: Sequential
  public let norm: LayerNorm
  public let avgpool = AdaptiveAvgPool2d(1)
  public let head: Linear

  /// - Parameters:
  ///   - embedDim: channels of the first stage; each further one has twice as many.
  ///   - stages: blocks and heads of each stage.
  ///   - isSecond: whether it is Swin V2.
  public init(
    embedDim: Int, _ stages: [(count: Int, heads: Int)], window: Int, stochasticDepth: Double, isSecond: Bool = false,
    numClasses: Int = 1000
  ) {
    var layers: [any UnaryLayer] = [
      Sequential(Conv2d(3, embedDim, kernelSize: 4, stride: 4), Permute([0, 2, 3, 1]), LayerNorm([embedDim]))
    ]
    let total = Double(stages.reduce(0) { $0 + $1.count })
    var index = 0
    var dim = embedDim
    for (s, stage) in stages.enumerated() {
      layers.append(
        Sequential(
          (0..<stage.count).map { i -> any UnaryLayer in
            defer { index += 1 }
            return SwinBlock(
              dim, heads: stage.heads, window: window, shift: i % 2 == 0 ? 0 : window / 2,
              dropped: stochasticDepth * Double(index) / (total - 1), isSecond: isSecond)
          }))
      if s + 1 < stages.count {
        layers.append(PatchMerging(dim, isSecond: isSecond))
        dim *= 2
      }
    }
    features = Sequential(layers)
    norm = LayerNorm([dim])
    head = Linear(dim, numClasses)
    super.init()
    for case let layer as Linear in modules {
      Init.truncNormal(&layer.weight, std: 0.02)
      if layer.bias != nil { layer.bias = .zeros([layer.outFeatures]) }
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    head(avgpool(norm(features(x)).permute(0, 3, 1, 2)).flatten(startDim: 1))
  }

  static func make(
    _ width: Int, _ third: Int, window: Int, stochasticDepth: Double, isSecond: Bool = false, _ numClasses: Int
  ) -> SwinTransformer {
    let heads = width / 32
    return SwinTransformer(
      embedDim: width, [(2, heads), (2, 2 * heads), (third, 4 * heads), (2, 8 * heads)], window: window,
      stochasticDepth: stochasticDepth, isSecond: isSecond, numClasses: numClasses)
  }
}

/// SeeAlso: torchvision.models.swin_t
public func swinT(numClasses: Int = 1000) -> SwinTransformer {
  .make(96, 6, window: 7, stochasticDepth: 0.2, numClasses)
}
/// SeeAlso: torchvision.models.swin_s
public func swinS(numClasses: Int = 1000) -> SwinTransformer {
  .make(96, 18, window: 7, stochasticDepth: 0.3, numClasses)
}
/// SeeAlso: torchvision.models.swin_b
public func swinB(numClasses: Int = 1000) -> SwinTransformer {
  .make(128, 18, window: 7, stochasticDepth: 0.5, numClasses)
}
/// SeeAlso: torchvision.models.swin_v2_t
public func swinV2T(numClasses: Int = 1000) -> SwinTransformer {
  .make(96, 6, window: 8, stochasticDepth: 0.2, isSecond: true, numClasses)
}
/// SeeAlso: torchvision.models.swin_v2_s
public func swinV2S(numClasses: Int = 1000) -> SwinTransformer {
  .make(96, 18, window: 8, stochasticDepth: 0.3, isSecond: true, numClasses)
}
/// SeeAlso: torchvision.models.swin_v2_b
public func swinV2B(numClasses: Int = 1000) -> SwinTransformer {
  .make(128, 18, window: 8, stochasticDepth: 0.5, isSecond: true, numClasses)
}
