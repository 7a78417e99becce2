import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Divided by the p-norm along `dim`, or by `eps` where that is smaller. SeeAlso: torch.nn.functional.normalize
  public func normalize(p: Double = 2, dim: any Dims = 1, eps: Double = 1e-12) -> Tensor {
    self / vectorNorm("normalize", p, dim, true, nil).clamp(min: eps)
  }

  /// Divided by (k + alpha · mean of squares over `size` neighbouring channels)^beta.
  /// SeeAlso: torch.nn.functional.local_response_norm
  public func localResponseNorm(_ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1) -> Tensor {
    guard rank >= 3, size > 0 else {
      return fail(
        "localResponseNorm", "expected [n, channels, ...] and a positive size, got \(spec) and \(size)", like: spec)
    }
    if elementCount == 0 { return self * 1 }
    guard size < 1 << 40 else {
      return fail("localResponseNorm", "a window of \(size) channels has too many elements: \(spec)", like: spec)
    }
    let squares = self * self
    var padded = shape
    padded[1] += size - 1
    let wide = squares.newZeros(padded).sliceScatter(squares, dim: 1, start: size / 2, end: size / 2 + shape[1])
    let windows = wide.unfold(dim: 1, size: size, step: 1)
    // Means of integers are integers, as in PyTorch's pooling.
    let means =
      dtype.isInteger ? windows.sum(dim: -1).div(size, roundingMode: .trunc) : windows.mean(dim: -1)
    return self / (means * alpha + k).pow(beta)
  }

  /// The cosine of the angle between vectors along `dim`. SeeAlso: torch.nn.functional.cosine_similarity
  public func cosineSimilarity(_ other: Tensor, dim: Int = 1, eps: Double = 1e-8) -> Tensor {
    let dtype = resultType(operand, other.operand)
    guard let shape = Shape.broadcast(shape, other.shape) else {
      return fail("cosineSimilarity", "shapes do not broadcast: \(spec) × \(other.spec)", like: spec)
    }
    guard dtype.isFloatingPoint else {
      return fail("cosineSimilarity", "needs floating point numbers, got \(spec) × \(other.spec)", like: spec)
    }
    func direction(_ x: Tensor) -> Tensor {
      let x = x.to(dtype).expand(shape)
      let norm = x.vectorNorm("cosineSimilarity", 2, dim, true, nil)
      // The limit changes the value, not the slope, as in PyTorch.
      return x / (norm + (norm.clamp(min: eps) - norm).detached())
    }
    return (direction(self) * direction(other)).sum(dim: dim)
  }

  /// The p-norm of the difference of vectors along the last dimension; `eps` is added to the difference.
  /// SeeAlso: torch.nn.functional.pairwise_distance
  public func pairwiseDistance(_ other: Tensor, p: Double = 2, eps: Double = 1e-6, keepDim: Bool = false) -> Tensor {
    (self - other + eps).vectorNorm("pairwiseDistance", p, -1, keepDim, nil)
  }

  /// The p-norms of the differences of all pairs of rows, [..., p, m] × [..., r, m] → [..., p, r].
  /// SeeAlso: torch.cdist
  public func cdist(_ other: Tensor, p: Double = 2) -> Tensor {
    guard rank >= 2, other.rank >= 2, shape[rank - 1] == other.shape[other.rank - 1], p >= 0 else {
      return fail("cdist", "expected rows of equal length and p ≥ 0: \(spec) × \(other.spec)", like: spec)
    }
    guard dtype.isFloatingPoint, other.dtype.isFloatingPoint else {
      return fail("cdist", "needs floating point numbers: \(spec) × \(other.spec)", like: spec)
    }
    if shape[rank - 1] == 0 { return (unsqueeze(-2) - other.unsqueeze(-3)).sum(dim: -1) }
    return (unsqueeze(-2) - other.unsqueeze(-3)).vectorNorm("cdist", p, -1, false, nil)
  }

  /// The p-norms of the differences of all pairs of different rows of a matrix, i < j.
  /// SeeAlso: torch.nn.functional.pdist
  public func pdist(p: Double = 2) -> Tensor {
    guard rank == 2, dtype.isFloatingPoint, p >= 0 else {
      return fail("pdist", "expected a matrix of floating point numbers and p ≥ 0, got \(spec)", like: spec)
    }
    let n = shape[0]
    if n < 2 { return sum(dim: 1).narrow(dim: 0, start: 0, length: 0) }
    let rows = (0..<(n - 1)).map { i in
      (narrow(dim: 0, start: i, length: 1) - narrow(dim: 0, start: i + 1, length: n - 1 - i))
    }
    let differences = Tensor.cat(rows, dim: 0)
    return shape[1] == 0
      ? differences.sum(dim: -1) : differences.vectorNorm("pdist", p, -1, false, nil)
  }
}
