import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The n-th power of square matrices; a negative one is that of the inverse. SeeAlso: torch.linalg.matrix_power
  public func matrixPower(_ n: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank >= 2, spec.rows == spec.columns else {
        throw OpError("matrixPower", "expected square matrices, got \(spec)")
      }
      if n == 0 {
        // Nothing of the matrix, and a gradient of zero.
        let one = Tensor.identity(spec.rows, like: spec).expanded(to: shape)
        return FlamebackOps.select(where: Tensor.scalar(false, device: device), self, one)
      }
      var square = n < 0 ? inv() : self
      var result: Tensor?
      var rest = n.magnitude
      while true {
        if rest & 1 == 1 { result = result.map { $0.matmul(square) } ?? square }
        rest >>= 1
        if rest == 0 { break }
        square = square.matmul(square)
      }
      return n == 1 ? clone() : result!
    }
  }

  /// The exponential of square matrices: Σ aᵏ / k!. SeeAlso: torch.linalg.matrix_exp
  public func matrixExp() -> Tensor {
    // 16-bit numbers are computed in float32, as everywhere.
    dtype.isFloatingPoint && dtype.accumulation != dtype
      ? apply(Primitives.MatrixExponential(), to(dtype.accumulation)).to(dtype)
      : apply(Primitives.MatrixExponential(), self)
  }

  /// U with orthonormal columns and H positive semidefinite, self = U H; at least as many rows as columns.
  /// SeeAlso: torch.linalg.polar
  public func polarDecomposition() -> (u: Tensor, h: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      try spec.requireMatrices("polarDecomposition")
      guard spec.rows >= spec.columns else {
        throw OpError("polarDecomposition", "needs at least as many rows as columns, got \(spec)")
      }
      return polarParts([self])
    }
    return (results[0], results[1])
  }

  /// The square root of Hermitian positive-definite matrices, of which the lower triangle is read.
  /// SeeAlso: torch.linalg.matrix_sqrth
  public func matrixSqrth() -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try spec.requireMatrices("matrixSqrth", square: true)
      return squareRoot([self])[0]
    }
  }

  /// The powers 0, 1, …, n − 1 of a vector's elements along a new last dimension. SeeAlso: torch.linalg.vander
  public func vandermonde(_ n: Int? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard dtype != .bool else { throw OpError("vandermonde", "not defined for bool") }
      let count = n ?? (rank > 0 ? shape[rank - 1] : 1)
      guard count > 1 else { throw OpError("vandermonde", "N must be greater than 1, got \(count)") }
      let x = (dtype.isDifferentiable ? self : to(.int64)).atLeast1d()
      let powers = x.unsqueeze(-1).expand(Array(x.shape) + [count - 1]).cumprod(dim: -1)
      return Tensor.cat([Tensor.onesLike(x).unsqueeze(-1), powers], dim: -1)
    }
  }

  /// The powers of a vector's elements as columns, falling unless `increasing`. SeeAlso: torch.vander
  public func vander(_ n: Int? = nil, increasing: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank == 1 else { throw OpError("vander", "expected a vector, got \(spec)") }
      let count = n ?? shape[0]
      guard count >= 0 else { throw OpError("vander", "N must not be negative, got \(count)") }
      let x = dtype.isDifferentiable ? self : to(.int64)
      let ones = Tensor.ones(shape[0], Swift.min(count, 1), dtype: x.dtype, device: device)
      if count <= 1 { return ones }
      let powers = Tensor.cat([ones, x.unsqueeze(-1).expand(shape[0], count - 1).cumprod(dim: -1)], dim: -1)
      return increasing ? powers : powers.flip(1)
    }
  }

  /// The cross product of vectors of three elements along `dim`. SeeAlso: torch.linalg.cross
  public func cross(_ other: Tensor, dim: Int = -1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank == other.rank, rank > 0 else {
        throw OpError("cross", "inputs must have the same number of dimensions: \(spec) × \(other.spec)")
      }
      let d = try normalizedDim(dim, rank: rank, op: "cross")
      guard shape[d] == 3, other.shape[d] == 3 else {
        throw OpError("cross", "inputs must have length 3 along dimension \(dim): \(spec) × \(other.spec)")
      }
      func turned(_ x: Tensor, _ by: Int) -> Tensor { x.roll(-by, dim: d) }
      return turned(self, 1) * turned(other, 2) - turned(self, 2) * turned(other, 1)
    }
  }
}

