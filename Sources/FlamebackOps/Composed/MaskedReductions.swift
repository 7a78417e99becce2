import FlamebackCore
import FlamebackKernels

/// A tensor of which only the elements count where a bool mask, broadcast to its shape, is true.
///
/// Its reductions leave the others out: they see the operation's neutral element there. SeeAlso: torch.masked
public struct Masked: Sendable {
  public let values: Tensor
  /// Nil: everything counts.
  public let mask: Tensor?

  fileprivate func filled(_ neutral: Scalar) -> Tensor {
    mask.map { Elementwise.select.call([$0.operand, values.operand, .scalar(neutral)], dtype: values.dtype) } ?? values
  }

  /// What no maximum exceeds.
  private var lowest: Scalar {
    values.dtype.isDifferentiable ? .float(-.infinity) : .int(values.dtype.integerRange.min)
  }
  private var highest: Scalar {
    values.dtype.isDifferentiable ? .float(.infinity) : .int(values.dtype.integerRange.max)
  }

  /// How many elements count.
  private func count(_ dim: (any Dims)?, _ keepDim: Bool) -> Tensor {
    let all = mask ?? Tensor.full([], true, dtype: .bool, device: values.device)
    return all.expand(values.shape).sum(dim: dim, keepDim: keepDim)
  }

  /// SeeAlso: torch.masked.sum
  public func sum(dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    filled(0).sum(dim: dim, keepDim: keepDim, dtype: dtype)
  }

  /// The product over one or several dimensions. SeeAlso: torch.masked.prod
  public func prod(dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    let x = filled(1)
    let dims = attempt([Int]()) { () throws(OpError) in
      try normalizedDims(dim?.dims ?? [], rank: x.rank, op: "masked.prod")
    }
    let first = dtype.map { x.to($0) } ?? (x.dtype.isDifferentiable ? x : x.to(.int64))
    return dims.sorted(by: >).reduce(first) { $0.prod(dim: $1, keepDim: keepDim) }
  }

  /// NaN where nothing counts. SeeAlso: torch.masked.mean
  public func mean(dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    guard (dtype ?? values.dtype).isDifferentiable else {
      return fail("masked.mean", "needs a floating point or complex dtype, got \(values.spec)", like: values.spec)
    }
    return sum(dim: dim, keepDim: keepDim, dtype: dtype ?? values.dtype) / count(dim, keepDim)
  }

  /// SeeAlso: torch.masked.var
  public func `var`(
    dim: (any Dims)? = nil, correction: Double = 1, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    let dtype = dtype ?? (values.dtype.isDifferentiable ? values.dtype : .float32)
    let mean = sum(dim: dim, keepDim: true, dtype: dtype) / count(dim, true)
    let centred = values - mean
    let total = Masked(values: centred * centred.conj(), mask: mask).sum(dim: dim, keepDim: keepDim, dtype: dtype)
    let divisor = count(dim, keepDim).to(dtype.real) - correction
    return (total / (correction == 0 ? divisor : divisor.clamp(min: 0))).to(dtype)
  }

  /// SeeAlso: torch.masked.std
  public func std(
    dim: (any Dims)? = nil, correction: Double = 1, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor { self.var(dim: dim, correction: correction, keepDim: keepDim, dtype: dtype).sqrt() }

  /// SeeAlso: torch.masked.amax
  public func amax(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor {
    filled(lowest).amax(dim: dim, keepDim: keepDim)
  }

  /// SeeAlso: torch.masked.amin
  public func amin(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor {
    filled(highest).amin(dim: dim, keepDim: keepDim)
  }

  /// SeeAlso: torch.masked.argmax
  public func argmax(dim: Int? = nil, keepDim: Bool = false) -> Tensor {
    filled(lowest).argmax(dim: dim, keepDim: keepDim)
  }

  /// SeeAlso: torch.masked.argmin
  public func argmin(dim: Int? = nil, keepDim: Bool = false) -> Tensor {
    filled(highest).argmin(dim: dim, keepDim: keepDim)
  }

  /// The lower median of the elements that count; NaN where none does. SeeAlso: torch.masked.median
  public func median(dim: Int = -1, keepDim: Bool = false) -> Tensor {
    let wide = Masked(values: values.dtype.isDifferentiable ? values : values.to(.float32), mask: mask)
    let result = wide.filled(.float(.nan)).nanmedian(dim: dim, keepDim: keepDim).values
    if values.dtype.isDifferentiable { return result }
    if noGrad({ result.isNaN().any().item().bool }) {
      return fail("masked.median", "a line of integers has no element that counts: \(values.spec)", like: values.spec)
    }
    return result.to(values.dtype)
  }

  /// SeeAlso: torch.masked.norm
  public func norm(
    ord: Double = 2, dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    filled(ord == -.infinity ? .float(.infinity) : 0).vectorNorm(ord: ord, dim: dim, keepDim: keepDim, dtype: dtype)
  }

  /// SeeAlso: torch.masked.logsumexp
  public func logsumexp(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor {
    filled(lowest).logsumexp(dim: dim, keepDim: keepDim).to(values.dtype)
  }

  /// SeeAlso: torch.masked.logaddexp
  public func logaddexp(_ other: Masked) -> Tensor { filled(lowest).logaddexp(other.filled(other.lowest)) }

  /// SeeAlso: torch.masked.cumsum
  public func cumsum(dim: Int, dtype: DType? = nil) -> Tensor {
    filled(0).cumsum(dim: dim, dtype: dtype ?? values.dtype)
  }

  /// SeeAlso: torch.masked.cumprod
  public func cumprod(dim: Int, dtype: DType? = nil) -> Tensor {
    filled(1).cumprod(dim: dim, dtype: dtype ?? values.dtype)
  }

  /// SeeAlso: torch.masked.softmax
  public func softmax(dim: Int, dtype: DType? = nil) -> Tensor { filled(lowest).softmax(dim: dim, dtype: dtype) }

  /// SeeAlso: torch.masked.log_softmax
  public func logSoftmax(dim: Int, dtype: DType? = nil) -> Tensor { filled(lowest).logSoftmax(dim: dim, dtype: dtype) }

  /// SeeAlso: torch.masked.softmin
  public func softmin(dim: Int, dtype: DType? = nil) -> Tensor { filled(highest).softmin(dim: dim, dtype: dtype) }

  /// SeeAlso: torch.masked.normalize
  public func normalize(ord: Double, dim: Int, eps: Double = 1e-12) -> Tensor {
    filled(0) / norm(ord: ord, dim: dim, keepDim: true).maximum(eps)
  }
}

extension Tensor {
  /// The tensor with only those elements counting where `mask` is true.
  public func masked(by mask: Tensor?) -> Masked { Masked(values: self, mask: mask) }
}

extension DType {
  /// The smallest and the largest number of an integer type, of uint64 as far as Int reaches.
  var integerRange: (min: Int, max: Int) {
    integerLimits.map { ($0.least, Int(Swift.min($0.greatest, UInt(Int.max)))) } ?? (.min, .max)
  }
}
