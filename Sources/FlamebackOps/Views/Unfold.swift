import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Windows of `size` places along `dim`, `step` apart, the places as a new last dimension.
  /// SeeAlso: torch.Tensor.unfold
  public func unfold(dim: Int, size: Int, step: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: "unfold")
      let limit = rank == 0 ? 1 : shape[d]
      guard size >= 0 else { throw OpError("unfold", "size must not be negative, got \(size)") }
      guard size <= limit else { throw OpError("unfold", "size \(size) exceeds the size \(limit) of dim \(d)") }
      guard step > 0 else { throw OpError("unfold", "step must be greater than zero, got \(step)") }
      let windows = rank == 0 ? reshaped([1]) : self
      let result = apply(Primitives.Windows(dim: d, size: size, step: step), windows)
      return rank == 0 ? result.select(dim: 0, index: 0) : result
    }
  }
}

extension Primitives {
  /// Overlapping windows along a dimension.
  package struct Windows: ViewPrimitive {
    package static let name = "unfold"
    package let dim, size, step: Int

    package func layout(of input: Layout) throws(OpError) -> Layout {
      var result = input
      result.shape[dim] = (input.shape[dim] - size) / step + 1
      result.strides[dim] = result.shape[dim] > 1 ? result.strides[dim] * step : result.strides[dim] &* step
      result.shape.append(size)
      result.strides.append(input.strides[dim])
      return result
    }

    package var attributes: [(String, String)] { [("dim", "\(dim)"), ("size", "\(size)"), ("step", "\(step)")] }

    package var gradient: Gradient { adjointGradient }
  }
}