extension Primitives {
  /// The exponential, by Padé's approximant of the scaled matrix.
  package struct MatrixExponential: Primitive {
    package static let name = "matrixExp"

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      try inputs[0].requireMatrices(name, square: true)
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let a = inputs[0]
      if a.elementCount == 0 { return }
      MatrixBatch.run(count: a.batchCount, size: 2 * a.rows) {
        fb_matrix_exp(a.type, Int64(a.rows), a.pointer, outputs[0].pointer, $0, $1)
      }
    }

    /// The upper right block of exp [[aᴴ, g], [0, aᴴ]] (Higham 2008, "Functions of Matrices", section 3.2).
    package var gradient: Gradient {
      .pullback(keeps: .input(0)) { cotangents, saved in
        let adjoint = saved.input(0).adjoint()
        let n = adjoint.spec.rows
        return [
          cotangents[0].map { g in
            let upper = Tensor.cat([adjoint, g], dim: -1)
            let lower = Tensor.cat([Tensor.zerosLike(adjoint), adjoint], dim: -1)
            return apply(Primitives.MatrixExponential(), Tensor.cat([upper, lower], dim: -2))
              .narrow(dim: -2, start: 0, length: n).narrow(dim: -1, start: n, length: n)
          }
        ]
      }
    }
  }
}

/// The solution x of h x + x h = c for Hermitian positive-definite h. c̄ is the solution for x̄, h̄ = −(c̄ xᴴ + xᴴ c̄).
private let sylvester = CustomFunction("sylvester") { inputs, context in
  context.saved = inputs
  let (values, v) = inputs[0].eigh()
  let inside = v.adjointTimes(inputs[1]).matmul(v) / (values.unsqueeze(-1) + values.unsqueeze(-2))
  return [v.matmul(inside).matmul(v.adjoint())]
} backward: { gradients, context in
  guard let g = gradients[0] else { return [nil, nil] }
  let h = context.saved[0]
  let right = sylvesterSolution(h, g)
  let adjoint = sylvesterSolution(h, context.saved[1]).adjoint()
  return [-(right.matmul(adjoint) + adjoint.matmul(right)), right]
}

private func sylvesterSolution(_ h: Tensor, _ c: Tensor) -> Tensor { sylvester([h, c])[0] }

private func hermitianPart(_ x: Tensor) -> Tensor { (x + x.adjoint()) * 0.5 }

/// x x = a, so ā solves x ā + ā x = x̄ (Higham 2008, section 6.1), with the Hermitian part of x̄.
private let squareRoot = CustomFunction("matrixSqrth") { inputs, context in
  let (values, v) = inputs[0].eigh()
  let result = (v * values.sqrt().unsqueeze(-2)).matmul(v.adjoint())
  context.saved = [inputs[0], result]
  return [result]
} backward: { gradients, context in
  let root = Context.isGradEnabled ? context.saved[0].matrixSqrth() : context.saved[1]
  return [gradients[0].map { sylvesterSolution(root, hermitianPart($0)) }]
}

/// From dA = dU H + U dH: with K the skew part of Uᴴ Ū − H̄ H and S the solution of H S + S H = K,
/// ā = U (H̄ + 2 S) + (1 − U Uᴴ) Ū H⁻¹, where H̄ is its Hermitian part (Kenney and Laub 1991, "Polar decomposition and
/// matrix sign function condition estimates").
private let polarParts = CustomFunction("polarDecomposition") { inputs, context in
  let (u, s, vh) = inputs[0].svd(fullMatrices: false)
  let h = (vh.adjoint() * s.unsqueeze(-2)).matmul(vh)
  let results = [u.matmul(vh), h]
  context.saved = inputs + results
  return results
} backward: { gradients, context in
  let a = context.saved[0]
  let (u, h) = Context.isGradEnabled ? a.polarDecomposition() : (context.saved[1], context.saved[2])
  let gh = gradients[1].map(hermitianPart)
  var middle: Tensor?
  if let gu = gradients[0] { middle = u.adjointTimes(gu) }
  if let gh { middle = middle.map { $0 - gh.matmul(h) } ?? -gh.matmul(h) }
  guard let middle else { return [nil] }
  var inside = sylvesterSolution(h, middle - middle.adjoint())
  if let gh { inside = inside + gh }
  var result = u.matmul(inside)
  if let gu = gradients[0], a.spec.rows > a.spec.columns {
    let outside = gu - u.matmul(u.adjointTimes(gu))
    result = result + h.solve(outside, left: false)
  }
  return [result]
}
