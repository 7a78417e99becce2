import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Successes before a number of failures. SeeAlso: torch.distributions.NegativeBinomial
public struct NegativeBinomial: Distribution {
  /// The numbers of failures; they need not be whole.
  public let totalCount: Tensor
  let chances: Chances
  public let validatesArguments: Bool

  init(_ totalCount: some TensorOperand, _ chances: Chances, validateArgs: Bool) {
    let all = broadcastAll(totalCount, chances.given)
    self.totalCount = all[0].to(all[1].dtype)
    self.chances = Chances(given: all[1], isLogits: chances.isLogits, isBinary: true)
    validatesArguments = validateArgs
    validate("NegativeBinomial", validateArgs, ("totalCount", self.totalCount, .nonnegative))
    if chances.isLogits {
      self.chances.validate("NegativeBinomial", validateArgs)
    } else {
      validate("NegativeBinomial", validateArgs, ("probs", all[1], .halfOpenInterval(0, 1)))
    }
  }

  public init(_ totalCount: some TensorOperand, probs: some TensorOperand, validateArgs: Bool = true) {
    self.init(totalCount, .probs(probs), validateArgs: validateArgs)
  }

  public init(_ totalCount: some TensorOperand, logits: some TensorOperand, validateArgs: Bool = true) {
    self.init(totalCount, .logits(logits), validateArgs: validateArgs)
  }

  /// The probabilities of success.
  public var probs: Tensor { chances.probs }
  /// The logarithms of the odds of success.
  public var logits: Tensor { chances.logits }
  public var batchShape: Shape { totalCount.shape }
  public var support: Constraint { .nonnegativeInteger }
  public var mean: Tensor { totalCount * logits.exp() }
  public var mode: Tensor { ((totalCount - 1) * logits.exp()).floor().clamp(min: 0) }
  public var variance: Tensor { mean / (-logits).sigmoid() }

  public func expand(_ batchShape: [Int]) -> NegativeBinomial {
    NegativeBinomial(totalCount.expand(batchShape), chances.expand(batchShape), validateArgs: false)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      Gamma(totalCount, (-logits).exp(), validateArgs: false).sample(sampleShape, generator: generator)
        .poisson(generator: generator)
    }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let unnormalized = totalCount * (-logits).logSigmoid() + value * logits.logSigmoid()
    let normalizer = (1 + value).lgamma() + totalCount.lgamma() - (totalCount + value).lgamma()
    return unnormalized - normalizer.maskedFill(totalCount + value .== 0, 0)
  }
}
