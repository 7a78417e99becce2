import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A layer that learns its number of input channels from its first input, or from the state it loads.
/// SeeAlso: torch.nn.modules.lazy.LazyModuleMixin
public class LazyLayer<Layer: UnaryLayer>: Module, UnaryLayer {
  /// The layer itself, once it exists.
  public private(set) var layer: Layer?
  private let make: (Int) -> Layer
  private let channelDim: Int
  private let channels: (StateDict) -> Int?

  /// `channelDim`: of an input, negative ones counted from the end; `channels`: the number that a state dict tells.
  init(channelDim: Int, channels: @escaping (StateDict) -> Int?, _ make: @escaping (Int) -> Layer) {
    self.make = make
    self.channelDim = channelDim
    self.channels = channels
  }

  public override class var stateKeys: [String: String] { ["layer": ""] }

  private func materialized(_ channels: Int) -> Layer {
    if let layer { return layer }
    let new = make(channels)
    new.train(isTraining)
    layer = new
    return new
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { x in
      if let layer { return layer(x) }
      let dim = channelDim < 0 ? x.rank + channelDim : channelDim
      guard x.shape.indices.contains(dim) else {
        return fail(typeName, "the input has too few dimensions: \(x.spec)", like: x.spec)
      }
      let layer = materialized(x.shape[dim])
      if x.dtype.isFloatingPoint { layer.to(x.device, dtype: x.dtype) }
      return layer(x)
    }
  }

  @discardableResult
  public override func train(_ mode: Bool = true) -> Self {
    layer?.train(mode)
    return super.train(mode)
  }

  public override func prepareToLoad(_ state: StateDict) {
    if layer == nil, let count = channels(state) { _ = materialized(count) }
  }

  public override var extraRepr: String { layer?.extraRepr ?? "" }
}

/// SeeAlso: torch.nn.LazyLinear
public final class LazyLinear: LazyLayer<Linear> {
  public init(_ outFeatures: Int, bias: Bool = true) {
    super.init(channelDim: -1, channels: { $0["weight"]?.shape.last }) { Linear($0, outFeatures, bias: bias) }
  }
}

/// SeeAlso: torch.nn.LazyConv1d
public final class LazyConv1d: LazyLayer<Conv1d> {
  public init(
    _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: some ConvolutionPadding = 0,
    dilation: any Sizes = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros
  ) {
    super.init(channelDim: -2, channels: { $0["weight"].map { $0.shape[1] * groups } }) {
      Conv1d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups,
        bias: bias, paddingMode: paddingMode)
    }
  }
}

/// SeeAlso: torch.nn.LazyConvTranspose1d
public final class LazyConvTranspose1d: LazyLayer<ConvTranspose1d> {
  public init(
    _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, bias: Bool = true, dilation: any Sizes = 1
  ) {
    super.init(channelDim: -2, channels: { $0["weight"]?.shape.first }) {
      ConvTranspose1d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding,
        groups: groups, bias: bias, dilation: dilation)
    }
  }
}

/// SeeAlso: torch.nn.LazyBatchNorm1d
public final class LazyBatchNorm1d: LazyLayer<BatchNorm1d> {
  public init(eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, trackRunningStats: Bool = true) {
    super.init(channelDim: 1, channels: { ($0["weight"] ?? $0["running_mean"])?.shape.first }) {
      BatchNorm1d($0, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats)
    }
  }
}

/// SeeAlso: torch.nn.LazyInstanceNorm1d
public final class LazyInstanceNorm1d: LazyLayer<InstanceNorm1d> {
  public init(eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, trackRunningStats: Bool = true) {
    super.init(channelDim: -2, channels: { ($0["weight"] ?? $0["running_mean"])?.shape.first }) {
      InstanceNorm1d($0, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats)
    }
  }
}

/// SeeAlso: torch.nn.LazyConv2d
public final class LazyConv2d: LazyLayer<Conv2d> {
  public init(
    _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: some ConvolutionPadding = 0,
    dilation: any Sizes = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros
  ) {
    super.init(channelDim: -3, channels: { $0["weight"].map { $0.shape[1] * groups } }) {
      Conv2d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups,
        bias: bias, paddingMode: paddingMode)
    }
  }
}

/// SeeAlso: torch.nn.LazyConvTranspose2d
public final class LazyConvTranspose2d: LazyLayer<ConvTranspose2d> {
  public init(
    _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, bias: Bool = true, dilation: any Sizes = 1
  ) {
    super.init(channelDim: -3, channels: { $0["weight"]?.shape.first }) {
      ConvTranspose2d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding,
        groups: groups, bias: bias, dilation: dilation)
    }
  }
}

/// SeeAlso: torch.nn.LazyBatchNorm2d
public final class LazyBatchNorm2d: LazyLayer<BatchNorm2d> {
  public init(eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, trackRunningStats: Bool = true) {
    super.init(channelDim: 1, channels: { ($0["weight"] ?? $0["running_mean"])?.shape.first }) {
      BatchNorm2d($0, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats)
    }
  }
}

/// SeeAlso: torch.nn.LazyInstanceNorm2d
public final class LazyInstanceNorm2d: LazyLayer<InstanceNorm2d> {
  public init(eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, trackRunningStats: Bool = true) {
    super.init(channelDim: -3, channels: { ($0["weight"] ?? $0["running_mean"])?.shape.first }) {
      InstanceNorm2d($0, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats)
    }
  }
}

/// SeeAlso: torch.nn.LazyConv3d
public final class LazyConv3d: LazyLayer<Conv3d> {
  public init(
    _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: some ConvolutionPadding = 0,
    dilation: any Sizes = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros
  ) {
    super.init(channelDim: -4, channels: { $0["weight"].map { $0.shape[1] * groups } }) {
      Conv3d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups,
        bias: bias, paddingMode: paddingMode)
    }
  }
}

/// SeeAlso: torch.nn.LazyConvTranspose3d
public final class LazyConvTranspose3d: LazyLayer<ConvTranspose3d> {
  public init(
    _ outChannels: Int, kernelSize: any Sizes, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, bias: Bool = true, dilation: any Sizes = 1
  ) {
    super.init(channelDim: -4, channels: { $0["weight"]?.shape.first }) {
      ConvTranspose3d(
        $0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding,
        groups: groups, bias: bias, dilation: dilation)
    }
  }
}

/// SeeAlso: torch.nn.LazyBatchNorm3d
public final class LazyBatchNorm3d: LazyLayer<BatchNorm3d> {
  public init(eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, trackRunningStats: Bool = true) {
    super.init(channelDim: 1, channels: { ($0["weight"] ?? $0["running_mean"])?.shape.first }) {
      BatchNorm3d($0, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats)
    }
  }
}

/// SeeAlso: torch.nn.LazyInstanceNorm3d
public final class LazyInstanceNorm3d: LazyLayer<InstanceNorm3d> {
  public init(eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, trackRunningStats: Bool = true) {
    super.init(channelDim: -4, channels: { ($0["weight"] ?? $0["running_mean"])?.shape.first }) {
      InstanceNorm3d($0, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats)
    }
  }
}
