import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// a = P L U with both factors in one matrix, the row exchanges, and LAPACK's verdict.
  package struct LUFactor: Primitive {
    package static let name = "luFactor"
    package var outputCount: Int { 3 }
    package var checks = false

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let a = inputs[0]
      try a.requireMatrices(name)
      return [a, a.vectors(min(a.rows, a.columns), .int32), a.numbers(.int32)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, info) = (inputs[0], outputs[2])
      if a.rows == 0 || a.columns == 0 { return info.int32.update(repeating: 0, count: info.elementCount) }
      MatrixBatch.run(count: a.batchCount, size: max(a.rows, a.columns)) {
        fb_lu(
          a.type, Int64(a.rows), Int64(a.columns), a.pointer, outputs[0].pointer, outputs[1].int32, info.int32, $0, $1)
      }
      if checks {
        try info.requireSuccess(name) { "U[\($0), \($0)] is zero: using it in a solver would divide by zero" }
      }
    }

    /// With X = Pᵀ a square: ā = P L⁻ᴴ [tril(Lᴴ L̄, −1) + triu(Ū Uᴴ)] U⁻ᴴ (Giles 2008 style; de Hoog, Anderssen and Lukas,
    /// "Differentiation of matrix functionals using triangular factorization", 2011). What is wider or taller than square
    /// depends on the square part through U₂ = L⁻¹ X₂ or L₂ = X₂ U⁻¹.
    package var gradient: Gradient {
      .pullback(keeps: .outputs) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let lu = saved.output(0)
        let (m, n) = (lu.spec.rows, lu.spec.columns)
        let k = Swift.min(m, n)
        let square = lu.narrow(dim: -2, start: 0, length: k).narrow(dim: -1, start: 0, length: k)
        let head = g.narrow(dim: -2, start: 0, length: k).narrow(dim: -1, start: 0, length: k)
        let l = square.tril(-1) + Tensor.identity(k, like: lu.spec)
        let u = square.triu()
        let underL = Primitives.TriangularSolve(upper: false, left: true, unit: true, adjoint: true)
        let underU = Primitives.TriangularSolve(upper: true, left: false, adjoint: true)
        var lower = l.adjointTimes(head.tril(-1))
        var upper = head.triu().matmul(u.adjoint())
        var rest: Tensor?
        if n > m {
          let right = g.narrow(dim: -1, start: k, length: n - k)
          lower = lower - right.matmul(lu.narrow(dim: -1, start: k, length: n - k).adjoint())
          rest = apply(underL, l, right)
        } else if m > n {
          let below = g.narrow(dim: -2, start: k, length: m - k)
          upper = upper - lu.narrow(dim: -2, start: k, length: m - k).adjointTimes(below)
          rest = apply(underU, u, below)
        }
        var result = apply(underU, u, apply(underL, l, lower.tril(-1) + upper.triu()))
        if let rest { result = Tensor.cat([result, rest], dim: n > m ? -1 : -2) }
        return [saved.output(1).permutationMatrix(m, like: lu.spec).matmul(result)]
      }
    }
  }
}

extension Primitives {
  /// The permutation that a list of row exchanges makes: row i of P is one at the returned places.
  package struct PivotsToPermutation: Primitive {
    package static let name = "pivotsToPermutation"
    package let rows: Int

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let pivots = inputs[0]
      guard pivots.dtype == .int32, pivots.rank > 0, pivots.shape[pivots.rank - 1] <= rows else {
        throw OpError("luUnpack", "expected int32 pivots for \(rows) rows, got \(pivots)")
      }
      return [TensorSpec(shape: Shape(pivots.shape.dropLast()) + [rows], dtype: .int64, device: pivots.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let count = inputs[0].columnsOfVectors
      let pivots = inputs[0].bound(to: Int32.self)
      let result = outputs[0].bound(to: Int.self)
      for b in 0..<(rows == 0 ? 0 : result.count / rows) {
        for i in 0..<rows { result[b * rows + i] = i }
        for i in 0..<count {
          let other = Int(pivots[b * count + i]) - 1
          guard other >= 0, other < rows else {
            throw OpError("luUnpack", "pivot \(other + 1) is not a row of matrices with \(rows) rows")
          }
          result.swapAt(b * rows + i, b * rows + other)
        }
      }
    }

    package var gradient: Gradient { .none(because: "permutations are integers") }
  }
}

extension HostView {
  fileprivate var columnsOfVectors: Int { shape[shape.count - 1] }
}

extension Tensor {
  /// P of a = P L U, from the row exchanges.
  func permutationMatrix(_ rows: Int, like spec: TensorSpec) -> Tensor {
    let order = apply(Primitives.PivotsToPermutation(rows: rows), self)
    // Row i of L U is row order[i] of a: a[order[i]] = (L U)[i].
    let places = Tensor.arange(rows, device: device)
    return (places.unsqueeze(-1) .== order.unsqueeze(-2)).to(spec.dtype)
  }

