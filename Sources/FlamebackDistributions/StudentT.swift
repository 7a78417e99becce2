import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A normal number whose deviation is itself uncertain. SeeAlso: torch.distributions.StudentT
public struct StudentT: Distribution {
  /// Degrees of freedom.
  public let df: Tensor
  /// The centre.
  public let loc: Tensor
  /// The width.
  public let scale: Tensor
  public let validatesArguments: Bool

  public init(
    _ df: some TensorOperand, _ loc: some TensorOperand = 0.0, _ scale: some TensorOperand = 1.0,
    validateArgs: Bool = true
  ) {
    let all = broadcastAll(df, loc, scale)
    (self.df, self.loc, self.scale, validatesArguments) = (all[0], all[1], all[2], validateArgs)
    validate(
      "StudentT", validateArgs, ("df", all[0], .positive), ("loc", all[1], .real), ("scale", all[2], .positive))
  }

  public var batchShape: Shape { df.shape }
  public var support: Constraint { .real }
  public var mean: Tensor { select(where: df .<= 1, Double.nan, loc) }
  public var mode: Tensor { loc }

  public var variance: Tensor {
    let isFinite = df .> 2
    let safe = select(where: isFinite, df, 3)
    let rest = select(where: df .> 1, Tensor.fullLike(df, .float(.infinity)), Double.nan)
    return select(where: isFinite, scale.square() * safe / (safe - 2), rest)
  }

  public func expand(_ batchShape: [Int]) -> StudentT {
    StudentT(df.expand(batchShape), loc.expand(batchShape), scale.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let x = df.newRandn(extended(sampleShape), generator)
    let z = Chi2(df, validateArgs: false).rsample(sampleShape, generator: generator)
    return loc + scale * (x * (z / df).rsqrt())
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let y = (validated(value) - loc) / scale
    let z = scale.log() + 0.5 * df.log() + 0.5 * Constants.logPi + (0.5 * df).lgamma() - (0.5 * (df + 1)).lgamma()
    return -0.5 * (df + 1) * (y.square() / df).log1p() - z
  }

  public func entropy() -> Tensor {
    let half = 0.5 * (df + 1)
    let logBeta = (0.5 * df).lgamma() + 0.5 * Constants.logPi - half.lgamma()
    return scale.log() + half * (half.digamma() - (0.5 * df).digamma()) + 0.5 * df.log() + logBeta
  }
}
