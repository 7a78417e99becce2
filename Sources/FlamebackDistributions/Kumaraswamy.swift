import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Probabilities, like Beta but with a simple cdf. SeeAlso: torch.distributions.Kumaraswamy
public struct Kumaraswamy: Distribution {
  /// The exponent at 0.
  public let concentration1: Tensor
  /// The exponent at 1.
  public let concentration0: Tensor
  public let validatesArguments: Bool

  public init(
    _ concentration1: some TensorOperand, _ concentration0: some TensorOperand, validateArgs: Bool = true
  ) {
    let all = broadcastAll(concentration1, concentration0)
    (self.concentration1, self.concentration0, validatesArguments) = (all[0], all[1], validateArgs)
    validate(
      "Kumaraswamy", validateArgs, ("concentration1", all[0], .positive), ("concentration0", all[1], .positive))
  }

  public var batchShape: Shape { concentration1.shape }
  public var support: Constraint { .unitInterval }
  public var mean: Tensor { moment(1) }
  public var variance: Tensor { moment(2) - mean.square() }

  private func moment(_ n: Double) -> Tensor {
    let a = 1 + n / concentration1
    return concentration0 * (a.lgamma() + concentration0.lgamma() - (a + concentration0).lgamma()).exp()
  }

  public var mode: Tensor {
    let (a, b) = (concentration1, concentration0)
    let logMode = b.reciprocal() * (-b).log1p() - (-b * a).log1p()
    return select(where: (b .< 1) | (a .< 1), Double.nan, logMode).exp()
  }

  public func expand(_ batchShape: [Int]) -> Kumaraswamy {
    Kumaraswamy(concentration1.expand(batchShape), concentration0.expand(batchShape), validateArgs: false)
  }

  private func transform(_ u: Tensor) -> Tensor {
    (1 - u.pow(concentration0.reciprocal())).pow(concentration1.reciprocal())
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    transform(concentration0.newRand(extended(sampleShape), generator))
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let (a, b) = (concentration1, concentration0)
    return a.log() + b.log() + (a - 1) * value.log() + (b - 1) * (-value.pow(a)).log1p()
  }

  public func cdf(_ value: Tensor) -> Tensor {
    1 - (1 - validated(value).pow(concentration1)).pow(concentration0)
  }

  public func icdf(_ value: Tensor) -> Tensor { transform(1 - value) }

  public func entropy() -> Tensor {
    let t1 = 1 - concentration1.reciprocal()
    let t0 = 1 - concentration0.reciprocal()
    let h = (concentration0 + 1).digamma() + Constants.euler
    return t0 + t1 * h - concentration1.log() - concentration0.log()
  }
}
