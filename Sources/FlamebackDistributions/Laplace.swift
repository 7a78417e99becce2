import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The two-sided exponential distribution. SeeAlso: torch.distributions.Laplace
public struct Laplace: Distribution {
  /// The mean.
  public let loc: Tensor
  /// The mean distance from `loc`.
  public let scale: Tensor
  public let validatesArguments: Bool

  public init(_ loc: some TensorOperand, _ scale: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(loc, scale)
    (self.loc, self.scale, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Laplace", validateArgs, ("loc", self.loc, .real), ("scale", self.scale, .positive))
  }

  public var batchShape: Shape { loc.shape }
  public var support: Constraint { .real }
  public var mean: Tensor { loc }
  public var mode: Tensor { loc }
  public var variance: Tensor { 2 * scale.square() }
  public var stddev: Tensor { 2.0.squareRoot() * scale }

  public func expand(_ batchShape: [Int]) -> Laplace {
    Laplace(loc.expand(batchShape), scale.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let u = loc.newEmpty(extended(sampleShape)).uniform(loc.dtype.epsilon - 1, 1, generator: generator)
    return loc - scale * u.sign() * (-u.abs()).log1p()
  }

  public func logProb(_ value: Tensor) -> Tensor {
    -(2 * scale).log() - (validated(value) - loc).abs() / scale
  }

  public func cdf(_ value: Tensor) -> Tensor {
    let difference = validated(value) - loc
    return 0.5 - 0.5 * difference.sign() * (-difference.abs() / scale).expm1()
  }

  public func icdf(_ value: Tensor) -> Tensor {
    let term = value - 0.5
    return loc - scale * term.sign() * (-2 * term.abs()).log1p()
  }

  public func entropy() -> Tensor { 1 + (2 * scale).log() }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Laplace:
      let ratio = scale / q.scale
      let distance = (loc - q.loc).abs()
      return -ratio.log() + distance / q.scale + ratio * (-distance / scale).exp() - 1
    case let q as Normal:
      let variance = q.scale.square()
      let ratio = scale.square() / variance
      let t1 = 0.5 * (2 * ratio / Double.pi).log()
      let t2 = 0.5 * loc.square() - loc * q.loc + 0.5 * q.loc.square()
      return -t1 + ratio + t2 / variance - 1
    default: return nil
    }
  }
}
