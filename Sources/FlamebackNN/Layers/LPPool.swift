import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The p-norm of each window of sequences. SeeAlso: torch.nn.LPPool1d
public final class LPPool1d: Module, UnaryLayer {
  public let normType: Double
  public let kernelSize: any Sizes
  public let stride: (any Sizes)?
  public let ceilMode: Bool

  public init(_ normType: Double, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, ceilMode: Bool = false) {
    self.normType = normType
    self.kernelSize = kernelSize
    self.stride = stride
    self.ceilMode = ceilMode
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.lpPool1d(normType: normType, kernelSize, stride: stride, ceilMode: ceilMode) }
  }

  public override var extraRepr: String {
    "norm_type=\(repr(normType)), kernel_size=\(repr(kernelSize)), "
      + "stride=\(stride.map { repr($0) } ?? "None"), ceil_mode=\(repr(ceilMode))"
  }
}

/// The p-norm of each window of images. SeeAlso: torch.nn.LPPool2d
public final class LPPool2d: Module, UnaryLayer {
  public let normType: Double
  public let kernelSize: any Sizes
  public let stride: (any Sizes)?
  public let ceilMode: Bool

  public init(_ normType: Double, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, ceilMode: Bool = false) {
    self.normType = normType
    self.kernelSize = kernelSize
    self.stride = stride
    self.ceilMode = ceilMode
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.lpPool2d(normType: normType, kernelSize, stride: stride, ceilMode: ceilMode) }
  }

  public override var extraRepr: String {
    "norm_type=\(repr(normType)), kernel_size=\(repr(kernelSize)), "
      + "stride=\(stride.map { repr($0) } ?? "None"), ceil_mode=\(repr(ceilMode))"
  }
}

/// The p-norm of each window of volumes. SeeAlso: torch.nn.LPPool3d
public final class LPPool3d: Module, UnaryLayer {
  public let normType: Double
  public let kernelSize: any Sizes
  public let stride: (any Sizes)?
  public let ceilMode: Bool

  public init(_ normType: Double, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, ceilMode: Bool = false) {
    self.normType = normType
    self.kernelSize = kernelSize
    self.stride = stride
    self.ceilMode = ceilMode
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.lpPool3d(normType: normType, kernelSize, stride: stride, ceilMode: ceilMode) }
  }

  public override var extraRepr: String {
    "norm_type=\(repr(normType)), kernel_size=\(repr(kernelSize)), "
      + "stride=\(stride.map { repr($0) } ?? "None"), ceil_mode=\(repr(ceilMode))"
  }
}
