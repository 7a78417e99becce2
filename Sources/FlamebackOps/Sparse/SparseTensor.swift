import FlamebackCore
import FlamebackKernels

/// A tensor of which only some elements are stored: coordinates and values (COO). All other elements are zero.
///
/// `indices` is an int64 matrix [sparse dimensions, count], `values` [count, dense dimensions…]. Coordinates may repeat:
/// their values add up. Gradients flow through `values`. SeeAlso: torch.sparse_coo_tensor
public struct SparseTensor: Sendable, CustomStringConvertible {
  /// The coordinates. SeeAlso: torch.Tensor.indices
  public let indices: Tensor
  /// What stands there. SeeAlso: torch.Tensor.values
  public let values: Tensor
  public let shape: Shape
  /// Whether the coordinates ascend and none repeats. SeeAlso: torch.Tensor.is_coalesced
  public let isCoalesced: Bool

  /// Without a shape, the smallest one that holds all coordinates. SeeAlso: torch.sparse_coo_tensor
  public init(indices: Tensor, values: Tensor, shape: (some Collection<Int>)?) {
    let given = shape.map { Shape($0) }
    let fitting = attempt(nil as Shape?) { () throws(OpError) -> Shape? in
      indices.isPoisoned || values.isPoisoned ? nil : try SparseTensor.fittingShape(indices, values, given)
    }
    let spec = TensorSpec(shape: [1, 0], dtype: .int64, device: values.device)
    self.init(
      unchecked: fitting == nil ? .poisoned(spec) : indices.to(.int64).detached(),
      values: fitting == nil ? .poisoned(values.spec) : values, shape: fitting ?? [], isCoalesced: false)
  }

  /// The smallest shape that holds all coordinates. SeeAlso: torch.sparse_coo_tensor
  public init(indices: Tensor, values: Tensor) { self.init(indices: indices, values: values, shape: nil as [Int]?) }

  package init(unchecked indices: Tensor, values: Tensor, shape: Shape, isCoalesced: Bool) {
    self.indices = indices
    self.values = values
    self.shape = shape
    self.isCoalesced = isCoalesced
  }

  private static func fittingShape(_ indices: Tensor, _ values: Tensor, _ given: Shape?) throws(OpError) -> Shape {
    guard indices.rank == 2, indices.dtype.isInteger, values.rank >= 1, values.shape[0] == indices.shape[1] else {
      throw OpError(
        "SparseTensor",
        "expected integer indices [sparse dimensions, count] and values [count, …], got \(indices.spec) and "
          + "\(values.spec)")
    }
    let dense = values.shape.dropFirst()
    var sizes = [Int](repeating: 0, count: indices.shape[0])
    if indices.shape[1] > 0, !sizes.isEmpty {
      guard indices.amin().itemInt() >= 0 else { throw OpError("SparseTensor", "found a negative index") }
      let largest = indices.amax(dim: 1).scalars(Int.self)
      guard largest.allSatisfy({ $0 < Int.max }) else {
        throw OpError("SparseTensor", "indices \(largest) lie beyond the largest shape")
      }
      sizes = largest.map { $0 + 1 }
    }
    let own = Shape(sizes) + Shape(dense)
    try (given ?? own).checkExtent("SparseTensor")
    guard let given else { return own }
    guard given.count == sizes.count + dense.count, given.dropFirst(sizes.count).elementsEqual(dense),
      zip(sizes, given).allSatisfy({ $0 <= $1 })
    else {
      throw OpError(
        "SparseTensor", "shape \(given) does not hold indices below \(sizes) and values \(values.spec)")
    }
    return given
  }

  public var dtype: DType { values.dtype }
  public var device: Device { values.device }
  public var rank: Int { shape.count }
  /// How many elements (or dense slices) are stored. SeeAlso: torch.Tensor._nnz
  public var storedCount: Int { values.shape[0] }
  /// SeeAlso: torch.Tensor.sparse_dim
  public var sparseDim: Int { indices.shape[0] }
  /// SeeAlso: torch.Tensor.dense_dim
  public var denseDim: Int { values.rank - 1 }

  public var description: String {
    "SparseTensor(\(dtype) \(shape), \(storedCount) stored)"
  }

  private var sparseSizes: [Int] { Array(shape.prefix(sparseDim)) }

