import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// x of op(a) x = b, or x op(a) = b, with a triangular and op its conjugate transpose if `adjoint`.
  package struct TriangularSolve: Primitive {
    package static let name = "solveTriangular"
    package let upper, left: Bool
    /// The diagonal counts as ones and is not read.
    package var unit = false
    package var adjoint = false

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (a, b) = (inputs[0], inputs[1])
      try a.requireMatrices(name, square: true)
      try b.requireMatrices(name)
      guard a.dtype == b.dtype, a.batch == b.batch, a.rows == (left ? b.rows : b.columns) else {
        throw OpError(name, "incompatible matrices: \(a) × \(b)")
      }
      return [b]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, b, x) = (inputs[0], inputs[1], outputs[0])
      if x.elementCount == 0 { return }
      MatrixBatch.run(count: b.batchCount, size: a.rows) {
        fb_solve_triangular(
          a.type, upper, left, unit, adjoint, Int64(b.rows), Int64(b.columns), a.pointer, b.pointer, x.pointer, $0, $1)
      }
    }

    package var attributes: [(String, String)] {
      [("upper", "\(upper)"), ("left", "\(left)"), ("unit", "\(unit)"), ("adjoint", "\(adjoint)")]
    }

    /// db = op(a)⁻ᴴ g, da = −db xᴴ in a's triangle (Giles 2008, "An extended collection of matrix derivative results",
    /// section 2.3.1).
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let db = apply(
          Primitives.TriangularSolve(upper: upper, left: left, unit: unit, adjoint: !adjoint), saved.input(0), g)
        guard saved.needs(0) else { return [nil, db] }
        let x = saved.output(0)
        let forward = left ? db.matmul(x.adjoint()) : x.adjointTimes(db)
        let full = -(adjoint ? forward.adjoint() : forward)
        return [upper ? full.triu(unit ? 1 : 0) : full.tril(unit ? -1 : 0), db]
      }
    }
  }
}

extension Tensor {
  /// The solution of a x = b with triangular a (x a = b unless `left`).
  ///
  /// Only that triangle is read, without the diagonal if `unitriangular`. SeeAlso: torch.linalg.solve_triangular
  public func solveTriangular(_ b: Tensor, upper: Bool, left: Bool = true, unitriangular: Bool = false) -> Tensor {
    attempt(like: b) { () throws(OpError) in
      let op = "solveTriangular"
      try spec.requireMatrices(op, square: true)
      try b.spec.requireMatrices(op)
      try Tensor.requireSameDType(self, b, op: op)
      guard spec.rows == (left ? b.spec.rows : b.spec.columns) else {
        throw OpError(op, "incompatible matrices: \(spec) × \(b.spec)")
      }
      let (a, right) = try Tensor.broadcastMatrices(self, b, op: op)
      return apply(Primitives.TriangularSolve(upper: upper, left: left, unit: unitriangular), a, right)
    }
  }

  /// The solution of a x = self with triangular a, and a copy of a. SeeAlso: torch.triangular_solve
  public func triangularSolve(
    _ a: Tensor, upper: Bool = true, transpose: Bool = false, unitriangular: Bool = false
  ) -> (solution: Tensor, clonedCoefficient: Tensor) {
    guard rank >= 2, a.rank >= 2 else {
      let failed = fail("triangularSolve", "expected matrices: \(spec) × \(a.spec)", like: spec)
      return (failed, failed)
    }
    let matrix = transpose ? a.transpose(-2, -1) : a
    let solution = matrix.solveTriangular(self, upper: upper != transpose, unitriangular: unitriangular)
    let batch = Shape(solution.shape.dropLast(2))
    return (solution, a.expanded(to: batch + a.shape.suffix(2).map { $0 }).clone())
  }
}
