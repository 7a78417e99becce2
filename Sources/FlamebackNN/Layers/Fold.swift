import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The patches of images as columns. SeeAlso: torch.nn.Unfold
public final class Unfold: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let dilation: any Sizes
  public let padding: any Sizes
  public let stride: any Sizes

  public init(_ kernelSize: any Sizes, dilation: any Sizes = 1, padding: any Sizes = 0, stride: any Sizes = 1) {
    self.kernelSize = kernelSize
    self.dilation = dilation
    self.padding = padding
    self.stride = stride
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.unfold(kernelSize: kernelSize, dilation: dilation, padding: padding, stride: stride) }
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), dilation=\(repr(dilation)), padding=\(repr(padding)), stride=\(repr(stride))"
  }
}

/// The image whose patches add up from columns. SeeAlso: torch.nn.Fold
public final class Fold: Module, UnaryLayer {
  public let outputSize: any Sizes
  public let kernelSize: any Sizes
  public let dilation: any Sizes
  public let padding: any Sizes
  public let stride: any Sizes

  public init(
    _ outputSize: any Sizes, _ kernelSize: any Sizes, dilation: any Sizes = 1, padding: any Sizes = 0,
    stride: any Sizes = 1
  ) {
    self.outputSize = outputSize
    self.kernelSize = kernelSize
    self.dilation = dilation
    self.padding = padding
    self.stride = stride
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.fold(
        outputSize: outputSize, kernelSize: kernelSize, dilation: dilation, padding: padding, stride: stride)
    }
  }

  public override var extraRepr: String {
    "output_size=\(repr(outputSize)), kernel_size=\(repr(kernelSize)), dilation=\(repr(dilation)), "
      + "padding=\(repr(padding)), stride=\(repr(stride))"
  }
}
