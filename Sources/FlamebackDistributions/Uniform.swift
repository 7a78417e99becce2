import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Equally likely everywhere in [low, high). SeeAlso: torch.distributions.Uniform
public struct Uniform: Distribution {
  /// The lower end.
  public let low: Tensor
  /// The upper end.
  public let high: Tensor
  public let validatesArguments: Bool

  public init(_ low: some TensorOperand, _ high: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(low, high)
    (self.low, self.high, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Uniform", validateArgs, ("low", self.low, .lessThan(self.high.detached())))
  }

  public var batchShape: Shape { low.shape }
  public var support: Constraint { .interval(low.detached(), high.detached()) }
  public var mean: Tensor { (high + low) / 2 }
  public var mode: Tensor { Double.nan * high }
  public var stddev: Tensor { (high - low) / 12.0.squareRoot() }
  public var variance: Tensor { (high - low).square() / 12 }

  public func expand(_ batchShape: [Int]) -> Uniform {
    Uniform(low.expand(batchShape), high.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    low + low.newRand(extended(sampleShape), generator) * (high - low)
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let isInside = (low .<= value) & (high .> value)
    return isInside.to(low.dtype).log() - (high - low).log()
  }

  public func cdf(_ value: Tensor) -> Tensor { ((validated(value) - low) / (high - low)).clamp(min: 0, max: 1) }
  public func icdf(_ value: Tensor) -> Tensor { value * (high - low) + low }
  public func entropy() -> Tensor { (high - low).log() }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Uniform:
      let result = ((q.high - q.low) / (high - low)).log()
      return select(where: (q.low .> low) | (q.high .< high), Double.infinity, result)
    case let q as Normal:
      let width = high - low
      let t1 = ((2 * Double.pi).squareRoot() * q.scale / width).log()
      let t2 = width.square() / 12
      let t3 = ((high + low - 2 * q.loc) / 2).square()
      return t1 + 0.5 * (t2 + t3) / q.scale.square()
    default: return nil
    }
  }
}
