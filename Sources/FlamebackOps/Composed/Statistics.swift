import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The sum of a matrix's diagonal. SeeAlso: torch.trace
  public func trace() -> Tensor {
    guard rank == 2 else { return fail("trace", "expected a matrix, got \(spec)", like: spec) }
    return diagonal().sum()
  }

  /// The differences of neighbours along `dim`, taken `n` times; of bools whether they differ. SeeAlso: torch.diff
  public func diff(n: Int = 1, dim: Int = -1, prepend: Tensor? = nil, append: Tensor? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank > 0 else { throw OpError("diff", "expected at least one dimension, got \(spec)") }
      guard n >= 0 else { throw OpError("diff", "n must not be negative, got \(n)") }
      let d = try normalizedDim(dim, rank: rank, op: "diff")
      if n == 0 { return clone() }
      let parts = [prepend, self, append].compactMap { $0 }
      for part in parts where part.rank != rank {
        throw OpError(
          "diff", "expected tensors of equal rank: \(parts.map(\.spec.description).joined(separator: ", "))")
      }
      var x = parts.count == 1 ? self : Tensor.cat(parts, dim: d)
      for _ in 0..<Swift.min(n, x.shape[d]) {
        let size = x.shape[d]
        let (left, right) = (
          x.narrow(dim: d, start: 0, length: size - 1), x.narrow(dim: d, start: 1, length: size - 1)
        )
        x = dtype == .bool ? right.logicalXor(left) : right - left
      }
      return x
    }
  }

  /// The covariances of variables (rows) over observations (columns), which may be counted and weighted.
  /// SeeAlso: torch.cov
  public func cov(correction: Int = 1, fweights: Tensor? = nil, aweights: Tensor? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank <= 2 else { throw OpError("cov", "expected at most two dimensions, got \(spec)") }
      guard dtype != .bool else { throw OpError("cov", "not defined for bool: \(spec)") }
      // In double precision: what is left of a large mean after its subtraction has few digits.
      if dtype == .float32 || dtype == .complex64 {
        let wide: DType = dtype.isComplex ? .complex128 : .float64
        return to(wide).cov(correction: correction, fweights: fweights, aweights: aweights).to(dtype)
      }
      let rows = rank < 2 ? reshape(1, -1) : self
      let count = rows.shape[1]
      var weights: Tensor?
      if let fweights {
        guard fweights.rank <= 1, fweights.elementCount == count, fweights.dtype.isInteger,
          noGrad({ (fweights .>= 0).all().item().bool })
        else { throw OpError("cov", "fweights must be \(count) integers ≥ 0, got \(fweights.spec)") }
        weights = fweights
      }
      if let aweights {
        guard aweights.rank <= 1, aweights.elementCount == count, aweights.dtype.isFloatingPoint,
          noGrad({ (aweights .>= 0).all().item().bool })
        else { throw OpError("cov", "aweights must be \(count) floating point numbers ≥ 0, got \(aweights.spec)") }
        weights = weights.map { $0 * aweights } ?? aweights
      }
      let total = weights.map { $0.sum() }
      let x = rows.dtype.isDifferentiable ? rows : rows.to(Context.defaultDType)
      let mean =
        weights.map { (x * $0).sum(dim: 1) / total! } ?? (count == 0 ? x.sum(dim: 1) * Double.nan : x.mean(dim: 1))
      var norm: Tensor
      if let weights, let total, let aweights, correction != 0 {
        norm = total - (weights * aweights).sum() / total * correction
      } else if let total {
        norm = total - correction
      } else {
        let (rest, overflow) = count.subtractingReportingOverflow(correction)
        norm = Tensor.full([], .int(overflow ? .max : rest), dtype: .int64, device: device)
      }
      norm = norm.clamp(min: 0)
      let centred = x - mean.unsqueeze(1)
      let scaled = weights.map { centred * $0 } ?? centred
      let result = centred.matmul(scaled.transpose(0, 1).conj()) / norm
      return result.squeeze()
    }
  }

  /// Pearson's correlations of variables (rows) over observations (columns). SeeAlso: torch.corrcoef
  public func corrcoef() -> Tensor {
    guard rank <= 2 else { return fail("corrcoef", "expected at most two dimensions, got \(spec)", like: spec) }
    let c = cov()
    if c.rank == 0 { return c / c }
    let deviation = c.diagonal().sqrt()
    let ratio = c / deviation.unsqueeze(1) / deviation.unsqueeze(0)
    if !ratio.dtype.isComplex { return ratio.clamp(min: -1, max: 1) }
    let parts = ratio.viewAsReal().clamp(min: -1, max: 1)
    return parts.viewAsComplex()
  }

  /// Every slice along `dim` scaled down to a p-norm of at most `maxNorm`. SeeAlso: torch.renorm
  public func renorm(p: Double, dim: Int, maxNorm: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank > 1 else { throw OpError("renorm", "expected at least two dimensions, got \(spec)") }
      guard p > 0, maxNorm >= 0 else { throw OpError("renorm", "p must be positive and maxNorm not negative") }
      let d = try normalizedDim(dim, rank: rank, op: "renorm")
      let others = (0..<rank).filter { $0 != d }
      let wide: DType = dtype.isComplex ? dtype : dtype.accumulation
      let norm = vectorNorm("renorm", p, others, true, wide)
      let factor = Elementwise.select(norm .> maxNorm, maxNorm / (norm + 1e-7), Scalar.float(1))
      return self * factor.to(dtype.real)
    }
  }

  /// The integral by the trapezoidal rule along `dim`, with distance `dx`, or between the points `x`.
  /// SeeAlso: torch.trapezoid
  public func trapezoid(x: Tensor? = nil, dx: Double = 1, dim: Int = -1) -> Tensor {
    trapezoids("trapezoid", x, dx, dim) { $0.sum(dim: $1) }
  }

  /// The running integral by the trapezoidal rule along `dim`. SeeAlso: torch.cumulative_trapezoid
  public func cumulativeTrapezoid(x: Tensor? = nil, dx: Double = 1, dim: Int = -1) -> Tensor {
    trapezoids("cumulativeTrapezoid", x, dx, dim) { $0.cumsum(dim: $1) }
  }

  private func trapezoids(
    _ op: String, _ x: Tensor?, _ dx: Double, _ dim: Int, _ join: (Tensor, Int) -> Tensor
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank > 0 else { throw OpError(op, "expected at least one dimension, got \(spec)") }
      guard dtype != .bool else { throw OpError(op, "not defined for bool: \(spec)") }
      let d = try normalizedDim(dim, rank: rank, op: op)
      let n = shape[d]
      if n == 0 { return sum(dim: d) }
      let left = narrow(dim: d, start: 0, length: n - 1)
      let right = narrow(dim: d, start: 1, length: n - 1)
      guard let x else { return join(left + right, d) * (dx / 2) }
      var points = x
      if x.rank == 1 {
        guard x.shape[0] == n else { throw OpError(op, "\(x.spec) does not give a point for each of \(n) values") }
        points = x.reshape([n] + Array(repeating: 1, count: rank - d - 1))
      } else {
        while points.rank < rank { points = points.unsqueeze(0) }
        guard points.shape[d + points.rank - rank] == n else {
          throw OpError(op, "\(x.spec) does not give a point for each of \(n) values")
        }
      }
      return join((left + right) * points.diff(dim: d - rank) / 2, d)
    }
  }
}
