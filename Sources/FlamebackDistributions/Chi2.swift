import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Sums of squares of standard normal numbers. SeeAlso: torch.distributions.Chi2
public struct Chi2: Distribution {
  let base: Gamma
  public let validatesArguments: Bool

  public init(_ df: some TensorOperand, validateArgs: Bool = true) {
    let df = broadcastAll(df)[0]
    validate("Chi2", validateArgs, ("df", df, .positive))
    (base, validatesArguments) = (Gamma(0.5 * df, 0.5, validateArgs: false), validateArgs)
  }

  /// How many squares.
  public var df: Tensor { base.concentration * 2 }
  public var batchShape: Shape { base.batchShape }
  public var support: Constraint { .nonnegative }
  public var mean: Tensor { base.mean }
  public var mode: Tensor { base.mode }
  public var variance: Tensor { base.variance }

  public func expand(_ batchShape: [Int]) -> Chi2 { Chi2(df.expand(batchShape), validateArgs: false) }
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.rsample(sampleShape, generator: generator)
  }
  public func logProb(_ value: Tensor) -> Tensor { base.logProb(validated(value)) }
  public func cdf(_ value: Tensor) -> Tensor { base.cdf(validated(value)) }
  public func entropy() -> Tensor { base.entropy() }
  public func divergence(to other: any Distribution) -> Tensor? {
    base.divergence(to: (other as? Chi2)?.base ?? other)
  }
}
