import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// One of several distributions of a family, drawn first: the last batch dimension of `components` numbers them.
/// SeeAlso: torch.distributions.MixtureSameFamily
public struct MixtureSameFamily: Distribution {
  public let mixture: Categorical
  public let components: any Distribution
  public let validatesArguments: Bool

  public init(_ mixture: Categorical, _ components: any Distribution, validateArgs: Bool = true) {
    (self.mixture, self.components, validatesArguments) = (mixture, components, validateArgs)
    let count = mixture.probs.shape[mixture.probs.rank - 1]
    if components.batchShape.last != count {
      report(
        OpError("MixtureSameFamily", "\(count) probabilities do not fit the batch shape \(components.batchShape)"))
    }
  }

  public var batchShape: Shape { Shape(components.batchShape.dropLast()) }
  public var eventShape: Shape { components.eventShape }
  public var support: Constraint { components.support }
  /// Where the components lie in values of all of them, counted from the back.
  private var place: Int { -1 - eventShape.count }

  /// The probabilities, broadcast against a value's event dimensions.
  private var weights: Tensor {
    mixture.probs.reshape(mixture.probs.shape.array + Array(repeating: 1, count: eventShape.count))
  }

  public var mean: Tensor { (weights * components.mean).sum(dim: place) }

  public var variance: Tensor {
    let within = (weights * components.variance).sum(dim: place)
    return within + (weights * (components.mean - mean.unsqueeze(place)).square()).sum(dim: place)
  }

  public func expand(_ batchShape: [Int]) -> MixtureSameFamily {
    MixtureSameFamily(
      mixture.expand(batchShape), components.expand(batchShape + [components.batchShape.last ?? 1]),
      validateArgs: false)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let choice = mixture.expand(batchShape.array).sample(sampleShape, generator: generator)
      let all = components.sample(sampleShape, generator: generator)
      let shape = choice.shape.array + Array(repeating: 1, count: 1 + eventShape.count)
      let index = choice.reshape(shape).expand(choice.shape.array + [1] + eventShape.array)
      return all.gather(dim: all.rank + place, index: index).squeeze(place)
    }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let densities = components.logProb(validated(value).unsqueeze(place))
    return (densities + mixture.logits.logSoftmax(dim: -1)).logsumexp(dim: -1)
  }

  public func cdf(_ value: Tensor) -> Tensor {
    (components.cdf(validated(value).unsqueeze(place)) * mixture.probs).sum(dim: -1)
  }
}
