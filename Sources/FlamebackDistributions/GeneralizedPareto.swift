import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Excesses over a threshold. SeeAlso: torch.distributions.GeneralizedPareto
public struct GeneralizedPareto: Distribution {
  /// The threshold.
  public let loc: Tensor
  /// The width.
  public let scale: Tensor
  /// The weight of the tail; 0 is the exponential distribution, below it there is an upper end.
  public let concentration: Tensor
  public let validatesArguments: Bool

  public init(
    _ loc: some TensorOperand, _ scale: some TensorOperand, _ concentration: some TensorOperand,
    validateArgs: Bool = true
  ) {
    let all = broadcastAll(loc, scale, concentration)
    (self.loc, self.scale, self.concentration, validatesArguments) = (all[0], all[1], all[2], validateArgs)
    validate(
      "GeneralizedPareto", validateArgs, ("loc", all[0], .real), ("scale", all[1], .positive),
      ("concentration", all[2], .real))
  }

  public var batchShape: Shape { loc.shape }
  public var support: Constraint {
    noGrad {
      let upper = select(where: concentration .< 0, loc - scale / concentration, Double.infinity)
      return .interval(loc.detached(), upper.detached())
    }
  }
  public var mode: Tensor { loc }

  public var mean: Tensor {
    let isValid = concentration .< 1
    let safe = select(where: isValid, concentration, 0.5)
    return select(where: isValid, loc + scale / (1 - safe), Double.nan)
  }

  public var variance: Tensor {
    let isValid = concentration .< 0.5
    let safe = select(where: isValid, concentration, 0.25)
    return select(where: isValid, scale.square() / ((1 - safe).square() * (1 - 2 * safe)), Double.nan)
  }

  public func expand(_ batchShape: [Int]) -> GeneralizedPareto {
    GeneralizedPareto(
      loc.expand(batchShape), scale.expand(batchShape), concentration.expand(batchShape), validateArgs: false)
  }

  /// Where the concentration counts as 0, and a concentration that can be divided by.
  private var limit: (isZero: Tensor, safe: Tensor) {
    let isZero = concentration.detached().isClose(.zerosLike(concentration))
    return (isZero, select(where: isZero, 1, concentration))
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    icdf(loc.newRand(extended(sampleShape), generator))
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let z = (validated(value) - loc) / scale
    let (isZero, safe) = limit
    let y = 1 / safe + Tensor.onesLike(z)
    let tail = select(where: y .== 0, y, y * (safe * z).log1p())
    return -scale.log() - select(where: isZero, z, tail)
  }

  /// The logarithm of the probability of greater values.
  public func logSurvivalFunction(_ value: Tensor) -> Tensor {
    let z = (validated(value) - loc) / scale
    let (isZero, safe) = limit
    return select(where: isZero, -z, -(safe * z).log1p() / safe)
  }

  /// The logarithm of the cdf.
  public func logCDF(_ value: Tensor) -> Tensor { (-logSurvivalFunction(value).exp()).log1p() }
  public func cdf(_ value: Tensor) -> Tensor { logCDF(value).exp() }

  public func icdf(_ value: Tensor) -> Tensor {
    let (isZero, safe) = limit
    let logU = (-value).log1p()
    return select(where: isZero, loc - scale * logU, loc + scale / safe * (-safe * logU).expm1())
  }

  public func entropy() -> Tensor { scale.log() + concentration + 1 }
}
