import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Lifetimes: powers of exponential numbers. SeeAlso: torch.distributions.Weibull
public struct Weibull: Distribution {
  /// The characteristic lifetime.
  public let scale: Tensor
  /// The exponent: below 1 the young die first, above it the old.
  public let concentration: Tensor
  public let validatesArguments: Bool

  public init(_ scale: some TensorOperand, _ concentration: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(scale, concentration)
    (self.scale, self.concentration, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Weibull", validateArgs, ("scale", all[0], .positive), ("concentration", all[1], .positive))
  }

  public var batchShape: Shape { scale.shape }
  public var support: Constraint { .positive }
  private var inverse: Tensor { concentration.reciprocal() }
  public var mean: Tensor { scale * (1 + inverse).lgamma().exp() }
  public var mode: Tensor { scale * ((concentration - 1) / concentration).pow(inverse) }

  public var variance: Tensor {
    scale.square() * ((1 + 2 * inverse).lgamma().exp() - (2 * (1 + inverse).lgamma()).exp())
  }

  public func expand(_ batchShape: [Int]) -> Weibull {
    Weibull(scale.expand(batchShape), concentration.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let x = scale.newEmpty(extended(sampleShape)).exponential(generator: generator)
    return x.pow(inverse) * scale
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let z = validated(value) / scale
    return concentration.log() - scale.log() + (concentration - 1) * z.log() - z.pow(concentration)
  }

  public func cdf(_ value: Tensor) -> Tensor { 1 - (-(validated(value) / scale).pow(concentration)).exp() }
  public func icdf(_ value: Tensor) -> Tensor { (-(-value).log1p()).pow(inverse) * scale }
  public func entropy() -> Tensor { Constants.euler * (1 - inverse) + (scale * inverse).log() + 1 }
}
