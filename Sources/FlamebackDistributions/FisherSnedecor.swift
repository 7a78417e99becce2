import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Ratios of two χ² numbers, each over its degrees of freedom. SeeAlso: torch.distributions.FisherSnedecor
public struct FisherSnedecor: Distribution {
  /// Degrees of freedom of the numerator.
  public let df1: Tensor
  /// Degrees of freedom of the denominator.
  public let df2: Tensor
  public let validatesArguments: Bool

  public init(_ df1: some TensorOperand, _ df2: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(df1, df2)
    (self.df1, self.df2, validatesArguments) = (all[0], all[1], validateArgs)
    validate("FisherSnedecor", validateArgs, ("df1", all[0], .positive), ("df2", all[1], .positive))
  }

  public var batchShape: Shape { df1.shape }
  public var support: Constraint { .positive }

  public var mean: Tensor {
    let df2 = select(where: df2 .<= 2, Double.nan, df2)
    return df2 / (df2 - 2)
  }

  public var mode: Tensor {
    select(where: df1 .<= 2, Double.nan, (df1 - 2) / df1 * df2 / (df2 + 2))
  }

  public var variance: Tensor {
    let df2 = select(where: df2 .<= 4, Double.nan, df2)
    return 2 * df2.square() * (df1 + df2 - 2) / (df1 * (df2 - 2).square() * (df2 - 4))
  }

  public func expand(_ batchShape: [Int]) -> FisherSnedecor {
    FisherSnedecor(df1.expand(batchShape), df2.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let x1 = Gamma(df1 * 0.5, df1, validateArgs: false).rsample(sampleShape, generator: generator)
    let x2 = Gamma(df2 * 0.5, df2, validateArgs: false).rsample(sampleShape, generator: generator)
    return (x1 / x2).clamp(min: df1.dtype.tiny)
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let (half1, half2, ratio) = (df1 * 0.5, df2 * 0.5, df1 / df2)
    let t1 = (half1 + half2).lgamma() - half1.lgamma() - half2.lgamma()
    let t2 = half1 * ratio.log() + (half1 - 1) * value.log()
    return t1 + t2 - (half1 + half2) * (ratio * value).log1p()
  }
}
