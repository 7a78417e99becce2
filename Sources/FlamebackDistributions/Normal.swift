import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The Gaussian distribution. SeeAlso: torch.distributions.Normal
public struct Normal: Distribution {
  /// The mean.
  public let loc: Tensor
  /// The standard deviation.
  public let scale: Tensor
  public let validatesArguments: Bool

  public init(_ loc: some TensorOperand, _ scale: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(loc, scale)
    (self.loc, self.scale, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Normal", validateArgs, ("loc", self.loc, .real), ("scale", self.scale, .positive))
  }

  public var batchShape: Shape { loc.shape }
  public var support: Constraint { .real }
  public var mean: Tensor { loc }
  public var mode: Tensor { loc }
  public var stddev: Tensor { scale }
  public var variance: Tensor { scale.square() }

  public func expand(_ batchShape: [Int]) -> Normal {
    Normal(loc.expand(batchShape), scale.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    loc + loc.newRandn(extended(sampleShape), generator) * scale
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let deviation = validated(value) - loc
    return -deviation.square() / (2 * variance) - scale.log() - 0.5 * Constants.log2Pi
  }

  public func cdf(_ value: Tensor) -> Tensor {
    let z = (validated(value) - loc) * scale.reciprocal() / 2.0.squareRoot()
    return 0.5 * (1 + z.erf())
  }

  public func icdf(_ value: Tensor) -> Tensor { loc + scale * (2 * value - 1).erfinv() * 2.0.squareRoot() }

  public func entropy() -> Tensor { (0.5 + 0.5 * Constants.log2Pi) + scale.log() }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Normal:
      let ratio = (scale / q.scale).square()
      return 0.5 * (ratio + ((loc - q.loc) / q.scale).square() - 1 - ratio.log())
    case let q as Gumbel:
      let mean = loc / q.scale
      let spread = (scale / q.scale).square()
      let shift = q.loc / q.scale
      let t1 = mean - shift
      let t2 = (-mean + 0.5 * spread + shift).exp()
      let t3 = -scale.log() + q.scale.log() - 0.5 * (1 + Constants.log2Pi)
      return t1 + t2 + t3
    case let q as Laplace:
      let difference = loc - q.loc
      let ratio = scale / q.scale
      let z = difference / scale
      let t1 = ratio.log()
      let t2 = (2 / Double.pi).squareRoot() * scale * (-0.5 * z.square()).exp()
      let t3 = difference * (0.5.squareRoot() * z).erf()
      return -t1 + (t2 + t3) / q.scale - 0.5 * (1 + Constants.logPi - Constants.log2)
    default: return nil
    }
  }
}
