import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Waiting times at a constant rate. SeeAlso: torch.distributions.Exponential
public struct Exponential: Distribution {
  /// One over the mean.
  public let rate: Tensor
  public let validatesArguments: Bool

  public init(_ rate: some TensorOperand, validateArgs: Bool = true) {
    (self.rate, validatesArguments) = (broadcastAll(rate)[0], validateArgs)
    validate("Exponential", validateArgs, ("rate", self.rate, .positive))
  }

  public var batchShape: Shape { rate.shape }
  public var support: Constraint { .nonnegative }
  public var mean: Tensor { rate.reciprocal() }
  public var mode: Tensor { .zerosLike(rate) }
  public var stddev: Tensor { rate.reciprocal() }
  public var variance: Tensor { rate.pow(-2) }

  public func expand(_ batchShape: [Int]) -> Exponential {
    Exponential(rate.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    rate.newEmpty(extended(sampleShape)).exponential(generator: generator) / rate
  }

  public func logProb(_ value: Tensor) -> Tensor { rate.log() - rate * validated(value) }
  public func cdf(_ value: Tensor) -> Tensor { 1 - (-rate * validated(value)).exp() }
  public func icdf(_ value: Tensor) -> Tensor { -(-value).log1p() / rate }
  public func entropy() -> Tensor { 1 - rate.log() }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Exponential:
      let ratio = q.rate / rate
      return -ratio.log() + ratio - 1
    case let q as Gamma:
      let ratio = q.rate / rate
      let t1 = -q.concentration * ratio.log() + ratio + q.concentration.lgamma()
      return t1 + q.concentration * Constants.euler - (1 + Constants.euler)
    case let q as Normal:
      let variance = q.scale.square()
      let t1 = 0.5 * (2 * Double.pi * rate.square() * variance).log()
      let t2 = rate.reciprocal().square() + q.loc.square() / 2 - q.loc / rate
      return t1 - 1 + t2 / variance
    default: return nil
    }
  }
}
