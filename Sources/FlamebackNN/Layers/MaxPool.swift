import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// What poolings with windows share: how a number or a list of numbers is printed.
func repr(_ sizes: any Sizes) -> String { (sizes as? Int).map { "\($0)" } ?? repr(sizes.sizes) }

/// The largest value of each window of sequences. SeeAlso: torch.nn.MaxPool1d
public final class MaxPool1d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes
  public let dilation: any Sizes
  public let ceilMode: Bool

  public init(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.dilation = dilation
    self.ceilMode = ceilMode
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.maxPool1d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
    }
  }

  /// The values and where they came from, for `MaxUnpool1d`.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.maxPool1dWithIndices(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding)), "
      + "dilation=\(repr(dilation)), ceil_mode=\(repr(ceilMode))"
  }
}

/// The largest value of each window of images. SeeAlso: torch.nn.MaxPool2d
public final class MaxPool2d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes
  public let dilation: any Sizes
  public let ceilMode: Bool

  public init(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.dilation = dilation
    self.ceilMode = ceilMode
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.maxPool2d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
    }
  }

  /// The values and where they came from, for `MaxUnpool2d`.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.maxPool2dWithIndices(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding)), "
      + "dilation=\(repr(dilation)), ceil_mode=\(repr(ceilMode))"
  }
}

/// The largest value of each window of volumes. SeeAlso: torch.nn.MaxPool3d
public final class MaxPool3d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes
  public let dilation: any Sizes
  public let ceilMode: Bool

  public init(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.dilation = dilation
    self.ceilMode = ceilMode
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.maxPool3d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
    }
  }

  /// The values and where they came from, for `MaxUnpool3d`.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.maxPool3dWithIndices(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding)), "
      + "dilation=\(repr(dilation)), ceil_mode=\(repr(ceilMode))"
  }
}
