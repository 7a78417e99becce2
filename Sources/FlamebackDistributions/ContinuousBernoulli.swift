import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Values in [0, 1] with an exponential density: for pixels. SeeAlso: torch.distributions.ContinuousBernoulli
public struct ContinuousBernoulli: Distribution {
  let chances: Chances
  /// Between these probabilities Taylor series stand in for formulas that divide 0 by 0 at one half.
  let limits: (Double, Double)
  public let validatesArguments: Bool

  init(_ chances: Chances, limits: (Double, Double), validateArgs: Bool) {
    chances.validate("ContinuousBernoulli", validateArgs)
    self.chances =
      chances.isLogits
      ? chances : Chances(given: chances.given.clampedProbabilities(), isLogits: false, isBinary: true)
    (self.limits, validatesArguments) = (limits, validateArgs)
  }

  public init(
    probs: some TensorOperand, limits: (Double, Double) = (0.499, 0.501), validateArgs: Bool = true
  ) { self.init(.probs(probs), limits: limits, validateArgs: validateArgs) }

  public init(
    logits: some TensorOperand, limits: (Double, Double) = (0.499, 0.501), validateArgs: Bool = true
  ) { self.init(.logits(logits), limits: limits, validateArgs: validateArgs) }

  /// The parameter as a probability.
  public var probs: Tensor { chances.isLogits ? chances.probs.clampedProbabilities() : chances.given }
  /// The parameter as the logarithm of odds.
  public var logits: Tensor { chances.logits }
  public var batchShape: Shape { chances.given.shape }
  public var support: Constraint { .unitInterval }

  private var isStable: Tensor { (probs .<= limits.0) | (probs .> limits.1) }
  private var cut: Tensor { select(where: isStable, probs, limits.0) }

  /// The logarithm of the factor that makes the density integrate to 1.
  var logNormalizer: Tensor {
    let cut = cut
    let isBelow = cut .<= 0.5
    let below = select(where: isBelow, cut, 0)
    let above = select(where: cut .>= 0.5, cut, 1)
    let numerator = ((-cut).log1p() - cut.log()).abs().log()
    let denominator = select(where: isBelow, (-2 * below).log1p(), (2 * above - 1).log())
    let x = (probs - 0.5).square()
    let taylor = Constants.log2 + (4.0 / 3 + 104.0 / 45 * x) * x
    return select(where: isStable, numerator - denominator, taylor)
  }

  public var mean: Tensor {
    let cut = cut
    let exact = cut / (2 * cut - 1) + 1 / ((-cut).log1p() - cut.log())
    let x = probs - 0.5
    return select(where: isStable, exact, 0.5 + (1.0 / 3 + 16.0 / 45 * x.square()) * x)
  }

  public var variance: Tensor {
    let cut = cut
    let exact = cut * (cut - 1) / (1 - 2 * cut).square() + 1 / ((-cut).log1p() - cut.log()).square()
    let x = (probs - 0.5).square()
    return select(where: isStable, exact, 1.0 / 12 - (1.0 / 15 - 128.0 / 945 * x) * x)
  }

  public func expand(_ batchShape: [Int]) -> ContinuousBernoulli {
    ContinuousBernoulli(chances.expand(batchShape), limits: limits, validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    icdf(chances.given.newRand(extended(sampleShape), generator))
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let all = broadcastAll(logits, validated(value))
    return -all[0].binaryCrossEntropyWithLogits(all[1], reduction: .none) + logNormalizer
  }

  public func cdf(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let cut = cut
    let exact = (cut.pow(value) * (1 - cut).pow(1 - value) + cut - 1) / (2 * cut - 1)
    let inside = select(where: isStable, exact, value)
    return select(where: value .<= 0, 0, select(where: value .>= 1, 1, inside))
  }

  public func icdf(_ value: Tensor) -> Tensor {
    let cut = cut
    let exact = ((value * (2 * cut - 1) - cut).log1p() - (-cut).log1p()) / (cut.log() - (-cut).log1p())
    return select(where: isStable, exact, value)
  }

  public func entropy() -> Tensor {
    let log0 = (-probs).log1p()
    return mean * (log0 - probs.log()) - logNormalizer - log0
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? ContinuousBernoulli else { return nil }
    let t1 = mean * (logits - q.logits) + logNormalizer + (-probs).log1p()
    return t1 - q.logNormalizer - (-q.probs).log1p()
  }
}
