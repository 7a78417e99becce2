import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// How an adaptive pooling prints its sizes.
private func repr(_ sizes: [Int?]) -> String {
  sizes.count == 1
    ? FlamebackNN.repr(sizes[0]) : "(\(sizes.map { FlamebackNN.repr($0) }.joined(separator: ", ")))"
}

/// The mean of as many windows of sequences as wanted; nil keeps a size. SeeAlso: torch.nn.AdaptiveAvgPool1d
public final class AdaptiveAvgPool1d: Module, UnaryLayer {
  public let outputSize: [Int?]

  public init(_ outputSize: Int?...) { self.outputSize = outputSize }
  public init(_ outputSize: [Int?]) { self.outputSize = outputSize }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.adaptiveAvgPool1d(outputSize) } }

  public override var extraRepr: String { "output_size=\(repr(outputSize))" }
}

/// The mean of as many windows of images as wanted; nil keeps a size. SeeAlso: torch.nn.AdaptiveAvgPool2d
public final class AdaptiveAvgPool2d: Module, UnaryLayer {
  public let outputSize: [Int?]

  public init(_ outputSize: Int?...) { self.outputSize = outputSize }
  public init(_ outputSize: [Int?]) { self.outputSize = outputSize }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.adaptiveAvgPool2d(outputSize) } }

  public override var extraRepr: String { "output_size=\(repr(outputSize))" }
}

/// The mean of as many windows of volumes as wanted; nil keeps a size. SeeAlso: torch.nn.AdaptiveAvgPool3d
public final class AdaptiveAvgPool3d: Module, UnaryLayer {
  public let outputSize: [Int?]

  public init(_ outputSize: Int?...) { self.outputSize = outputSize }
  public init(_ outputSize: [Int?]) { self.outputSize = outputSize }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.adaptiveAvgPool3d(outputSize) } }

  public override var extraRepr: String { "output_size=\(repr(outputSize))" }
}

/// The largest value of as many windows of sequences as wanted; nil keeps a size. SeeAlso: torch.nn.AdaptiveMaxPool1d
public final class AdaptiveMaxPool1d: Module, UnaryLayer {
  public let outputSize: [Int?]

  public init(_ outputSize: Int?...) { self.outputSize = outputSize }
  public init(_ outputSize: [Int?]) { self.outputSize = outputSize }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.adaptiveMaxPool1d(outputSize) } }

  /// The values and where they came from.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.adaptiveMaxPool1dWithIndices(outputSize)
  }

  public override var extraRepr: String { "output_size=\(repr(outputSize))" }
}

/// The largest value of as many windows of images as wanted; nil keeps a size. SeeAlso: torch.nn.AdaptiveMaxPool2d
public final class AdaptiveMaxPool2d: Module, UnaryLayer {
  public let outputSize: [Int?]

  public init(_ outputSize: Int?...) { self.outputSize = outputSize }
  public init(_ outputSize: [Int?]) { self.outputSize = outputSize }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.adaptiveMaxPool2d(outputSize) } }

  /// The values and where they came from.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.adaptiveMaxPool2dWithIndices(outputSize)
  }

  public override var extraRepr: String { "output_size=\(repr(outputSize))" }
}

/// The largest value of as many windows of volumes as wanted; nil keeps a size. SeeAlso: torch.nn.AdaptiveMaxPool3d
public final class AdaptiveMaxPool3d: Module, UnaryLayer {
  public let outputSize: [Int?]

  public init(_ outputSize: Int?...) { self.outputSize = outputSize }
  public init(_ outputSize: [Int?]) { self.outputSize = outputSize }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.adaptiveMaxPool3d(outputSize) } }

  /// The values and where they came from.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.adaptiveMaxPool3dWithIndices(outputSize)
  }

  public override var extraRepr: String { "output_size=\(repr(outputSize))" }
}
