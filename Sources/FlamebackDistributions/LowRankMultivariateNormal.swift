import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Correlated normal numbers whose covariance is W·Wᵀ + D, with few columns in W and D diagonal.
/// SeeAlso: torch.distributions.LowRankMultivariateNormal
public struct LowRankMultivariateNormal: Distribution {
  /// The means `[…, n]`.
  public let loc: Tensor
  /// W, `[…, n, m]`.
  public let covFactor: Tensor
  /// The diagonal of D, `[…, n]`.
  public let covDiag: Tensor
  /// The Cholesky factor of 1 + Wᵀ·D⁻¹·W.
  let capacitance: Tensor
  public let validatesArguments: Bool

  public init(_ loc: Tensor, _ covFactor: Tensor, _ covDiag: Tensor, validateArgs: Bool = true) {
    validatesArguments = validateArgs
    guard loc.rank >= 1, covFactor.rank >= 2, covDiag.rank >= 1,
      covFactor.shape[covFactor.rank - 2] == loc.shape[loc.rank - 1],
      covDiag.shape[covDiag.rank - 1] == loc.shape[loc.rank - 1],
      let first = Shape.broadcast(Shape(loc.shape.dropLast()), Shape(covFactor.shape.dropLast(2))),
      let batch = Shape.broadcast(first, Shape(covDiag.shape.dropLast()))
    else {
      let message = "loc \(loc.spec), covFactor \(covFactor.spec) and covDiag \(covDiag.spec) do not fit"
      self.loc = fail("LowRankMultivariateNormal", message).reshape([1])
      self.covFactor = self.loc.reshape([1, 1])
      (self.covDiag, capacitance) = (self.loc, self.covFactor)
      return
    }
    validate(
      "LowRankMultivariateNormal", validateArgs, ("loc", loc, .realVector),
      ("covFactor", covFactor, Constraint.real.independent(2)),
      ("covDiag", covDiag, Constraint.positive.independent(1)))
    self.loc = loc.expand(batch.array + Array(loc.shape.suffix(1)))
    self.covFactor = covFactor.expand(batch.array + Array(covFactor.shape.suffix(2)))
    self.covDiag = covDiag.expand(batch.array + Array(covDiag.shape.suffix(1)))
    let w = self.covFactor
    let k = (w.transpose(-2, -1) / self.covDiag.unsqueeze(-2)).matmul(w)
    capacitance = (k + Tensor.eye(w.shape[w.rank - 1], dtype: k.dtype, device: k.device)).cholesky()
  }

  private var count: Int { loc.shape[loc.rank - 1] }
  public var batchShape: Shape { Shape(loc.shape.dropLast()) }
  public var eventShape: Shape { [count] }
  public var support: Constraint { .realVector }
  public var mean: Tensor { loc }
  public var mode: Tensor { loc }
  public var variance: Tensor { covFactor.square().sum(dim: -1) + covDiag }
  /// The covariance.
  public var covarianceMatrix: Tensor { covFactor.matmul(covFactor.transpose(-2, -1)) + covDiag.diagEmbed() }
  /// The Cholesky factor of the covariance.
  public var scaleTril: Tensor { covarianceMatrix.cholesky() }
  /// The inverse of the covariance.
  public var precisionMatrix: Tensor {
    let a = capacitance.solveTriangular(covFactor.transpose(-2, -1) / covDiag.unsqueeze(-2), upper: false)
    return covDiag.reciprocal().diagEmbed() - a.transpose(-2, -1).matmul(a)
  }

  public func expand(_ batchShape: [Int]) -> LowRankMultivariateNormal {
    LowRankMultivariateNormal(
      loc.expand(batchShape + [count]), covFactor.expand(batchShape + Array(covFactor.shape.suffix(2))),
      covDiag.expand(batchShape + [count]), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let shape = extended(sampleShape)
    let low = loc.newRandn(shape.dropLast() + [covFactor.shape[covFactor.rank - 1]], generator)
    let own = loc.newRandn(shape, generator)
    return loc + covFactor.timesVector(low) + covDiag.sqrt() * own
  }

  private var logDeterminant: Tensor { 2 * capacitance.logDiagonal() + covDiag.log().sum(dim: -1) }

  public func logProb(_ value: Tensor) -> Tensor {
    let x = validated(value) - loc
    let projected = (covFactor.transpose(-2, -1) / covDiag.unsqueeze(-2)).timesVector(x)
    let distance = (x.square() / covDiag).sum(dim: -1) - capacitance.mahalanobis(projected)
    return -0.5 * (Double(count) * Constants.log2Pi + logDeterminant + distance)
  }

  public func entropy() -> Tensor { 0.5 * (Double(count) * (1 + Constants.log2Pi) + logDeterminant) }
}
