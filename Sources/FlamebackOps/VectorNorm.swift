import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// (Σ |x|ᵖ)^(1/p) over some dimensions; the largest or smallest |x| for p = ±∞, the number of nonzeros for p = 0.
  package struct VectorNorm: Reducing {
    package static let name = "norm"
    package let order: Double
    package let dims: ReducedDims
    package var dtype: DType?

    package var kind: Reduction.Kind { .norm }
    package var parameter: Double { order }
    package func resultDType(_ dtype: DType) -> DType { (self.dtype ?? dtype).real }
    package var attributes: [(String, String)] { [("ord", "\(order)")] + dims.attributes }

    /// dx = g · sgn(x) · (|x| / norm)^(p−1), with the limits 0 where the norm is 0; ±∞: extremes share g.
    package var gradient: Gradient {
      if order == 0 { return .pullback(keeps: .nothing) { _, saved in [nil] } }
      return .pullback(keeps: [.input(0), .output(0)]) { [order, dims] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let shape = saved.spec(0).shape
        let out = saved.outputSpec(0).dtype
        let x = saved.input(0).to(saved.spec(0).dtype.isComplex ? out.complex : out)
        let norm = dims.broadcastable(saved.output(0), shape)
        let gradient = dims.broadcastable(g, shape)
        let result: Tensor
        if order.isInfinite {
          let extreme = x.abs().detached() .== norm.detached()
          let count = extreme.sum(dim: dims.dims.isEmpty ? nil : dims.dims, keepDim: true).to(out)
          result = x.sgn() * Elementwise.select(extreme, gradient / count, Scalar.float(0))
        } else if order == 1 {
          result = x.sgn() * gradient
        } else if order == 2 {
          result = x * Elementwise.select(norm .== 0, Scalar.float(0), gradient / norm)
        } else {
          let factor = Elementwise.normGradient.call([
            .tensor(gradient), .tensor(x.abs()), .tensor(norm), .scalar(.float(order - 1)),
          ])
          result = x.sgn() * factor
        }
        return [result.to(saved.spec(0).dtype)]
      }
    }
  }
}

extension Elementwise {
  /// g · (size / norm)^q, 0 where the norm is 0 or (q < 1) the size is.
  static let normGradient = Elementwise("normGradient", arity: 4) { v in
    let (g, size, norm, q) = (v[0], v[1], v[2], v[3])
    let dead = (norm .== 0) .| ((size .== 0) .& (q .< 1))
    return dead.select(0, g * dead.select(1, size / norm).pow(q))
  }
}

extension Tensor {
  /// The p-norm of the elements over `dim` (default: of all), a real number. SeeAlso: torch.linalg.vector_norm
  public func vectorNorm(
    ord: Double = 2, dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor { vectorNorm("vectorNorm", ord, dim, keepDim, dtype) }

  func vectorNorm(
    _ op: String, _ ord: Double, _ dim: (any Dims)?, _ keepDim: Bool, _ dtype: DType?
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard self.dtype.isDifferentiable else {
        throw OpError(op, "needs floating point or complex numbers, got \(spec)")
      }
      if let dtype, dtype.isComplex != self.dtype.isComplex || !dtype.isDifferentiable {
        throw OpError(op, "dtype \(dtype) cannot hold what \(self.dtype) needs")
      }
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: op)
      if ord < 0 || ord == .infinity, let empty = dims.dims.first(where: { shape[$0] == 0 }) {
        throw OpError(op, "the \(ord)-norm over dimension \(empty) of size 0 has no value: \(spec)")
      }
      let narrows = dtype.map { $0.byteSize < self.dtype.byteSize } ?? false
      return apply(Primitives.VectorNorm(order: ord, dims: dims, dtype: dtype), narrows ? to(dtype!) : self)
    }
  }

  /// The p-norm of the elements over `dim` (default: of all). SeeAlso: torch.norm
  public func norm(p: Double = 2, dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    vectorNorm("norm", p, dim, keepDim, dtype)
  }

  /// The p-norm of the difference. SeeAlso: torch.dist
  public func dist(_ other: Tensor, p: Double = 2) -> Tensor { (self - other).vectorNorm("dist", p, nil, false, nil) }
}
