import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Waiting times for several events. SeeAlso: torch.distributions.Gamma
public struct Gamma: Distribution {
  /// The number of events.
  public let concentration: Tensor
  /// Events per time.
  public let rate: Tensor
  public let validatesArguments: Bool

  public init(_ concentration: some TensorOperand, _ rate: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(concentration, rate)
    (self.concentration, self.rate, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Gamma", validateArgs, ("concentration", all[0], .positive), ("rate", all[1], .positive))
  }

  public var batchShape: Shape { concentration.shape }
  public var support: Constraint { .nonnegative }
  public var mean: Tensor { concentration / rate }
  public var mode: Tensor { ((concentration - 1) / rate).clamp(min: 0) }
  public var variance: Tensor { concentration / rate.square() }

  public func expand(_ batchShape: [Int]) -> Gamma {
    Gamma(concentration.expand(batchShape), rate.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    (concentration.expand(extended(sampleShape)).standardGamma(generator: generator) / rate)
      .clamp(min: rate.dtype.tiny)
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    return concentration.xlogy(rate) + (concentration - 1).xlogy(value) - rate * value - concentration.lgamma()
  }

  public func cdf(_ value: Tensor) -> Tensor { concentration.igamma(rate * validated(value)) }

  public func entropy() -> Tensor {
    concentration - rate.log() + concentration.lgamma() + (1 - concentration) * concentration.digamma()
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Chi2: return divergence(to: q.base)
    case let q as Gamma:
      let t1 = q.concentration * (rate / q.rate).log()
      let t2 = q.concentration.lgamma() - concentration.lgamma()
      let t3 = (concentration - q.concentration) * concentration.digamma()
      return t1 + t2 + t3 + (q.rate - rate) * (concentration / rate)
    case let q as Exponential: return -entropy() - q.rate.log() + q.rate * concentration / rate
    default: return nil
    }
  }
}
