import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Joins dimensions, by default all but the first. SeeAlso: torch.nn.Flatten
public final class Flatten: Module, UnaryLayer {
  public let startDim: Int
  public let endDim: Int

  public init(startDim: Int = 1, endDim: Int = -1) {
    self.startDim = startDim
    self.endDim = endDim
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.flatten(startDim: startDim, endDim: endDim) } }

  public override var extraRepr: String { "start_dim=\(startDim), end_dim=\(endDim)" }
}

/// Cuts a dimension into several. SeeAlso: torch.nn.Unflatten
public final class Unflatten: Module, UnaryLayer {
  public let dim: Int
  public let sizes: [Int]

  public init(_ dim: Int, _ sizes: [Int]) {
    self.dim = dim
    self.sizes = sizes
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.unflatten(dim, sizes) } }

  public override var extraRepr: String { "dim=\(dim), unflattened_size=\(repr(sizes))" }
}
