import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The product along one dimension.
  package struct Prod: Reducing {
    package static let name = "prod"
    package let dims: ReducedDims
    package var dtype: DType?

    package var kind: Reduction.Kind { .product }
    package var families: DType.Family { .all }

    package func resultDType(_ dtype: DType) -> DType { self.dtype ?? (dtype.isDifferentiable ? dtype : .int64) }

    /// dxᵢ = g · conj(∏_{j<i} xⱼ · ∏_{j>i} xⱼ): right at zeros too.
    package var gradient: Gradient {
      .pullback(keeps: .input(0)) { [dims] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let spec = saved.spec(0)
        let x = saved.input(0)
        let d = dims.dims[0]
        let before = x.cumprod(dim: d).shifted(by: 1, dim: d, fill: 1)
        let after = apply(Primitives.RunningProduct(dim: d, reverse: true), x).shifted(by: -1, dim: d, fill: 1)
        return [dims.expanded(g.to(spec.dtype), spec.shape) * (before * after).conj()]
      }
    }
  }
}

extension Tensor {
  /// The product along `dim` (default: of everything). Integers and bools multiply in int64. SeeAlso: torch.prod
  public func prod(dim: Int? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let x = converted(for: dtype)
      guard let dim, rank > 0 else {
        if let dim { _ = try normalizedDim(dim, rank: rank, op: "prod") }
        return apply(Primitives.Prod(dims: ReducedDims([0], keepDim: false), dtype: dtype), x.reshape([-1]))
      }
      let d = try normalizedDim(dim, rank: rank, op: "prod")
      return apply(Primitives.Prod(dims: ReducedDims([d], keepDim: keepDim), dtype: dtype), x)
    }
  }
}
