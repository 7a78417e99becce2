import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The power law of the first type. SeeAlso: torch.distributions.Pareto
public struct Pareto: Distribution {
  /// The least value.
  public let scale: Tensor
  /// The exponent.
  public let alpha: Tensor
  public let validatesArguments: Bool

  public init(_ scale: some TensorOperand, _ alpha: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(scale, alpha)
    (self.scale, self.alpha, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Pareto", validateArgs, ("scale", all[0], .positive), ("alpha", all[1], .positive))
  }

  public var batchShape: Shape { scale.shape }
  public var support: Constraint { .greaterThanOrEqual(scale.detached()) }
  public var mode: Tensor { scale }

  public var mean: Tensor {
    let a = alpha.clamp(min: 1)
    return a * scale / (a - 1)
  }

  public var variance: Tensor {
    let a = alpha.clamp(min: 2)
    return scale.square() * a / ((a - 1).square() * (a - 2))
  }

  public func expand(_ batchShape: [Int]) -> Pareto {
    Pareto(scale.expand(batchShape), alpha.expand(batchShape), validateArgs: false)
  }

  /// The logarithm over the least value.
  private var base: Exponential { Exponential(alpha, validateArgs: false) }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.rsample(sampleShape, generator: generator).exp() * scale
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let x = (validated(value) / scale).log()
    return base.logProb(x) - x - scale.log()
  }

  public func cdf(_ value: Tensor) -> Tensor { base.cdf((validated(value) / scale).log()) }
  public func icdf(_ value: Tensor) -> Tensor { base.icdf(value).exp() * scale }
  public func entropy() -> Tensor { (scale / alpha).log() + (1 + alpha.reciprocal()) }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Pareto:
      let ratio = q.alpha / alpha
      let result = q.alpha * (scale / q.scale).log() - ratio.log() + ratio - 1
      return select(where: scale .< q.scale, Double.infinity, result)
    case let q as Exponential:
      let product = scale * q.rate
      let result = (alpha / product).log() - alpha.reciprocal() + alpha * product / (alpha - 1) - 1
      return select(where: alpha .<= 1, Double.infinity, result)
    default: return nil
    }
  }
}
