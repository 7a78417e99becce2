import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Puts the values of `MaxPool1d` back where they came from. SeeAlso: torch.nn.MaxUnpool1d
public final class MaxUnpool1d: Module {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes

  public init(_ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
  }

  public func callAsFunction(_ x: Tensor, _ indices: Tensor, outputSize: [Int]? = nil) -> Tensor {
    call([x, indices]) {
      [$0[0].maxUnpool1d($0[1], kernelSize, stride: stride, padding: padding, outputSize: outputSize)]
    }[0]
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding))"
  }
}

/// Puts the values of `MaxPool2d` back where they came from. SeeAlso: torch.nn.MaxUnpool2d
public final class MaxUnpool2d: Module {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes

  public init(_ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
  }

  public func callAsFunction(_ x: Tensor, _ indices: Tensor, outputSize: [Int]? = nil) -> Tensor {
    call([x, indices]) {
      [$0[0].maxUnpool2d($0[1], kernelSize, stride: stride, padding: padding, outputSize: outputSize)]
    }[0]
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding))"
  }
}

/// Puts the values of `MaxPool3d` back where they came from. SeeAlso: torch.nn.MaxUnpool3d
public final class MaxUnpool3d: Module {
  public let kernelSize: any Sizes
  public let stride: any Sizes
  public let padding: any Sizes

  public init(_ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
  }

  public func callAsFunction(_ x: Tensor, _ indices: Tensor, outputSize: [Int]? = nil) -> Tensor {
    call([x, indices]) {
      [$0[0].maxUnpool3d($0[1], kernelSize, stride: stride, padding: padding, outputSize: outputSize)]
    }[0]
  }

  public override var extraRepr: String {
    "kernel_size=\(repr(kernelSize)), stride=\(repr(stride)), padding=\(repr(padding))"
  }
}
