import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The triangular factor of positive-definite matrices, and LAPACK's verdict.
  package struct Cholesky: Primitive {
    package static let name = "cholesky"
    package var outputCount: Int { 2 }
    package var upper = false
    /// Whether a matrix that is not positive-definite is an error.
    package var checks = true

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      try inputs[0].requireMatrices(name, square: true)
      return [inputs[0], inputs[0].numbers(.int32)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, l, info) = (inputs[0], outputs[0], outputs[1])
      let n = a.rows
      MatrixBatch.run(count: a.batchCount, size: n) {
        fb_cholesky(a.type, upper, Int64(n), a.pointer, l.pointer, info.int32, $0, $1)
      }
      if checks {
        try info.requireSuccess(name) {
          "the input is not positive-definite (the leading minor of order \($0) is not positive-definite)"
        }
      }
    }

    package var attributes: [(String, String)] { [("upper", "\(upper)")] }

    /// L⁻ᴴ ½ (T + T₋ᴴ) L⁻¹ with T the lower triangle of Lᴴ ḡ and T₋ the part below its diagonal (Murray 2016,
    /// arXiv:1602.07527, eq. 10).
    package var gradient: Gradient {
      .pullback(keeps: .output(0)) { [upper] cotangents, saved in
        guard var g = cotangents[0] else { return [nil] }
        var l = saved.output(0)
        if upper { (l, g) = (l.adjoint(), g.adjoint()) }
        let product = l.adjointTimes(g)
        let phi = (product.tril() + product.tril(-1).adjoint()) * 0.5
        let left = Primitives.TriangularSolve(upper: false, left: true, adjoint: true)
        let right = Primitives.TriangularSolve(upper: false, left: false)
        return [apply(right, l, apply(left, l, phi))]
      }
    }
  }
}

extension Primitives {
  /// x of a x = b, given the factor of a.
  package struct CholeskySolve: Primitive {
    package static let name = "choleskySolve"
    package let upper: Bool

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[1]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (l, b, x) = (inputs[0], inputs[1], outputs[0])
      if x.elementCount == 0 { return }
      let (m, n) = (Int64(b.rows), Int64(b.columns))
      guard let half = ScratchMemory(byteCount: b.elementCount * b.dtype.byteSize) else { return }
      defer { withExtendedLifetime(half) {} }
      MatrixBatch.run(count: b.batchCount, size: l.rows) {
        fb_solve_triangular(
          l.type, upper, true, false, upper, m, n, l.pointer, b.pointer, half.pointer, $0, $1)
        fb_solve_triangular(
          l.type, upper, true, false, !upper, m, n, l.pointer, half.pointer, x.pointer, $0, $1)
      }
    }

    package var attributes: [(String, String)] { [("upper", "\(upper)")] }

    /// b̄ = a⁻¹ x̄, and through ā = −b̄ xᴴ of a = L Lᴴ: L̄ = −(b̄ xᴴ + x b̄ᴴ) L, as PyTorch has it in both triangles.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { [upper] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let l = saved.input(0)
        let db = apply(Primitives.CholeskySolve(upper: upper), l, g)
        guard saved.needs(0) else { return [nil, db] }
        let product = db.matmul(saved.output(0).adjoint())
        let sum = -(product + product.adjoint())
        return [upper ? l.matmul(sum) : sum.matmul(l), db]
      }
    }
  }
}

extension Tensor {
  /// The factor L of a = L Lᴴ of positive-definite matrices (a = Uᴴ U with `upper`); an error if one is not.
  ///
  /// Only one triangle is read. SeeAlso: torch.linalg.cholesky
  public func cholesky(upper: Bool = false) -> Tensor { apply(Primitives.Cholesky(upper: upper), [self])[0] }

  /// `cholesky` without an error: `info` tells the order of the first minor that is not positive-definite, or 0.
  /// SeeAlso: torch.linalg.cholesky_ex
  public func choleskyEx(upper: Bool = false, checkErrors: Bool = false) -> (l: Tensor, info: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      apply(Primitives.Cholesky(upper: upper, checks: checkErrors), [self])
    }
    return (results[0], results[1])
  }

  /// The solution of a x = self, given the factor `l` of a. SeeAlso: torch.cholesky_solve
  public func choleskySolve(_ l: Tensor, upper: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "choleskySolve"
      try spec.requireMatrices(op)
      try l.spec.requireMatrices(op, square: true)
      try Tensor.requireSameDType(self, l, op: op)
      guard l.spec.rows == spec.rows else {
        throw OpError(op, "matrices of incompatible sizes: \(spec) × \(l.spec)")
      }
      let (b, factor) = try Tensor.broadcastMatrices(self, l, op: op)
      return apply(Primitives.CholeskySolve(upper: upper), factor, b)
    }
  }

  /// The inverse of a, given its factor. SeeAlso: torch.cholesky_inverse
  public func choleskyInverse(upper: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try spec.requireMatrices("choleskyInverse", square: true)
      return Tensor.identity(spec.rows, like: spec).choleskySolve(self, upper: upper)
    }
  }
}