  private static func requirePivoting(_ pivot: Bool, _ op: String) throws(OpError) {
    guard pivot else { throw OpError(op, "factors without exchanging rows are not implemented on the CPU") }
  }

  /// Both factors of a = P L U in one matrix, and the row exchanges that P makes. SeeAlso: torch.linalg.lu_factor
  public func luFactor(pivot: Bool = true) -> (lu: Tensor, pivots: Tensor) {
    let results = luFactorEx(pivot: pivot, checkErrors: true)
    return (results.lu, results.pivots)
  }

  /// `luFactor` without an error where U is singular: `info` tells the diagonal element, or 0.
  /// SeeAlso: torch.linalg.lu_factor_ex
  public func luFactorEx(pivot: Bool = true, checkErrors: Bool = false) -> (lu: Tensor, pivots: Tensor, info: Tensor) {
    let results = attempt(like: self, count: 3) { () throws(OpError) in
      try Tensor.requirePivoting(pivot, "luFactor")
      return apply(Primitives.LUFactor(checks: checkErrors), [self])
    }
    return (results[0], results[1], results[2])
  }

  /// P, L and U of a = P L U, [..., m, m], [..., m, k] and [..., k, n] with k = min(m, n). SeeAlso: torch.linalg.lu
  public func lu(pivot: Bool = true) -> (p: Tensor, l: Tensor, u: Tensor) {
    let factors = luFactorEx(pivot: pivot)
    return factors.lu.luUnpack(factors.pivots)
  }

  /// P, L and U from what `luFactor` returns; what is not asked for is empty. SeeAlso: torch.lu_unpack
  public func luUnpack(
    _ pivots: Tensor, unpackData: Bool = true, unpackPivots: Bool = true
  ) -> (p: Tensor, l: Tensor, u: Tensor) {
    let results = attempt(like: self, count: 3) { () throws(OpError) in
      try spec.requireMatrices("luUnpack")
      let (m, n) = (spec.rows, spec.columns)
      let k = Swift.min(m, n)
      let none = Tensor.empty(0, dtype: dtype, device: device)
      guard !unpackPivots || pivots.dtype == .int32 else {
        throw OpError("luUnpack", "expected int32 pivots, got \(pivots.spec)")
      }
      let p = unpackPivots ? pivots.permutationMatrix(m, like: spec) : none
      guard unpackData else { return [p, none, none] }
      let l = narrow(dim: -1, start: 0, length: k).tril(-1) + Tensor.eye(m, k, dtype: dtype, device: device)
      return [p, l, narrow(dim: -2, start: 0, length: k).triu()]
    }
    return (results[0], results[1], results[2])
  }

  /// The solution of a x = b (x a = b unless `left`, aᴴ instead of a if `adjoint`) from what `luFactor` returns.
  /// SeeAlso: torch.linalg.lu_solve
  public func luSolve(_ pivots: Tensor, _ b: Tensor, left: Bool = true, adjoint: Bool = false) -> Tensor {
    attempt(like: b) { () throws(OpError) in
      let op = "luSolve"
      try spec.requireMatrices(op, square: true)
      try b.spec.requireMatrices(op)
      try Tensor.requireSameDType(self, b, op: op)
      guard pivots.dtype == .int32, pivots.shape == Shape(shape.dropLast()) else {
        throw OpError(op, "expected int32 pivots of shape \(Shape(shape.dropLast())), got \(pivots.spec)")
      }
      guard spec.rows == (left ? b.spec.rows : b.spec.columns) else {
        throw OpError(op, "incompatible matrices: \(spec) × \(b.spec)")
      }
      // x a = b is aᴴ xᴴ = bᴴ.
      if !left { return luSolve(pivots, b.adjoint(), adjoint: !adjoint).adjoint() }
      let p = pivots.permutationMatrix(spec.rows, like: spec)
      let (factors, right) = try Tensor.broadcastMatrices(self, b, op: op)
      let l = Primitives.TriangularSolve(upper: false, left: true, unit: true, adjoint: adjoint)
      let u = Primitives.TriangularSolve(upper: true, left: true, adjoint: adjoint)
      if adjoint { return p.matmul(apply(l, factors, apply(u, factors, right))) }
      return apply(u, factors, apply(l, factors, p.adjointTimes(right)))
    }
  }
}