  /// Each coordinate as one number, row-major.
  package var linearIndices: Tensor {
    var result = Tensor.zeros([storedCount], dtype: .int64, device: device)
    for (d, size) in sparseSizes.enumerated() { result = result * size + indices.select(dim: 0, index: d) }
    return result
  }

  /// Every coordinate once, in ascending order, equal ones added up. SeeAlso: torch.Tensor.coalesce
  public func coalesced() -> SparseTensor {
    if isCoalesced || values.isPoisoned { return self }
    let (places, inverse, _) = linearIndices.uniqueWithCounts()
    let count = places.elementCount
    let sums = Tensor.zeros([count] + Array(values.shape.dropFirst()), dtype: dtype, device: device)
      .indexAdd(dim: 0, index: inverse, source: values)
    let coordinates = sparseDim == 0 ? [] : places.unravelIndex(sparseSizes)
    return SparseTensor(
      unchecked: coordinates.isEmpty ? indices.narrow(dim: 1, start: 0, length: count) : Tensor.stack(coordinates),
      values: sums, shape: shape, isCoalesced: true)
  }

  /// The ordinary tensor with the same elements. SeeAlso: torch.Tensor.to_dense
  public func toDense() -> Tensor {
    if values.isPoisoned { return values }
    let count = sparseSizes.reduce(1, *)
    return Tensor.zeros([count] + Array(values.shape.dropFirst()), dtype: dtype, device: device)
      .indexAdd(dim: 0, index: linearIndices, source: values).reshape(Array(shape))
  }

  /// The same places with other values: `body` may do to them what keeps zero zero.
  public func mapValues(_ body: (Tensor) -> Tensor) -> SparseTensor {
    let unique = coalesced()
    let changed = body(unique.values)
    guard changed.shape == unique.values.shape || changed.isPoisoned else {
      report(OpError("mapValues", "the values became \(changed.spec), expected the shape \(unique.values.shape)"))
      return self
    }
    return SparseTensor(unchecked: unique.indices, values: changed, shape: shape, isCoalesced: true)
  }

  /// The values in another dtype. SeeAlso: torch.Tensor.to
  public func to(_ dtype: DType) -> SparseTensor {
    SparseTensor(unchecked: indices, values: values.to(dtype), shape: shape, isCoalesced: isCoalesced)
  }

  /// Rows and columns exchanged; of a matrix. SeeAlso: torch.Tensor.t
  public func t() -> SparseTensor {
    guard sparseDim == 2 && denseDim == 0 else {
      report(OpError("t", "expected a sparse matrix, got \(self)"))
      return self
    }
    return SparseTensor(
      unchecked: indices.flip(0), values: values, shape: [shape[1], shape[0]], isCoalesced: false)
  }
}

extension SparseTensor {
  /// The sum of all elements. SeeAlso: torch.sparse.sum
  public func sum() -> Tensor { values.sum() }

  /// The sum over some sparse dimensions. SeeAlso: torch.sparse.sum
  public func sum(dim: some Collection<Int>) -> SparseTensor {
    attempt(self) { () throws(OpError) in
      let dims = try normalizedDims(Array(dim), rank: rank, op: "sparse.sum")
      guard dims.allSatisfy({ $0 < sparseDim }) else {
        throw OpError("sparse.sum", "dims \(dims) are not among the \(sparseDim) sparse ones of \(self)")
      }
      let kept = (0..<sparseDim).filter { !dims.contains($0) }
      let rows = Tensor(kept, shape: [kept.count], device: device)
      return SparseTensor(
        unchecked: indices.indexSelect(dim: 0, index: rows), values: values,
        shape: Shape((0..<rank).filter { !dims.contains($0) }.map { shape[$0] }), isCoalesced: false)
    }
  }

  /// The product of a sparse matrix and a dense matrix or vector. SeeAlso: torch.sparse.mm
  public func matmul(_ other: Tensor) -> Tensor {
    attempt(like: values) { () throws(OpError) in
      guard sparseDim == 2, denseDim == 0, other.rank == 1 || other.rank == 2, other.shape[0] == shape[1],
        other.dtype == dtype
      else { throw OpError("sparse.matmul", "cannot multiply sparse \(dtype) \(shape) × \(other.spec)") }
      if other.isPoisoned { return other }
      let weights = other.rank == 2 ? values.unsqueeze(1) : values
      let terms = weights * other.indexSelect(dim: 0, index: indices.select(dim: 0, index: 1))
      return Tensor.zeros([shape[0]] + Array(other.shape.dropFirst()), dtype: terms.dtype, device: device)
        .indexAdd(dim: 0, index: indices.select(dim: 0, index: 0), source: terms)
    }
  }

