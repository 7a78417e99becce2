import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Vectors that sum to 1, the nearer to one-hot ones the lower the temperature: a category with a gradient.
/// SeeAlso: torch.distributions.RelaxedOneHotCategorical
public struct RelaxedOneHotCategorical: Distribution {
  /// How far from one-hot draws may be.
  public let temperature: Tensor
  let categorical: Categorical
  public let validatesArguments: Bool

  init(_ temperature: some TensorOperand, _ categorical: Categorical, validateArgs: Bool) {
    self.temperature = broadcastAll(temperature)[0]
    (self.categorical, validatesArguments) = (categorical, validateArgs)
  }

  public init(_ temperature: some TensorOperand, probs: Tensor, validateArgs: Bool = true) {
    self.init(temperature, Categorical(probs: probs, validateArgs: validateArgs), validateArgs: validateArgs)
  }

  public init(_ temperature: some TensorOperand, logits: Tensor, validateArgs: Bool = true) {
    self.init(temperature, Categorical(logits: logits, validateArgs: validateArgs), validateArgs: validateArgs)
  }

  /// The probabilities of the categories.
  public var probs: Tensor { categorical.probs }
  /// Their logarithms.
  public var logits: Tensor { categorical.logits }
  public var batchShape: Shape { categorical.batchShape }
  public var eventShape: Shape { [categorical.eventCount] }
  public var support: Constraint { .simplex }

  public func expand(_ batchShape: [Int]) -> RelaxedOneHotCategorical {
    RelaxedOneHotCategorical(temperature, categorical.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let u = logits.newRand(extended(sampleShape), generator).clampedProbabilities()
    return ((logits - (-u.log()).log()) / temperature).softmax(dim: -1)
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let k = Double(categorical.eventCount)
    let all = broadcastAll(logits, validated(value).log())
    let factorial = Tensor.fullLike(temperature, .float(k)).lgamma()
    let score = (all[0] - all[1] * temperature).logSoftmax(dim: -1).sum(dim: -1)
    return score + (factorial + (k - 1) * temperature.log()) - all[1].sum(dim: -1)
  }
}
