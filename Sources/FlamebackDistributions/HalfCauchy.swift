import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The absolute value of a Cauchy number around 0. SeeAlso: torch.distributions.HalfCauchy
public struct HalfCauchy: Distribution {
  let base: Cauchy
  public let validatesArguments: Bool

  public init(_ scale: some TensorOperand, validateArgs: Bool = true) {
    (base, validatesArguments) = (Cauchy(0, scale, validateArgs: false), validateArgs)
    validate("HalfCauchy", validateArgs, ("scale", base.scale, .positive))
  }

  /// The median.
  public var scale: Tensor { base.scale }
  public var batchShape: Shape { base.batchShape }
  public var support: Constraint { .nonnegative }
  public var mean: Tensor { .fullLike(scale, .float(.infinity)) }
  public var mode: Tensor { .zerosLike(scale) }
  public var variance: Tensor { base.variance }

  public func expand(_ batchShape: [Int]) -> HalfCauchy { HalfCauchy(scale.expand(batchShape), validateArgs: false) }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.rsample(sampleShape, generator: generator).abs()
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    return select(where: value .>= 0, base.logProb(value) + Constants.log2, -Double.infinity)
  }

  public func cdf(_ value: Tensor) -> Tensor { 2 * base.cdf(validated(value)) - 1 }
  public func icdf(_ value: Tensor) -> Tensor { base.icdf((value + 1) / 2) }
  public func entropy() -> Tensor { base.entropy() - Constants.log2 }

  public func divergence(to other: any Distribution) -> Tensor? {
    (other as? HalfCauchy).map { klDivergence(base, $0.base) }
  }
}
