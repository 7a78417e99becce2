import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The mean of each window of sequences. SeeAlso: torch.nn.AvgPool1d
public final class AvgPool1d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes
  public let ceilMode: Bool
  public let countIncludePad: Bool

  public init(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.avgPool1d(
        kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad)
    }
  }

  public override var extraRepr: String {
    "kernel_size=(\(kernelSize.sizes[0]),), stride=(\(stride.sizes[0]),), padding=(\(padding.sizes[0]),)"
      + ", ceil_mode=\(repr(ceilMode)), count_include_pad=\(repr(countIncludePad))"
  }
}

/// The mean of each window of images. SeeAlso: torch.nn.AvgPool2d
public final class AvgPool2d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes
  public let ceilMode: Bool
  public let countIncludePad: Bool
  public let divisorOverride: Int?

  public init(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
    self.divisorOverride = divisorOverride
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.avgPool2d(
        kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad,
        divisorOverride: divisorOverride)
    }
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding))"
  }
}

/// The mean of each window of volumes. SeeAlso: torch.nn.AvgPool3d
public final class AvgPool3d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes
  public let ceilMode: Bool
  public let countIncludePad: Bool
  public let divisorOverride: Int?

  public init(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
    self.divisorOverride = divisorOverride
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.avgPool3d(
        kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad,
        divisorOverride: divisorOverride)
    }
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding))"
  }
}
