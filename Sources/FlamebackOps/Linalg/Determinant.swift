import FlamebackCore
import FlamebackKernels

/// The diagonal of U and the sign of P in a = P L U.
private func diagonalAndSign(_ a: Tensor) -> (factors: [Tensor], diagonal: Tensor, sign: Tensor) {
  let factors = apply(Primitives.LUFactor(), [a])
  let n = a.spec.rows
  let exchanges = (factors[1] .!= Tensor.arange(1, n + 1, dtype: .int32, device: a.device)).sum(dim: -1)
  return (factors, factors[0].mainDiagonal, (1 - 2 * exchanges.remainder(2)).to(a.dtype))
}

/// det(a) a⁻ᴴ (Giles 2008, section 2.2.4). Singular matrices: their factors are moved a little, which is enough as the
/// determinant is smooth.
private let determinant = CustomFunction("det") { inputs, context in
  let (factors, diagonal, sign) = diagonalAndSign(inputs[0])
  let result = diagonal.prod(dim: -1) * sign
  context.saved = [inputs[0], result, factors[0], factors[1]]
  return [result]
} backward: { gradients, context in
  let a = context.saved[0]
  guard let g = gradients[0] else { return [nil] }
  let (n, spec) = (a.spec.rows, a.spec)
  if !Context.isGradEnabled {
    let (result, lu) = (context.saved[1], context.saved[2])
    let shift = (lu.mainDiagonal .== 0).to(a.dtype) * a.dtype.epsilon
    let right = (g * result.conj()).unsqueeze(-1).expand(Array(spec.batch) + [n]).diagEmbed()
    return [(lu + shift.diagEmbed()).luSolve(context.saved[3], right, adjoint: true)]
  }
  let value = a.det()
  let isSingular = (context.saved[1] .== 0)
  let right = (g * value.conj()).unsqueeze(-1).expand(Array(spec.batch) + [n]).diagEmbed()
  if !isSingular.any().item().bool { return [a.adjoint().solve(right)] }
  // The adjugate from the singular values (Higham 2020, "What is the adjugate of a matrix?").
  let (u, s, vh) = a.svd(fullMatrices: false)
  let others = select(where: Tensor.eye(n, dtype: .bool, device: a.device), 1.0, s.unsqueeze(-2)).prod(dim: -1)
  let orientation = (u.det() * vh.det()).conj() * g
  let adjugate = (u * (orientation.unsqueeze(-1) * others).unsqueeze(-2)).matmul(vh)
  let mask = isSingular.unsqueeze(-1).unsqueeze(-1)
  let regular = select(where: mask, Tensor.identity(n, like: spec), a)
  return [select(where: mask, adjugate, regular.adjoint().solve(right))]
}

/// a⁻ᴴ times the gradient of the logarithm, and of a complex sign what turns it.
private let signAndLogarithm = CustomFunction("slogdet") { inputs, context in
  let (_, diagonal, sign) = diagonalAndSign(inputs[0])
  context.saved = [inputs[0]]
  return [diagonal.sgn().prod(dim: -1) * sign, diagonal.abs().log().sum(dim: -1)]
} backward: { gradients, context in
  let a = context.saved[0]
  var g = gradients[1]
  if a.dtype.isComplex, let turn = gradients[0] {
    let sign = a.slogdet().sign
    let part = -(turn.conj() * sign).imag
    let base = g ?? Tensor.zerosLike(part)
    g = Tensor.complex(base, part)
  }
  guard let g else { return [nil] }
  let right = g.to(a.dtype).unsqueeze(-1).expand(Array(a.spec.batch) + [a.spec.rows]).diagEmbed()
  return [a.adjoint().solveEx(right).result]
}

extension Tensor {
  /// The determinant of square matrices. SeeAlso: torch.linalg.det
  public func det() -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try spec.requireMatrices("det", square: true)
      return determinant([self])[0]
    }
  }

  /// The sign of the determinant and the logarithm of its absolute value. SeeAlso: torch.linalg.slogdet
  public func slogdet() -> (sign: Tensor, logabsdet: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      try spec.requireMatrices("slogdet", square: true)
      return signAndLogarithm([self])
    }
    return (results[0], results[1])
  }

  /// The logarithm of the determinant, NaN if it is negative. SeeAlso: torch.logdet
  public func logdet() -> Tensor {
    let (sign, size) = slogdet()
    return dtype.isComplex ? sign.log() + size : FlamebackOps.select(where: sign .< 0, Double.nan, size)
  }
}
