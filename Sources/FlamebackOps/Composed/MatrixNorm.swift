import FlamebackCore
import FlamebackKernels

/// Which norm of a matrix.
public enum MatrixNorm: Sendable {
  /// The root of the sum of squares.
  case frobenius
  /// The sum of the singular values.
  case nuclear
  /// ±∞: the largest or smallest row sum; ±1: column sum; ±2: singular value.
  case order(Double)

  /// `fro` or `nuc`.
  public init?(_ name: String) {
    switch name {
    case "fro": self = .frobenius
    case "nuc": self = .nuclear
    default: return nil
    }
  }
}

extension Tensor {
  /// The norm of the matrices in two dimensions (default: the last ones). SeeAlso: torch.linalg.matrix_norm
  public func matrixNorm(
    _ order: MatrixNorm = .frobenius, dim: (Int, Int) = (-2, -1), keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    let op = "matrixNorm"
    return attempt(like: self) { () throws(OpError) in
      guard rank >= 2 else { throw OpError(op, "expected matrices, got \(spec)") }
      guard self.dtype.isDifferentiable else {
        throw OpError(op, "needs floating point or complex numbers, got \(spec)")
      }
      let dims = try normalizedDims([dim.0, dim.1], rank: rank, op: op)
      if case .frobenius = order { return vectorNorm(op, 2, dims, keepDim, dtype) }
      let x = dtype.map { to($0) } ?? self
      switch order {
      case .order(let value) where Swift.abs(value) == 1 || value.isInfinite:
        // Sums along one dimension, the extreme of them along the other.
        let (summed, chosen) = value.isInfinite ? (dims[1], dims[0]) : (dims[0], dims[1])
        let sums = x.abs().sum(dim: summed, keepDim: true)
        let extreme = value > 0 ? sums.amax(dim: chosen, keepDim: true) : sums.amin(dim: chosen, keepDim: true)
        return keepDim ? extreme : extreme.squeeze(dims)
      case .nuclear, .order(2), .order(-2):
        // Both dimensions go to the end, and come back with size 1.
        let values = x.movedim(dims, [rank - 2, rank - 1]).svdvals()
        let result: Tensor
        if case .nuclear = order {
          result = values.sum(dim: -1)
        } else if case .order(2) = order {
          result = values.amax(dim: -1)
        } else {
          result = values.amin(dim: -1)
        }
        if !keepDim { return result }
        return dims.sorted().reduce(result) { $0.unsqueeze($1) }
      default: throw OpError(op, "no such norm of a matrix: \(order)")
      }
    }
  }
}