  /// `beta` times this matrix plus `alpha` times the product of two dense ones, only where this one has elements.
  /// SeeAlso: torch.sparse.sampled_addmm
  public func sampledAddmm(_ a: Tensor, _ b: Tensor, beta: Double = 1, alpha: Double = 1) -> SparseTensor {
    attempt(self) { () throws(OpError) in
      guard sparseDim == 2, denseDim == 0, a.rank == 2, b.rank == 2, a.shape[1] == b.shape[0],
        shape == [a.shape[0], b.shape[1]]
      else { throw OpError("sampledAddmm", "shapes do not fit: \(self), \(a.spec) × \(b.spec)") }
      let rows = a.indexSelect(dim: 0, index: indices.select(dim: 0, index: 0))
      let columns = b.t().indexSelect(dim: 0, index: indices.select(dim: 0, index: 1))
      let products = (rows * columns).sum(dim: 1) * alpha
      return SparseTensor(
        unchecked: indices, values: beta == 0 ? products : products + values * beta, shape: shape,
        isCoalesced: isCoalesced)
    }
  }

  /// SeeAlso: torch.add
  public static func + (a: SparseTensor, b: SparseTensor) -> SparseTensor {
    guard a.shape == b.shape, a.sparseDim == b.sparseDim else {
      report(OpError("add", "sparse shapes differ: \(a), \(b)"))
      return a
    }
    return SparseTensor(
      unchecked: Tensor.cat([a.indices, b.indices], dim: 1), values: Tensor.cat([a.values, b.values]), shape: a.shape,
      isCoalesced: false)
  }

  /// SeeAlso: torch.mul
  public static func * (a: SparseTensor, factor: Double) -> SparseTensor {
    SparseTensor(unchecked: a.indices, values: a.values * factor, shape: a.shape, isCoalesced: a.isCoalesced)
  }
}

extension Tensor {
  /// The elements that are not zero with their places; the first `sparseDim` dimensions become sparse (nil: all).
  /// SeeAlso: torch.Tensor.to_sparse
  public func toSparse(sparseDim: Int? = nil) -> SparseTensor {
    let count = sparseDim ?? rank
    guard count >= 0 && count <= rank else {
      report(OpError("toSparse", "sparseDim \(count) must be between 0 and \(rank) for \(spec)"))
      return SparseTensor(indices: .zeros([0, 1], dtype: .int64), values: unsqueeze(0))
    }
    var isStored = noGrad { withoutHistory .!= 0 }
    if count < rank { isStored = isStored.any(dim: Array(count..<rank)) }
    let places = isStored.nonzero()
    let coordinates = (0..<count).map { places.select(dim: 1, index: $0) }
    return SparseTensor(
      unchecked: places.t().contiguous(), values: count == 0 ? unsqueeze(0) : index(coordinates), shape: shape,
      isCoalesced: true)
  }

  /// The elements at the places of `mask`. SeeAlso: torch.Tensor.sparse_mask
  public func sparseMask(_ mask: SparseTensor) -> SparseTensor {
    let mask = mask.coalesced()
    guard shape == mask.shape else {
      report(OpError("sparseMask", "the mask \(mask) has another shape than \(spec)"))
      return mask
    }
    let coordinates = (0..<mask.sparseDim).map { mask.indices.select(dim: 0, index: $0) }
    return SparseTensor(unchecked: mask.indices, values: index(coordinates), shape: shape, isCoalesced: true)
  }

  /// The product of a dense and a sparse matrix. SeeAlso: torch.sparse.mm
  public func matmul(_ other: SparseTensor) -> Tensor { other.t().matmul(t()).t() }
}

extension SparseTensor: SparseGradient {
  package func adding(_ other: any SparseGradient) -> (any SparseGradient)? {
    guard let other = other as? SparseTensor, other.shape == shape, other.sparseDim == sparseDim else { return nil }
    return self + other
  }
}
