import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// One over a gamma number. SeeAlso: torch.distributions.InverseGamma
public struct InverseGamma: Distribution {
  let base: Gamma
  public let validatesArguments: Bool

  public init(_ concentration: some TensorOperand, _ rate: some TensorOperand, validateArgs: Bool = true) {
    (base, validatesArguments) = (Gamma(concentration, rate, validateArgs: validateArgs), validateArgs)
  }

  /// The concentration of the gamma number.
  public var concentration: Tensor { base.concentration }
  /// The rate of the gamma number.
  public var rate: Tensor { base.rate }
  public var batchShape: Shape { base.batchShape }
  public var support: Constraint { .positive }
  public var mean: Tensor { select(where: concentration .> 1, rate / (concentration - 1), Double.infinity) }
  public var mode: Tensor { rate / (concentration + 1) }

  public var variance: Tensor {
    let result = rate.square() / ((concentration - 1).square() * (concentration - 2))
    return select(where: concentration .> 2, result, Double.infinity)
  }

  public func expand(_ batchShape: [Int]) -> InverseGamma {
    InverseGamma(concentration.expand(batchShape), rate.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.rsample(sampleShape, generator: generator).reciprocal()
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    return base.logProb(value.reciprocal()) - 2 * value.log()
  }

  public func cdf(_ value: Tensor) -> Tensor { 1 - base.cdf(validated(value).reciprocal()) }

  public func entropy() -> Tensor {
    concentration + rate.log() + concentration.lgamma() - (1 + concentration) * concentration.digamma()
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    (other as? InverseGamma).flatMap { base.divergence(to: $0.base) }
  }
}
