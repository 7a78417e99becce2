import FlamebackCore
import FlamebackKernels

extension TensorSpec {
  /// All dimensions but the last two.
  var batch: Shape { Shape(shape.dropLast(2)) }
  var rows: Int { shape[rank - 2] }
  var columns: Int { shape[rank - 1] }

  /// A batch of matrices of another size.
  func matrices(_ rows: Int, _ columns: Int, _ dtype: DType? = nil) -> TensorSpec {
    TensorSpec(shape: batch + [rows, columns], dtype: dtype ?? self.dtype, device: device)
  }

  /// A batch of vectors.
  func vectors(_ size: Int, _ dtype: DType? = nil) -> TensorSpec {
    TensorSpec(shape: batch + [size], dtype: dtype ?? self.dtype, device: device)
  }

  /// A number for each matrix.
  func numbers(_ dtype: DType) -> TensorSpec { TensorSpec(shape: batch, dtype: dtype, device: device) }

  /// Reports anything but matrices of float32, float64, complex64 or complex128.
  func requireMatrices(_ op: String, square: Bool = false) throws(OpError) {
    guard rank >= 2 else {
      throw OpError(op, "the input tensor must have at least 2 dimensions, got \(self)")
    }
    guard dtype.isDifferentiable, dtype.accumulation == dtype else {
      throw OpError(op, "expected float32, float64, complex64 or complex128, got \(self)")
    }
    if square, rows != columns {
      throw OpError(op, "expected square matrices, got \(self)")
    }
  }
}

extension HostView {
  var batchCount: Int { shape.dropLast(2).reduce(1, *) }
  var rows: Int { shape[shape.count - 2] }
  var columns: Int { shape[shape.count - 1] }
  var type: Int32 { Int32(dtype.rawValue) }
  var int32: UnsafeMutablePointer<Int32> { pointer.assumingMemoryBound(to: Int32.self) }

  /// Throws if a matrix could not be decomposed; `what` completes the sentence from LAPACK's number.
  func requireSuccess(_ op: String, _ what: (Int32) -> String) throws(OpError) {
    for (i, info) in bound(to: Int32.self).enumerated() where info != 0 {
      throw OpError(op, (elementCount > 1 ? "(batch element \(i)): " : "") + what(info))
    }
  }
}

extension Tensor {
  /// The conjugate transposes of two tensors' matrices and their likes appear everywhere: aᴴ b.
  func adjointTimes(_ other: Tensor) -> Tensor { adjoint().matmul(other) }

  /// The main diagonal of the last two dimensions.
  var mainDiagonal: Tensor { diagonal(dim1: -2, dim2: -1) }

  /// The identity in the matrices' dtype, without batch dimensions.
  static func identity(_ n: Int, like spec: TensorSpec) -> Tensor { eye(n, dtype: spec.dtype, device: spec.device) }

  /// Both tensors' matrices over the common batch.
  static func broadcastMatrices(_ a: Tensor, _ b: Tensor, op: String) throws(OpError) -> (Tensor, Tensor) {
    guard let batch = Shape.broadcast(a.spec.batch, b.spec.batch) else {
      throw OpError(op, "batch dimensions do not broadcast: \(a.spec) × \(b.spec)")
    }
    return (
      a.expanded(to: batch + [a.spec.rows, a.spec.columns]), b.expanded(to: batch + [b.spec.rows, b.spec.columns])
    )
  }

  /// Reports operands of different dtypes.
  static func requireSameDType(_ a: Tensor, _ b: Tensor, op: String) throws(OpError) {
    guard a.dtype == b.dtype else {
      throw OpError(op, "expected operands of the same dtype: \(a.spec) × \(b.spec)")
    }
  }
}
