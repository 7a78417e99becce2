import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// 1 with a probability, else 0. SeeAlso: torch.distributions.Bernoulli
public struct Bernoulli: Distribution {
  let chances: Chances
  public let validatesArguments: Bool

  init(_ chances: Chances, validateArgs: Bool) {
    (self.chances, validatesArguments) = (chances, validateArgs)
    chances.validate("Bernoulli", validateArgs)
  }

  public init(probs: some TensorOperand, validateArgs: Bool = true) {
    self.init(.probs(probs), validateArgs: validateArgs)
  }

  public init(logits: some TensorOperand, validateArgs: Bool = true) {
    self.init(.logits(logits), validateArgs: validateArgs)
  }

  /// The probabilities of 1.
  public var probs: Tensor { chances.probs }
  /// The logarithms of the odds of 1.
  public var logits: Tensor { chances.logits }
  public var batchShape: Shape { chances.given.shape }
  public var support: Constraint { .boolean }
  public var mean: Tensor { probs }
  public var variance: Tensor { probs * (1 - probs) }

  public var mode: Tensor {
    let probs = probs
    return select(where: probs .== 0.5, Double.nan, (probs .>= 0.5).to(probs.dtype))
  }

  public func expand(_ batchShape: [Int]) -> Bernoulli { Bernoulli(chances.expand(batchShape), validateArgs: false) }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad { probs.expand(extended(sampleShape)).bernoulli(generator: generator) }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let all = broadcastAll(logits, validated(value))
    return -all[0].binaryCrossEntropyWithLogits(all[1], reduction: .none)
  }

  public func entropy() -> Tensor { logits.binaryCrossEntropyWithLogits(probs, reduction: .none) }

  public func enumerateSupport(expand: Bool = true) -> Tensor {
    let given = chances.given
    return enumerated(Tensor.arange(2, dtype: given.dtype, device: given.device), expand: expand)
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Bernoulli:
      let (p1, q1) = (probs, q.probs)
      var t1 = p1 * ((-q.logits).softplus() - (-logits).softplus())
      t1 = select(where: p1 .== 0, 0, select(where: q1 .== 0, Double.infinity, t1))
      var t2 = (1 - p1) * (q.logits.softplus() - logits.softplus())
      t2 = select(where: p1 .== 1, 0, select(where: q1 .== 1, Double.infinity, t2))
      return t1 + t2
    case let q as Poisson: return -entropy() - (probs * q.rate.log() - q.rate)
    default: return nil
    }
  }
}

extension Distribution {
  /// A list of values as `enumerateSupport` gives them.
  func enumerated(_ values: Tensor, expand: Bool) -> Tensor {
    let flat = values.reshape([-1] + Array(repeating: 1, count: batchShape.count))
    return expand ? flat.expand([-1] + batchShape.array) : flat
  }
}
