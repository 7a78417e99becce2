import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// e to a normal number. SeeAlso: torch.distributions.LogNormal
public struct LogNormal: Distribution {
  let base: Normal
  public let validatesArguments: Bool

  public init(_ loc: some TensorOperand, _ scale: some TensorOperand, validateArgs: Bool = true) {
    (base, validatesArguments) = (Normal(loc, scale, validateArgs: validateArgs), validateArgs)
  }

  /// The mean of the logarithm.
  public var loc: Tensor { base.loc }
  /// The standard deviation of the logarithm.
  public var scale: Tensor { base.scale }
  public var batchShape: Shape { base.batchShape }
  public var support: Constraint { .positive }
  public var mean: Tensor { (loc + scale.square() / 2).exp() }
  public var mode: Tensor { (loc - scale.square()).exp() }
  public var variance: Tensor {
    let square = scale.square()
    return square.expm1() * (2 * loc + square).exp()
  }

  public func expand(_ batchShape: [Int]) -> LogNormal {
    LogNormal(loc.expand(batchShape), scale.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.rsample(sampleShape, generator: generator).exp()
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let x = validated(value).log()
    return base.logProb(x) - x
  }

  public func cdf(_ value: Tensor) -> Tensor { base.cdf(validated(value).log()) }
  public func icdf(_ value: Tensor) -> Tensor { base.icdf(value).exp() }
  public func entropy() -> Tensor { base.entropy() + loc }

  public func divergence(to other: any Distribution) -> Tensor? {
    (other as? LogNormal).flatMap { base.divergence(to: $0.base) }
  }
}
