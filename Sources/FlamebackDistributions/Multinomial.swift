import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// How often each category comes up in a number of draws. SeeAlso: torch.distributions.Multinomial
public struct Multinomial: Distribution {
  /// The number of draws.
  public let totalCount: Int
  let categorical: Categorical
  public let validatesArguments: Bool

  init(_ totalCount: Int, _ categorical: Categorical, validateArgs: Bool) {
    (self.totalCount, self.categorical, validatesArguments) = (totalCount, categorical, validateArgs)
    if totalCount < 0 { report(OpError("Multinomial", "totalCount must not be negative, got \(totalCount)")) }
  }

  public init(_ totalCount: Int = 1, probs: Tensor, validateArgs: Bool = true) {
    self.init(totalCount, Categorical(probs: probs, validateArgs: validateArgs), validateArgs: validateArgs)
  }

  public init(_ totalCount: Int = 1, logits: Tensor, validateArgs: Bool = true) {
    self.init(totalCount, Categorical(logits: logits, validateArgs: validateArgs), validateArgs: validateArgs)
  }

  /// The probabilities of the categories.
  public var probs: Tensor { categorical.probs }
  /// Their logarithms.
  public var logits: Tensor { categorical.logits }
  public var batchShape: Shape { categorical.batchShape }
  public var eventShape: Shape { [categorical.eventCount] }
  public var support: Constraint { .multinomial(totalCount) }
  public var mean: Tensor { probs * totalCount }
  public var variance: Tensor { totalCount * probs * (1 - probs) }

  public func expand(_ batchShape: [Int]) -> Multinomial {
    Multinomial(totalCount, categorical.expand(batchShape), validateArgs: false)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let draws = categorical.sample([totalCount] + sampleShape, generator: generator).movedim(0, -1)
      let counts = Tensor.zeros(extended(sampleShape), dtype: .int64, device: draws.device)
      return counts.scatterAdd(dim: -1, index: draws, src: .onesLike(draws)).to(probs.dtype)
    }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let all = broadcastAll(logits, validated(value))
    let value = all[1]
    // An impossible category that did not come up counts nothing.
    let safe = select(where: (value .== 0) & all[0].isNegInf(), 0, all[0])
    return (value.sum(dim: -1) + 1).lgamma() - (value + 1).lgamma().sum(dim: -1) + (safe * value).sum(dim: -1)
  }

  public func entropy() -> Tensor {
    let n = Double(totalCount)
    let binomial = Binomial(totalCount, probs: probs, validateArgs: false)
    let counts = binomial.enumerateSupport(expand: false).narrow(dim: 0, start: 1, length: totalCount)
    let weights = binomial.logProb(counts).exp()
    let logFactorial = Tensor.full([], .float(n + 1), dtype: probs.dtype, device: probs.device).lgamma()
    return n * categorical.entropy() - logFactorial + (weights * (counts + 1).lgamma()).sum(dim: [0, -1])
  }
}
