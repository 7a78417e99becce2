import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The diagonal of the matrices over `dim1` and `dim2`, as a last dimension; a positive `offset` lies above the main one.
  /// SeeAlso: torch.diagonal
  public func diagonal(offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      apply(try Primitives.Diagonal(offset: offset, dim1, dim2, of: shape), self)
    }
  }

  /// A copy in which that diagonal is replaced by `source`. SeeAlso: torch.diagonal_scatter
  public func diagonalScatter(_ source: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try scattering(try Primitives.Diagonal(offset: offset, dim1, dim2, of: shape), source, exact: true)
    }
  }

  /// A vector as the diagonal of a matrix, or the diagonal of a matrix. SeeAlso: torch.diag
  public func diag(_ diagonal: Int = 0) -> Tensor {
    switch rank {
    case 1: diagEmbed(offset: diagonal)
    case 2: self.diagonal(offset: diagonal).clone()
    default: fail("diag", "supports tensors of 1 or 2 dimensions, got \(spec)", like: spec)
    }
  }

  /// All elements as the diagonal of a matrix. SeeAlso: torch.diagflat
  public func diagflat(_ offset: Int = 0) -> Tensor { reshape(-1).diagEmbed(offset: offset) }

  /// Zeros with the last dimension as diagonal over two new dimensions. SeeAlso: torch.diag_embed
  public func diagEmbed(offset: Int = 0, dim1: Int = -2, dim2: Int = -1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank > 0 else { throw OpError("diagEmbed", "expects at least one dimension, got \(spec)") }
      let a = try normalizedDim(dim1, rank: rank + 1, op: "diagEmbed")
      let b = try normalizedDim(dim2, rank: rank + 1, op: "diagEmbed")
      guard a != b else { throw OpError("diagEmbed", "diagonal dimensions cannot be identical: \(dim1), \(dim2)") }
      let size = try sized("diagEmbed") {
        offset < 0 ? CheckedInt(shape[rank - 1]) - offset : CheckedInt(shape[rank - 1]) + offset
      }
      var base = Array(shape.dropLast())
      base.insert(size, at: Swift.min(a, b))
      base.insert(size, at: Swift.max(a, b))
      let view = try Primitives.Diagonal(offset: offset, a, b, of: Shape(base))
      return apply(Primitives.ViewAdjoint(view: view, base: TensorSpec(shape: Shape(base), dtype: dtype)), self)
    }
  }
}

extension Primitives {
  /// A diagonal over two dimensions, as the last one.
  package struct Diagonal: ViewPrimitive {
    package static let name = "diagonal"
    package let offset, dim1, dim2: Int

    package init(offset: Int, _ dim1: Int, _ dim2: Int, of shape: Shape) throws(OpError) {
      self.offset = offset
      guard shape.count >= 2 else {
        _ = try normalizedDim(dim1, rank: shape.count, op: "diagonal")
        _ = try normalizedDim(dim2, rank: shape.count, op: "diagonal")
        throw OpError("diagonal", "needs at least two dimensions, got shape \(shape)")
      }
      self.dim1 = try normalizedDim(dim1, rank: shape.count, op: "diagonal")
      self.dim2 = try normalizedDim(dim2, rank: shape.count, op: "diagonal")
      guard self.dim1 != self.dim2 else {
        throw OpError("diagonal", "diagonal dimensions cannot be identical: \(dim1), \(dim2)")
      }
    }

    package func layout(of input: Layout) throws(OpError) -> Layout {
      let rows = input.shape[dim1] - (offset < -input.shape[dim1] ? input.shape[dim1] : max(-offset, 0))
      let columns = input.shape[dim2] - max(offset, 0)
      let length = max(min(rows, columns), 0)
      let kept = (0..<input.rank).filter { $0 != dim1 && $0 != dim2 }
      var result = Layout(
        shape: Shape(kept.map { input.shape[$0] } + [length]),
        strides: Shape(kept.map { input.strides[$0] } + [input.strides[dim1] &+ input.strides[dim2]]),
        offset: input.offset)
      if length > 0 { result.offset += offset >= 0 ? offset * input.strides[dim2] : -offset * input.strides[dim1] }
      return result
    }

    package var attributes: [(String, String)] { [("offset", "\(offset)"), ("dim1", "\(dim1)"), ("dim2", "\(dim2)")] }

    package var gradient: Gradient { adjointGradient }
  }
}

extension Tensor {
  /// A copy with one number on the main diagonal; `wrap` starts it anew below a tall matrix's last row of it.
  /// SeeAlso: torch.Tensor.fill_diagonal_
  public func fillDiagonal(_ value: some ScalarConvertible, wrap: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank >= 2, rank == 2 || shape.allSatisfy({ $0 == shape[0] }) else {
        throw OpError("fillDiagonal", "expects a matrix, or more dimensions of one size, got \(spec)")
      }
      let step = shape.contiguousStrides.reduce(0, +)
      let (height, width) = (shape[0], shape[1])
      let number = Tensor.full([], value.scalar, dtype: dtype, device: device)
      func filling(_ x: Tensor, _ start: Int, _ count: Int) -> Tensor {
        let target = Layout(shape: [count], strides: [step], offset: start)
        return apply(Primitives.EmbedView(view: Primitives.AsStrided(input: Layout(shape), target: target)), x, number)
      }
      let size = shape.min()!
      let filled = filling(self, 0, size)
      guard wrap, rank == 2, height > width + 1 else { return filled }
      return filling(filled, width * (width + 1), (elementCount + width) / (width + 1) - size)
    }
  }
}
