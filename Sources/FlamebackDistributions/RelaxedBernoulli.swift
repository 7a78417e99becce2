import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Between 0 and 1, the nearer to them the lower the temperature: a Bernoulli number with a gradient.
/// SeeAlso: torch.distributions.RelaxedBernoulli
public struct RelaxedBernoulli: Distribution {
  /// How far from 0 and 1 draws may be.
  public let temperature: Tensor
  let chances: Chances
  public let validatesArguments: Bool

  init(_ temperature: some TensorOperand, _ chances: Chances, validateArgs: Bool) {
    self.temperature = broadcastAll(temperature)[0]
    (self.chances, validatesArguments) = (chances, validateArgs)
    chances.validate("RelaxedBernoulli", validateArgs)
  }

  public init(_ temperature: some TensorOperand, probs: some TensorOperand, validateArgs: Bool = true) {
    self.init(temperature, .probs(probs), validateArgs: validateArgs)
  }

  public init(_ temperature: some TensorOperand, logits: some TensorOperand, validateArgs: Bool = true) {
    self.init(temperature, .logits(logits), validateArgs: validateArgs)
  }

  /// The probabilities of 1.
  public var probs: Tensor { chances.probs }
  /// The logarithms of the odds of 1.
  public var logits: Tensor { chances.logits }
  public var batchShape: Shape { chances.given.shape }
  public var support: Constraint { .unitInterval }

  public func expand(_ batchShape: [Int]) -> RelaxedBernoulli {
    RelaxedBernoulli(temperature, chances.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let shape = extended(sampleShape)
    let p = probs.expand(shape).clampedProbabilities()
    let u = p.newRand(shape, generator).clampedProbabilities()
    let logits = u.log() - (-u).log1p() + p.log() - (-p).log1p()
    return (logits / temperature).sigmoid().clampedProbabilities()
  }

  public func logProb(_ value: Tensor) -> Tensor {
    // The density of the logit, and the logit's derivative.
    let value = validated(value).clamp(min: chances.given.dtype.tiny, max: 1 - chances.given.dtype.epsilon)
    let x = value.log() - (-value).log1p()
    let difference = logits - x * temperature
    let density = temperature.log() + difference - 2 * difference.exp().log1p()
    return density + (-x).softplus() + x.softplus()
  }
}
