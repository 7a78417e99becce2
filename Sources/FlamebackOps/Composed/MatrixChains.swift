import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The product summed over the last `dims` dimensions of this tensor and the first of the other.
  /// SeeAlso: torch.tensordot
  public func tensordot(_ other: Tensor, dims: Int = 2) -> Tensor {
    guard dims >= 0, dims <= rank, dims <= other.rank else {
      return fail("tensordot", "cannot contract \(dims) dimensions of \(spec) × \(other.spec)", like: spec)
    }
    return tensordot(other, dims: (Array((rank - dims)..<rank), Array(0..<dims)))
  }

  /// The product summed over pairs of dimensions, `dims.0` of this tensor with `dims.1` of the other.
  /// SeeAlso: torch.tensordot
  public func tensordot(_ other: Tensor, dims: ([Int], [Int])) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard dims.0.count == dims.1.count else {
        throw OpError("tensordot", "both lists of dims need the same length, got \(dims.0) and \(dims.1)")
      }
      let left = dims.0.isEmpty ? [] : try normalizedDims(dims.0, rank: rank, op: "tensordot")
      let right = dims.1.isEmpty ? [] : try normalizedDims(dims.1, rank: other.rank, op: "tensordot")
      var a = self
      var b = other
      for (i, j) in zip(left, right) where a.shape[i] != b.shape[j] {
        if b.shape[j] == 1 {
          a = a.sum(dim: [i], keepDim: true, dtype: a.dtype)
        } else if a.shape[i] == 1 {
          b = b.sum(dim: [j], keepDim: true, dtype: b.dtype)
        } else {
          throw OpError("tensordot", "contracted dimensions differ: \(spec) dims \(left) × \(other.spec) dims \(right)")
        }
      }
      let freeLeft = (0..<rank).filter { !left.contains($0) }
      let freeRight = (0..<other.rank).filter { !right.contains($0) }
      let size = { (dims: [Int], shape: Shape) in dims.reduce(1) { $0 * shape[$1] } }
      let depth = size(left, a.shape)
      let rows = a.permute(freeLeft + left).reshape([size(freeLeft, shape), depth])
      let columns = b.permute(right + freeRight).reshape([depth, size(freeRight, other.shape)])
      return rows.matmul(columns, op: "tensordot")
        .reshape(freeLeft.map { shape[$0] } + freeRight.map { other.shape[$0] })
    }
  }

  /// Kronecker's product: every element of this tensor times the whole other one. SeeAlso: torch.kron
  public func kron(_ other: Tensor) -> Tensor {
    let rank = Swift.max(self.rank, other.rank)
    let a = Array(repeating: 1, count: rank - self.rank) + shape
    let b = Array(repeating: 1, count: rank - other.rank) + other.shape
    let product = reshape(a.flatMap { [$0, 1] }) * other.reshape(b.flatMap { [1, $0] })
    return product.reshape(zip(a, b).map { $0 * $1 })
  }
}

/// The product of a chain of matrices in the cheapest order; the first and the last may be vectors.
/// SeeAlso: torch.linalg.multi_dot
public func multiDot(_ tensors: [Tensor]) -> Tensor { chain(tensors, "multiDot", vectors: true) }

/// The product of a chain of matrices in the cheapest order. SeeAlso: torch.chain_matmul
public func chainMatmul(_ matrices: Tensor...) -> Tensor { chain(matrices, "chainMatmul", vectors: false) }

private func chain(_ tensors: [Tensor], _ op: String, vectors: Bool) -> Tensor {
  guard let first = tensors.first, let last = tensors.last, tensors.count >= (vectors ? 2 : 1) else {
    return fail(op, "needs at least \(vectors ? 2 : 1) tensors, got \(tensors.count)")
  }
  var matrices = tensors
  if vectors {
    if first.rank == 1 { matrices[0] = first.unsqueeze(0) }
    if last.rank == 1 { matrices[matrices.count - 1] = last.unsqueeze(1) }
  }
  for (i, matrix) in matrices.enumerated() {
    guard matrix.rank == 2, i == 0 || matrices[i - 1].rank == 2 && matrices[i - 1].shape[1] == matrix.shape[0] else {
      return fail(
        op, "shapes cannot be multiplied: \(tensors.map(\.spec.description).joined(separator: " × "))", like: first.spec
      )
    }
  }
  // cost[i][j]: multiplications for the matrices i...j; split[i][j]: where the last product parts them.
  let n = matrices.count
  let sizes = [matrices[0].shape[0]] + matrices.map { $0.shape[1] }
  var cost = Array(repeating: Array(repeating: 0, count: n), count: n)
  var split = cost
  for length in 1..<max(n, 1) {
    for i in 0..<(n - length) {
      let j = i + length
      cost[i][j] = .max
      for k in i..<j {
        let total = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
        if total < cost[i][j] { (cost[i][j], split[i][j]) = (total, k) }
      }
    }
  }
  func product(_ i: Int, _ j: Int) -> Tensor {
    i == j
      ? matrices[i] : product(i, split[i][j]).matmul(product(split[i][j] + 1, j), op: op)
  }
  var result = product(0, n - 1)
  if vectors, last.rank == 1 { result = result.squeeze(1) }
  if vectors, first.rank == 1 { result = result.squeeze(0) }
  return result
}
