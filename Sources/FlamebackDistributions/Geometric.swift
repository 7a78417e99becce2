import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Failures before the first success. SeeAlso: torch.distributions.Geometric
public struct Geometric: Distribution {
  let chances: Chances
  public let validatesArguments: Bool

  init(_ chances: Chances, validateArgs: Bool) {
    (self.chances, validatesArguments) = (chances, validateArgs)
    chances.validate("Geometric", validateArgs)
    if !chances.isLogits { validate("Geometric", validateArgs, ("probs", chances.given, .positive)) }
  }

  public init(probs: some TensorOperand, validateArgs: Bool = true) {
    self.init(.probs(probs), validateArgs: validateArgs)
  }

  public init(logits: some TensorOperand, validateArgs: Bool = true) {
    self.init(.logits(logits), validateArgs: validateArgs)
  }

  /// The probabilities of success.
  public var probs: Tensor { chances.probs }
  /// The logarithms of the odds of success.
  public var logits: Tensor { chances.logits }
  public var batchShape: Shape { chances.given.shape }
  public var support: Constraint { .nonnegativeInteger }
  public var mean: Tensor { 1 / probs - 1 }
  public var mode: Tensor { .zerosLike(chances.given) }
  public var variance: Tensor { (1 / probs - 1) / probs }

  public func expand(_ batchShape: [Int]) -> Geometric { Geometric(chances.expand(batchShape), validateArgs: false) }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let given = chances.given
      let u = given.newEmpty(extended(sampleShape)).uniform(given.dtype.tiny, 1, generator: generator)
      return (u.log() / (-probs).log1p()).floor()
    }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let all = broadcastAll(validated(value), probs)
    // At probability 1 the value 0 would give 0 · log 0.
    let safe = select(where: (all[1] .== 1) & (all[0] .== 0), 0, all[1])
    return all[0] * (-safe).log1p() + probs.log()
  }

  public func entropy() -> Tensor { logits.binaryCrossEntropyWithLogits(probs, reduction: .none) / probs }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? Geometric else { return nil }
    return -entropy() - (-q.probs).log1p() / probs - q.logits
  }
}
