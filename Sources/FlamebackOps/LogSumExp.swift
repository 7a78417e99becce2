import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// ln Σ eˣ over some dimensions, without overflow.
  package struct LogSumExp: Reducing {
    package static let name = "logsumexp"
    package let dims: ReducedDims

    package var kind: Reduction.Kind { .logSumExp }
    package func resultDType(_ dtype: DType) -> DType { dtype }

    /// dx = g · e^(x − y), 0 where x is −∞.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { [dims] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let x = saved.input(0)
        let weights = Elementwise.expDifference(x, dims.broadcastable(saved.output(0), x.shape))
        return [dims.broadcastable(g, x.shape) * weights.conj()]
      }
    }
  }
}

extension Tensor {
  /// ln Σ eˣ over `dim`; integers count as floats. SeeAlso: torch.logsumexp
  public func logsumexp(dim: (any Dims)?, keepDim: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: "logsumexp")
      let x = dtype.isDifferentiable ? self : to(Context.defaultDType)
      if x.dtype.isComplex {  // shifted by the largest real part
        let all: [Int]? = dims.dims.isEmpty ? nil : dims.dims
        let peak = x.viewAsReal().select(dim: -1, index: 0).detached().amax(dim: all, keepDim: true)
        let shift = Elementwise.select(peak.isInf(), Scalar.float(0), peak)
        return (x - shift).exp().sum(dim: all, keepDim: keepDim).log() + shift.reshape(dims.resultShape(of: shape))
      }
      return apply(Primitives.LogSumExp(dims: dims), x)
    }
  }
}
