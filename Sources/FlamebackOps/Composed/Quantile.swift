import FlamebackCore
import FlamebackKernels

/// What `quantile` gives between two elements.
public enum QuantileInterpolation: String, Sendable {
  case linear, lower, higher, midpoint, nearest
}

extension Tensor {
  /// The q-quantiles along `dim` (default: of all elements); NaN where there is one. `q`: a number or a vector, whose
  /// dimension comes first in the result. SeeAlso: torch.quantile
  public func quantile(
    _ q: some TensorOperand, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { quantile("quantile", q.operand, dim, keepDim, interpolation, ignoringNaN: false) }

  /// The q-quantiles of the elements that are not NaN. SeeAlso: torch.nanquantile
  public func nanquantile(
    _ q: some TensorOperand, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { quantile("nanquantile", q.operand, dim, keepDim, interpolation, ignoringNaN: true) }

  private func quantile(
    _ op: String, _ q: Operand, _ dim: Int?, _ keepDim: Bool, _ interpolation: QuantileInterpolation,
    ignoringNaN: Bool
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let q: Tensor =
        switch q {
        case .tensor(let tensor): tensor
        case .scalar(let value): Tensor.full([], value, dtype: dtype, device: device)
        }
      guard dtype == .float32 || dtype == .float64 else { throw OpError(op, "needs float32 or float64, got \(spec)") }
      guard elementCount > 0 else { throw OpError(op, "an empty tensor has none: \(spec)") }
      guard q.rank <= 1 else { throw OpError(op, "q must be a number or a vector, got \(q.spec)") }
      guard q.dtype == dtype else { throw OpError(op, "q must have the dtype of the input: \(spec) × \(q.spec)") }
      guard noGrad({ ((q .>= 0) & (q .<= 1)).all().item().bool }) else {
        throw OpError(op, "q must lie between 0 and 1")
      }
      let d = try normalizedDim(dim ?? 0, rank: rank, op: op)
      let lines = dim == nil || rank == 0 ? reshape(-1) : movedim(d, -1)
      let sorted = lines.sort(dim: -1).values  // NaN last
      let last = Double(sorted.shape[sorted.rank - 1] - 1)
      let column = q.reshape(-1)
      let isNaN = sorted.isNaN().detached()
      var ranks: Tensor
      if ignoringNaN {
        let top = (isNaN.logicalNot().sum(dim: -1, keepDim: true) - 1).clamp(min: 0)
        ranks = (interpolation == .nearest ? column.to(.float64) : column) * top.to(dtype)
      } else {
        // The nearest one is sought in double precision, as in PyTorch: 5 times the float 0.1 is above a half.
        let places = (interpolation == .nearest ? column.to(.float64) : column) * last
        ranks = Elementwise.select(isNaN.any(dim: -1, keepDim: true), Scalar.float(last), places)
      }
      switch interpolation {
      case .lower: ranks = ranks.floor()
      case .higher: ranks = ranks.ceil()
      case .nearest: ranks = ranks.round()
      case .linear, .midpoint: break
      }
      let below = ranks.floor()
      var result = sorted.gather(dim: -1, index: below.to(.int64))
      if interpolation == .linear || interpolation == .midpoint {
        let above = sorted.gather(dim: -1, index: ranks.ceil().to(.int64))
        if interpolation == .midpoint {
          result = result.lerp(above, weight: 0.5)
        } else {
          result = result.lerp(above, weight: ranks - below)
        }
      }
      // [..., q] to [q, ...], with the dimension of size 1 where the reduced one was.
      result = q.rank == 0 ? result.squeeze(-1) : result.movedim(-1, 0)
      if keepDim {
        let lead = q.rank == 0 ? [] : [q.shape[0]]
        let sizes = ReducedDims(dim == nil ? Array(0..<rank) : rank == 0 ? [] : [d], keepDim: true)
        result = result.reshape(lead + sizes.keptShape(of: shape))
      }
      return result
    }
  }
}
