import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Distinct values, where each element went, and how often each value occurs.
  public typealias Distinct = (values: Tensor, inverse: Tensor, counts: Tensor)

  /// The distinct elements in ascending order, or the distinct slices along `dim`. SeeAlso: torch.unique
  public func unique(dim: Int? = nil) -> Tensor { uniqueWithCounts(dim: dim).values }

  /// `unique` with the position of every element among the values and the number of occurrences.
  /// SeeAlso: torch.unique with return_inverse and return_counts
  public func uniqueWithCounts(dim: Int? = nil) -> Distinct { distinct("unique", dim, consecutive: false) }

  /// The elements (or slices along `dim`) without repetitions of the neighbour. SeeAlso: torch.unique_consecutive
  public func uniqueConsecutive(dim: Int? = nil) -> Tensor { uniqueConsecutiveWithCounts(dim: dim).values }

  /// SeeAlso: torch.unique_consecutive with return_inverse and return_counts
  public func uniqueConsecutiveWithCounts(dim: Int? = nil) -> Distinct {
    distinct("uniqueConsecutive", dim, consecutive: true)
  }

  // How many values there are shows only when they are found, so this is no primitive: it has no gradient, and a graph
  // holds its results as constants.
  private func distinct(_ op: String, _ dim: Int?, consecutive: Bool) -> Distinct {
    let results = attempt(like: self, count: 3) { () throws(OpError) in
      guard !dtype.isComplex else { throw OpError(op, "complex numbers have no order: \(spec)") }
      guard dtype.family.isSubset(of: .unsigned) else { throw OpError(op, "not defined for \(dtype)") }
      let host = try withoutHistory.packed(op: op).copiedToHost(op)
      if let dim { return try host.distinctSlices(op, dim, consecutive) }
      return try host.distinctElements(op, consecutive)
    }
    let placed = results.map { $0.to(device) }
    return (placed[0], placed[1], placed[2])
  }

  private func copiedToHost(_ op: String) throws(OpError) -> Tensor {
    try copied(to: .cpu, op: op)
  }

  private func distinctElements(_ op: String, _ consecutive: Bool) throws(OpError) -> [Tensor] {
    let values = try Tensor.uninitialized(TensorSpec(shape: [elementCount], dtype: dtype), op: op)
    let inverse = try Tensor.uninitialized(TensorSpec(shape: shape, dtype: .int64), op: op)
    let counts = try Tensor.uninitialized(TensorSpec(shape: [elementCount], dtype: .int64), op: op)
    let find = consecutive ? fb_unique_consecutive : fb_unique
    let x = hostView
    let found = find(
      x.code, x.pointer, Int64(elementCount), values.hostView.pointer, inverse.hostView.int64s, counts.hostView.int64s)
    return [values.sliced(0, 0, Int(found), 1).clone(), inverse, counts.sliced(0, 0, Int(found), 1).clone()]
  }

  private func distinctSlices(_ op: String, _ dim: Int, _ consecutive: Bool) throws(OpError) -> [Tensor] {
    let d = try normalizedDim(dim, rank: rank, op: op)
    if rank == 0 { return try atLeast1d().distinctElements(op, consecutive) }
    let n = shape[d]
    let rows = movedim(d, 0).contiguous()
    let inner = n == 0 ? 0 : elementCount / n
    guard n == 0 || inner > 0 else {
      throw OpError(op, "cannot compare slices without elements: \(spec), dim \(d)")
    }
    let first = try Tensor.uninitialized(TensorSpec(shape: [n], dtype: .int64), op: op)
    let inverse = try Tensor.uninitialized(TensorSpec(shape: [n], dtype: .int64), op: op)
    let counts = try Tensor.uninitialized(TensorSpec(shape: [n], dtype: .int64), op: op)
    let x = rows.hostView
    let found = Int(
      fb_unique_rows(
        x.code, x.pointer, Int64(n), Int64(inner), consecutive, first.hostView.int64s, inverse.hostView.int64s,
        counts.hostView.int64s))
    return [
      indexSelect(dim: d, index: first.sliced(0, 0, found, 1)), inverse, counts.sliced(0, 0, found, 1).clone(),
    ]
  }
}
