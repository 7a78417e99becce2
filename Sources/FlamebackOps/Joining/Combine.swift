import FlamebackCore
import FlamebackKernels

/// Which of the first two dimensions of a mesh belongs to the first tensor: the rows (`ij`) or the columns (`xy`).
public enum MeshIndexing: String, Sendable {
  case ij, xy
}

extension Tensor {
  /// The coordinates of a grid over 1-d tensors, each expanded over the whole grid. SeeAlso: torch.meshgrid
  public static func meshgrid(_ tensors: [Tensor], indexing: MeshIndexing = .ij) -> [Tensor] {
    guard let first = tensors.first else {
      report(OpError("meshgrid", "expects a non-empty list of tensors"))
      return []
    }
    return attempt(like: first, count: tensors.count) { () throws(OpError) in
      guard tensors.allSatisfy({ $0.rank <= 1 }), tensors.allSatisfy({ $0.dtype == first.dtype }) else {
        throw OpError(
          "meshgrid",
          "expects 0-d or 1-d tensors of one dtype, got \(tensors.map(\.spec.description).joined(separator: ", "))")
      }
      let swaps = indexing == .xy && tensors.count >= 2
      var order = tensors
      if swaps { order.swapAt(0, 1) }
      let shape = Shape(order.map(\.elementCount))
      var grids = order.enumerated().map { i, tensor in
        var own = Shape(repeating: 1, count: order.count)
        own[i] = tensor.elementCount
        return tensor.reshaped(own).expanded(to: shape)
      }
      if swaps { grids.swapAt(0, 1) }
      return grids
    }
  }

  /// All ways to take one element of each 1-d tensor, as rows. SeeAlso: torch.cartesian_prod
  public static func cartesianProd(_ tensors: [Tensor]) -> Tensor {
    if tensors.count == 1, tensors[0].rank == 1 { return tensors[0] }
    if let bad = tensors.first(where: { $0.rank != 1 }) {
      return fail("cartesianProd", "expects 1-d tensors, got \(bad.spec)", like: bad.spec)
    }
    return stack(meshgrid(tensors).map { $0.reshape(-1) }, dim: 1)
  }

  /// All ways to choose `r` elements of a 1-d tensor, in order, as rows. SeeAlso: torch.combinations
  public func combinations(_ r: Int = 2, withReplacement: Bool = false) -> Tensor {
    guard rank == 1, r >= 0 else {
      return fail("combinations", "expects a 1-d tensor and r >= 0, got \(spec) and \(r)", like: spec)
    }
    if r == 0 { return newEmpty([0]) }
    let n = elementCount
    if n == 0 || !withReplacement && r > n {
      return indexSelect(dim: 0, index: Tensor([Int](), shape: [0], device: device)).reshaped([0, r])
    }
    return attempt(like: self) { () throws(OpError) in
      // C(n, r), or C(n + r − 1, r) with replacement, one factor after the other: each product is a binomial itself.
      let (top, bottom) = withReplacement ? (n == 1 ? 1 : n - 1, n == 1 ? 0 : n - 1) : (n, Swift.min(r, n - r))
      var count: CheckedInt = 1
      for i in 0..<bottom {
        let factor = withReplacement ? CheckedInt(r) + i + 1 : CheckedInt(top) - i
        count = count * factor / (i + 1)
        if count.value == nil { break }
      }
      let rows = try sized("combinations") { count }
      let total = try sized("combinations") { CheckedInt(rows) * r }
      try TensorSpec(shape: [total], dtype: .int64).checkMemory("combinations")
      var indices: [Int] = []
      indices.reserveCapacity(total)
      var current = withReplacement ? [Int](repeating: 0, count: r) : Array(0..<r)
      for _ in 0..<rows {
        indices += current
        // The last place that can move on does so, and those behind it follow as closely as they may.
        guard let place = current.indices.last(where: { current[$0] < (withReplacement ? n - 1 : n - r + $0) }) else {
          break
        }
        let next = current[place] + 1
        for k in place..<r { current[k] = withReplacement ? next : next + k - place }
      }
      return indexSelect(dim: 0, index: Tensor(indices, shape: [total], device: device)).reshaped([rows, r])
    }
  }

  /// The matrices along the diagonal of a matrix of zeros. SeeAlso: torch.block_diag
  public static func blockDiag(_ tensors: [Tensor]) -> Tensor {
    if tensors.isEmpty { return zeros(1, 0) }
    if let bad = tensors.first(where: { $0.rank > 2 }) {
      return fail("blockDiag", "expects tensors of at most 2 dimensions, got \(bad.spec)", like: bad.spec)
    }
    let blocks = tensors.map { $0.atLeast2d() }
    let width = blocks.reduce(0) { $0 + $1.shape[1] }
    var left = 0
    return cat(
      blocks.map { block in
        defer { left += block.shape[1] }
        return block.constantPad([left, width - left - block.shape[1]])
      })
  }
}
