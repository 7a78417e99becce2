import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// a = L D Lᵀ (or Lᴴ) in LAPACK's form, the exchanges, and its verdict.
  package struct LDLFactor: Primitive {
    package static let name = "ldlFactor"
    package var outputCount: Int { 3 }
    package let hermitian: Bool
    package let checks: Bool

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let a = inputs[0]
      try a.requireMatrices(name, square: true)
      return [a, a.vectors(a.rows, .int32), a.numbers(.int32)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, info) = (inputs[0], outputs[2])
      if a.rows == 0 { return info.int32.update(repeating: 0, count: info.elementCount) }
      MatrixBatch.run(count: a.batchCount, size: a.rows) {
        fb_ldl(
          a.type, hermitian, Int64(a.rows), a.pointer, outputs[0].pointer, outputs[1].int32, info.int32, $0, $1)
      }
      if checks {
        try info.requireSuccess(name) { "D[\($0), \($0)] is zero: using it in a solver would divide by zero" }
      }
    }

    package var attributes: [(String, String)] { [("hermitian", "\(hermitian)")] }
    package var gradient: Gradient { .none(because: "the factors are not differentiated: use solve") }
  }
}

extension Primitives {
  /// x of a x = b from those factors.
  package struct LDLSolve: Primitive {
    package static let name = "ldlSolve"
    package let hermitian: Bool

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (ld, pivots, b) = (inputs[0], inputs[1], inputs[2])
      try ld.requireMatrices(name, square: true)
      guard pivots.dtype == .int32, pivots.shape == ld.batch + [ld.rows] else {
        throw OpError(name, "expected int32 pivots of shape \(ld.batch + [ld.rows]), got \(pivots)")
      }
      guard ld.dtype == b.dtype, b.rank >= 2, ld.batch == b.batch, ld.rows == b.rows else {
        throw OpError(name, "incompatible matrices: \(ld) × \(b)")
      }
      return [b]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (ld, b) = (inputs[0], inputs[2])
      if b.elementCount == 0 { return }
      MatrixBatch.run(count: b.batchCount, size: ld.rows) {
        fb_ldl_solve(
          ld.type, hermitian, Int64(b.rows), Int64(b.columns), ld.pointer, inputs[1].int32, b.pointer,
          outputs[0].pointer, $0, $1)
      }
    }

    package var attributes: [(String, String)] { [("hermitian", "\(hermitian)")] }

    /// a is its own adjoint, or its own transpose: b̄ = a⁻ᴴ x̄.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .input(1)]) { [hermitian] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil, nil] }
        if saved.needs(0) {
          report(OpError("ldlSolve", "has no gradient: the factors are not differentiated, use solve"))
          return [nil, nil, nil]
        }
        let solve = Primitives.LDLSolve(hermitian: hermitian)
        let result = apply(solve, saved.input(0), saved.input(1), hermitian ? g : g.conj())
        return [nil, nil, hermitian ? result : result.conj()]
      }
    }
  }
}

extension Tensor {
  /// The LDL factors of symmetric (or Hermitian) matrices, of which the lower triangle is read, as LAPACK stores them.
  /// SeeAlso: torch.linalg.ldl_factor
  public func ldlFactor(hermitian: Bool = false) -> (ld: Tensor, pivots: Tensor) {
    let results = ldlFactorEx(hermitian: hermitian, checkErrors: true)
    return (results.ld, results.pivots)
  }

  /// `ldlFactor` without an error: `info` tells which element of D is zero, or 0. SeeAlso: torch.linalg.ldl_factor_ex
  public func ldlFactorEx(
    hermitian: Bool = false, checkErrors: Bool = false
  ) -> (ld: Tensor, pivots: Tensor, info: Tensor) {
    let results = attempt(like: self, count: 3) { () throws(OpError) in
      apply(Primitives.LDLFactor(hermitian: hermitian, checks: checkErrors), [self])
    }
    return (results[0], results[1], results[2])
  }

  /// The solution of a x = b from what `ldlFactor` returns. SeeAlso: torch.linalg.ldl_solve
  public func ldlSolve(_ pivots: Tensor, _ b: Tensor, hermitian: Bool = false) -> Tensor {
    attempt(like: b) { () throws(OpError) in
      try spec.requireMatrices("ldlSolve", square: true)
      try b.spec.requireMatrices("ldlSolve")
      let (factors, right) = try Tensor.broadcastMatrices(self, b, op: "ldlSolve")
      let exchanges =
        pivots.rank > 0 ? pivots.expanded(to: factors.spec.batch + [pivots.shape[pivots.rank - 1]]) : pivots
      return apply(Primitives.LDLSolve(hermitian: hermitian), factors, exchanges, right)
    }
  }
}
