import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The tensor repeated `repeats` times in each dimension; more repeats than dimensions add leading ones.
  /// SeeAlso: torch.Tensor.repeat
  public func `repeat`(_ repeats: Int...) -> Tensor { self.repeat(repeats) }

  /// The tensor repeated `repeats` times in each dimension; more repeats than dimensions add leading ones.
  /// SeeAlso: torch.Tensor.repeat
  public func `repeat`(_ repeats: some Collection<Int>) -> Tensor {
    let repeats = Array(repeats)
    guard repeats.count >= rank, repeats.allSatisfy({ $0 >= 0 }) else {
      return fail(
        "repeat", "needs at least as many repeats as dimensions, none negative: \(repeats) × \(spec)", like: spec)
    }
    let padded = Array(repeating: 1, count: repeats.count - rank) + shape.array
    var apart: [Int] = []
    var target: [Int] = []
    for (count, size) in zip(repeats, padded) {
      apart += [1, size]
      target += [count, size]
    }
    return attempt(like: self) { () throws(OpError) in
      var sizes: [Int] = []
      for (count, size) in zip(repeats, padded) { sizes.append(try sized("repeat") { CheckedInt(count) * size }) }
      // A copy even where a view would do: PyTorch's result is contiguous, and nobody else's memory.
      return reshaped(Shape(apart)).expanded(to: Shape(target)).reshape(sizes).contiguousCopy(of: self)
    }
  }

  /// The tensor itself where it is contiguous in memory other than the source's, a copy of it otherwise.
  private func contiguousCopy(of source: Tensor) -> Tensor {
    isContiguous && !sharesStorage(with: source) ? self : clone()
  }

  /// `repeat` where missing repeats are 1. SeeAlso: torch.tile
  public func tile(_ dims: some Collection<Int>) -> Tensor {
    self.repeat(Array(repeating: 1, count: Swift.max(rank - dims.count, 0)) + Array(dims))
  }

  /// `repeat` where missing repeats are 1. SeeAlso: torch.tile
  public func tile(_ dims: Int...) -> Tensor { tile(dims) }

  /// Every element (of `dim`; of the flattened tensor without it) `repeats` times in a row.
  /// SeeAlso: torch.repeat_interleave
  public func repeatInterleave(_ repeats: Int, dim: Int? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard repeats >= 0 else { throw OpError("repeatInterleave", "repeats must not be negative, got \(repeats)") }
      guard let dim else { return reshape(-1).repeatInterleave(repeats, dim: 0) }
      let d = try normalizedDim(dim, rank: rank, op: "repeatInterleave")
      let base = atLeast1d()
      var apart = base.shape
      apart.insert(repeats, at: d + 1)
      var target = base.shape
      target[d] = try sized("repeatInterleave") { CheckedInt(target[d]) * repeats }
      return base.unsqueeze(d + 1).expanded(to: apart).reshaped(target).contiguousCopy(of: self)
    }
  }

  /// Element `i` of `dim` `repeats[i]` times in a row; a single repeat stands for all.
  /// SeeAlso: torch.repeat_interleave
  public func repeatInterleave(_ repeats: Tensor, dim: Int? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard let dim else { return reshape(-1).repeatInterleave(repeats, dim: 0) }
      guard repeats.dtype.isInteger, repeats.rank <= 1 else {
        throw OpError("repeatInterleave", "repeats must be a 0-d or 1-d integer tensor, got \(repeats.spec)")
      }
      let base = atLeast1d()
      let d = try normalizedDim(dim, rank: base.rank, op: "repeatInterleave")
      let counts = repeats.scalars(Int.self)
      if counts.count == 1 { return base.repeatInterleave(counts[0], dim: d) }
      guard counts.count == base.shape[d] else {
        throw OpError(
          "repeatInterleave", "\(counts.count) repeats for a dim of size \(base.shape[d]): \(repeats.spec) × \(spec)")
      }
      guard counts.allSatisfy({ $0 >= 0 }) else { throw OpError("repeatInterleave", "repeats must not be negative") }
      let total = try sized("repeatInterleave") { .sum(counts) }
      var target = base.shape
      target[d] = total
      try TensorSpec(shape: target, dtype: dtype).checkMemory("repeatInterleave")
      let indices = counts.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) }
      return base.indexSelect(dim: d, index: Tensor(indices, shape: [indices.count], device: device))
    }
  }
}
