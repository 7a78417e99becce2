import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// One of some categories, as a vector with a single 1. SeeAlso: torch.distributions.OneHotCategorical
public struct OneHotCategorical: Distribution {
  let categorical: Categorical
  public let validatesArguments: Bool

  init(_ categorical: Categorical, validateArgs: Bool) {
    (self.categorical, validatesArguments) = (categorical, validateArgs)
  }

  public init(probs: Tensor, validateArgs: Bool = true) {
    self.init(Categorical(probs: probs, validateArgs: validateArgs), validateArgs: validateArgs)
  }

  public init(logits: Tensor, validateArgs: Bool = true) {
    self.init(Categorical(logits: logits, validateArgs: validateArgs), validateArgs: validateArgs)
  }

  /// The probabilities of the categories.
  public var probs: Tensor { categorical.probs }
  /// Their logarithms.
  public var logits: Tensor { categorical.logits }
  public var batchShape: Shape { categorical.batchShape }
  public var eventShape: Shape { [categorical.eventCount] }
  public var support: Constraint { .oneHot }
  public var mean: Tensor { probs }
  public var mode: Tensor { spread(probs.argmax(dim: -1)) }
  public var variance: Tensor { probs * (1 - probs) }

  private func spread(_ indices: Tensor) -> Tensor {
    indices.oneHot(numClasses: categorical.eventCount).to(categorical.chances.given.dtype)
  }

  public func expand(_ batchShape: [Int]) -> OneHotCategorical {
    OneHotCategorical(categorical.expand(batchShape), validateArgs: false)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    spread(categorical.sample(sampleShape, generator: generator))
  }

  /// Draws with the gradient of the probabilities: the straight-through estimator.
  /// SeeAlso: torch.distributions.OneHotCategoricalStraightThrough
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    sample(sampleShape, generator: generator) + (probs - probs.detached())
  }

  public func logProb(_ value: Tensor) -> Tensor { categorical.logProb(validated(value).max(dim: -1).indices) }
  public func entropy() -> Tensor { categorical.entropy() }

  public func enumerateSupport(expand: Bool = true) -> Tensor {
    let n = categorical.eventCount
    let given = categorical.chances.given
    let values = Tensor.eye(n, dtype: given.dtype, device: given.device)
      .reshape([n] + Array(repeating: 1, count: batchShape.count) + [n])
    return expand ? values.expand([n] + batchShape.array + [n]) : values
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    (other as? OneHotCategorical).flatMap { categorical.divergence(to: $0.categorical) }
  }
}
