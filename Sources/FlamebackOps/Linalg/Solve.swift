import CKernels
import FlamebackCore
import FlamebackKernels

private func singular(_ info: Int32) -> String { "the input matrix is singular (diagonal element \(info) is zero)" }

extension Primitives {
  /// x of a x = b, the factors of a, and LAPACK's verdict.
  package struct Solve: Primitive {
    package static let name = "solve"
    package var outputCount: Int { 4 }
    package var checks = true

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (a, b) = (inputs[0], inputs[1])
      try a.requireMatrices(name, square: true)
      guard b.dtype == a.dtype, b.rank >= 2, a.batch == b.batch, a.rows == b.rows else {
        throw OpError(name, "incompatible matrices: \(a) × \(b)")
      }
      return [b, a, a.vectors(a.rows, .int32), a.numbers(.int32)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, b) = (inputs[0], inputs[1])
      let info = outputs[3]
      if a.rows == 0 { return info.int32.update(repeating: 0, count: info.elementCount) }
      MatrixBatch.run(count: a.batchCount, size: a.rows) {
        fb_solve(
          a.type, Int64(a.rows), Int64(b.columns), a.pointer, b.pointer, outputs[0].pointer, outputs[1].pointer,
          outputs[2].int32, info.int32, $0, $1)
      }
      if checks { try info.requireSuccess(name, singular) }
    }

    /// db = a⁻ᴴ g, da = −db xᴴ (Giles 2008, section 2.3.1).
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let db = apply(Primitives.Solve(), [saved.input(0).adjoint(), g])[0]
        return [saved.needs(0) ? -db.matmul(saved.output(0).adjoint()) : nil, db]
      }
    }
  }
}

extension Primitives {
  /// The inverse, and LAPACK's verdict.
  package struct Inverse: Primitive {
    package static let name = "inv"
    package var outputCount: Int { 2 }
    package var checks = true

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      try inputs[0].requireMatrices(name, square: true)
      return [inputs[0], inputs[0].numbers(.int32)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, x, info) = (inputs[0], outputs[0], outputs[1])
      if a.rows == 0 { return info.int32.update(repeating: 0, count: info.elementCount) }
      MatrixBatch.run(count: a.batchCount, size: a.rows) {
        fb_inverse(a.type, Int64(a.rows), a.pointer, x.pointer, info.int32, $0, $1)
      }
      if checks { try info.requireSuccess(name, singular) }
    }

    /// −xᴴ g xᴴ (Giles 2008, section 2.2.3).
    package var gradient: Gradient {
      .pullback(keeps: .output(0)) { cotangents, saved in
        let adjoint = saved.output(0).adjoint()
        return [cotangents[0].map { -adjoint.matmul($0).matmul(adjoint) }]
      }
    }
  }
}

extension Tensor {
  /// The inverse of square matrices; an error if one is singular. SeeAlso: torch.linalg.inv
  public func inv() -> Tensor { apply(Primitives.Inverse(), [self])[0] }
  /// SeeAlso: torch.inverse
  public func inverse() -> Tensor { inv() }

  /// `inv` without an error: `info` tells which diagonal element of the factor is zero, or 0. SeeAlso: torch.linalg.inv_ex
  public func invEx(checkErrors: Bool = false) -> (inverse: Tensor, info: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      apply(Primitives.Inverse(checks: checkErrors), [self])
    }
    return (results[0], results[1])
  }

  /// The solution x of self x = b, or of x self = b unless `left`; an error if a matrix is singular.
  ///
  /// [..., n, n] × [..., n, k] → [..., n, k]; b may be a batch of vectors [..., n]. SeeAlso: torch.linalg.solve
  public func solve(_ b: Tensor, left: Bool = true) -> Tensor { solveEx(b, left: left, checkErrors: true).result }

  /// `solve` without an error: `info` tells which diagonal element of the factor is zero, or 0.
  /// SeeAlso: torch.linalg.solve_ex
  public func solveEx(_ b: Tensor, left: Bool = true, checkErrors: Bool = false) -> (result: Tensor, info: Tensor) {
    let results = attempt(like: b, count: 2) { () throws(OpError) in
      let op = "solve"
      try spec.requireMatrices(op, square: true)
      try Tensor.requireSameDType(self, b, op: op)
      guard b.rank > 0 else { throw OpError(op, "the right side needs at least one dimension: \(spec) × \(b.spec)") }
      let isVector = b.rank == 1 || (b.rank == rank - 1 && b.shape == Shape(shape.dropLast()))
      guard !isVector || left else {
        throw OpError(op, "with left false the right side must be a matrix: \(spec) × \(b.spec)")
      }
      var right = isVector ? b.unsqueeze(-1) : b
      guard spec.rows == (left ? right.spec.rows : right.spec.columns) else {
        throw OpError(op, "incompatible matrices: \(spec) × \(b.spec)")
      }
      var a = self
      if !left { (a, right) = (a.transpose(-2, -1), right.transpose(-2, -1)) }
      (a, right) = try Tensor.broadcastMatrices(a, right, op: op)
      let solved = apply(Primitives.Solve(checks: checkErrors), [a, right])
      var x = solved[0]
      if !left { x = x.transpose(-2, -1) }
      return [isVector ? x.squeeze(-1) : x, solved[3]]
    }
    return (results[0], results[1])
  }

  /// The inverse of the map that `tensordot` with this tensor over its last dimensions is. SeeAlso: torch.linalg.tensorinv
  public func tensorinv(ind: Int = 2) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard ind > 0 else { throw OpError("tensorinv", "expected a strictly positive ind, got \(ind)") }
      let front = Array(shape.prefix(ind))
      let back = Array(shape.dropFirst(ind))
      guard front.reduce(1, *) == back.reduce(1, *) else {
        throw OpError("tensorinv", "the products of the sizes before and after dimension \(ind) differ: \(spec)")
      }
      return reshape([front.reduce(1, *), back.reduce(1, *)]).inv().reshape(back + front)
    }
  }

  /// The x of tensordot(self, x, x.rank) = b; `dims` are moved to the end first. SeeAlso: torch.linalg.tensorsolve
  public func tensorsolve(_ b: Tensor, dims: [Int]? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      var a = self
      if let dims, !dims.isEmpty {
        let moved = try normalizedDims(dims, rank: rank, op: "tensorsolve")
        a = movedim(moved, Array((rank - moved.count)..<rank))
      }
      let result = Array(a.shape.dropFirst(b.rank))
      let size = result.reduce(1, *)
      guard size == b.elementCount, size * size == a.elementCount else {
        throw OpError("tensorsolve", "shapes do not fit: \(spec) × \(b.spec)")
      }
      return a.reshape([size, size]).solve(b.reshape(-1)).reshape(result)
    }
  }
}
