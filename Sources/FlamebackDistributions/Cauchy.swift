import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Ratios of two normal numbers: without mean or variance. SeeAlso: torch.distributions.Cauchy
public struct Cauchy: Distribution {
  /// The median.
  public let loc: Tensor
  /// Half the width at half the height.
  public let scale: Tensor
  public let validatesArguments: Bool

  public init(_ loc: some TensorOperand, _ scale: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(loc, scale)
    (self.loc, self.scale, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Cauchy", validateArgs, ("loc", self.loc, .real), ("scale", self.scale, .positive))
  }

  public var batchShape: Shape { loc.shape }
  public var support: Constraint { .real }
  public var mean: Tensor { .fullLike(loc, .float(.nan)) }
  public var mode: Tensor { loc }
  public var variance: Tensor { .fullLike(loc, .float(.infinity)) }

  public func expand(_ batchShape: [Int]) -> Cauchy {
    Cauchy(loc.expand(batchShape), scale.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    loc + loc.newEmpty(extended(sampleShape)).cauchy(generator: generator) * scale
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let z = (validated(value) - loc) / scale
    return -Constants.logPi - scale.log() - z.square().log1p()
  }

  public func cdf(_ value: Tensor) -> Tensor { ((validated(value) - loc) / scale).atan() / Double.pi + 0.5 }
  public func icdf(_ value: Tensor) -> Tensor { (Double.pi * (value - 0.5)).tan() * scale + loc }
  public func entropy() -> Tensor { (2 * Constants.log2 + Constants.logPi) + scale.log() }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? Cauchy else { return nil }
    let t1 = ((scale + q.scale).square() + (loc - q.loc).square()).log()
    return t1 - (4 * scale * q.scale).log()
  }
}
