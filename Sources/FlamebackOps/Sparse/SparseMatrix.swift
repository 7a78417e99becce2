import FlamebackCore
import FlamebackKernels

/// A sparse matrix by rows (CSR): row `i` has the columns and values from `crowIndices[i]` to `crowIndices[i + 1]`.
///
/// SeeAlso: torch.sparse_csr_tensor
public struct SparseMatrix: Sendable, CustomStringConvertible {
  /// Where each row begins, and the end. SeeAlso: torch.Tensor.crow_indices
  public let crowIndices: Tensor
  /// SeeAlso: torch.Tensor.col_indices
  public let colIndices: Tensor
  public let values: Tensor
  public let shape: Shape

  /// Without a shape, as many columns as the largest index asks for. SeeAlso: torch.sparse_csr_tensor
  public init(crowIndices: Tensor, colIndices: Tensor, values: Tensor, shape: (rows: Int, columns: Int)? = nil) {
    let size = attempt(nil as Shape?) { () throws(OpError) -> Shape? in
      try SparseMatrix.fittingShape(crowIndices, colIndices, values, shape.map { [$0.rows, $0.columns] })
    }
    let index = TensorSpec(shape: [1], dtype: .int64, device: values.device)
    self.init(
      unchecked: size == nil ? .poisoned(index) : crowIndices.to(.int64).detached(),
      size == nil ? .poisoned(index) : colIndices.to(.int64).detached(),
      size == nil ? .poisoned(values.spec) : values, size ?? [0, 0])
  }

  private init(unchecked crowIndices: Tensor, _ colIndices: Tensor, _ values: Tensor, _ shape: Shape) {
    self.crowIndices = crowIndices
    self.colIndices = colIndices
    self.values = values
    self.shape = shape
  }

  private static func fittingShape(
    _ rows: Tensor, _ columns: Tensor, _ values: Tensor, _ given: Shape?
  ) throws(OpError) -> Shape {
    guard rows.rank == 1, columns.rank == 1, values.rank == 1, rows.dtype.isInteger, columns.dtype.isInteger,
      rows.elementCount >= 1, columns.elementCount == values.elementCount
    else {
      throw OpError(
        "SparseMatrix",
        "expected vectors of row starts, columns and values, got \(rows.spec), \(columns.spec), \(values.spec)")
    }
    let starts = rows.scalars(Int.self)
    guard starts.first == 0, starts.last == values.elementCount,
      zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw OpError("SparseMatrix", "row starts must ascend from 0 to \(values.elementCount): \(starts)") }
    let used = columns.scalars(Int.self)
    let width = try sized("SparseMatrix") { CheckedInt(used.max() ?? -1) + 1 }
    let size = given ?? [starts.count - 1, width]
    try size.checkExtent("SparseMatrix")
    guard size[0] == starts.count - 1, used.allSatisfy({ $0 >= 0 && $0 < size[1] }) else {
      throw OpError("SparseMatrix", "shape \(size) does not hold \(starts.count - 1) rows and columns \(used)")
    }
    return size
  }

  public var dtype: DType { values.dtype }
  /// How many elements are stored. SeeAlso: torch.Tensor._nnz
  public var storedCount: Int { values.elementCount }
  public var description: String { "SparseMatrix(\(dtype) \(shape), \(storedCount) stored)" }

  /// The same matrix by coordinates. SeeAlso: torch.Tensor.to_sparse_coo
  public func toCoordinates() -> SparseTensor {
    if values.isPoisoned {
      return SparseTensor(unchecked: colIndices, values: values, shape: shape, isCoalesced: false)
    }
    let counts = crowIndices.slice(start: 1) - crowIndices.slice(end: -1)
    let rows = Tensor.arange(shape[0], dtype: .int64, device: values.device).repeatInterleave(counts)
    return SparseTensor(
      unchecked: Tensor.stack([rows, colIndices]), values: values, shape: shape, isCoalesced: false)
  }

  /// The ordinary matrix with the same elements. SeeAlso: torch.Tensor.to_dense
  public func toDense() -> Tensor { toCoordinates().toDense() }

  /// The product of a sparse matrix and a dense matrix or vector. SeeAlso: torch.sparse.mm
  public func matmul(_ other: Tensor) -> Tensor { toCoordinates().matmul(other) }

  fileprivate init(_ matrix: SparseTensor) {
    let matrix = matrix.coalesced()
    let rows = matrix.indices.select(dim: 0, index: 0)
    let ends = rows.bincount(minLength: matrix.shape[0]).cumsum(dim: 0)
    self.init(
      unchecked: Tensor.cat([Tensor.zeros([1], dtype: .int64, device: matrix.device), ends]),
      matrix.indices.select(dim: 0, index: 1).contiguous(), matrix.values, matrix.shape)
  }
}

extension SparseTensor {
  /// The same matrix by rows. SeeAlso: torch.Tensor.to_sparse_csr
  public func toRows() -> SparseMatrix {
    guard sparseDim == 2, denseDim == 0 else {
      report(OpError("toRows", "expected a sparse matrix, got \(self)"))
      let none = Tensor.zeros([0], dtype: .int64, device: device)
      return SparseMatrix(crowIndices: .zeros([1], dtype: .int64), colIndices: none, values: values.newZeros([0]))
    }
    return SparseMatrix(self)
  }
}

extension Tensor {
  /// The elements of a matrix that are not zero, by rows. SeeAlso: torch.Tensor.to_sparse_csr
  public func toSparseRows() -> SparseMatrix { toSparse().toRows() }
}
