import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Maxima of many numbers. SeeAlso: torch.distributions.Gumbel
public struct Gumbel: Distribution {
  /// The likeliest value.
  public let loc: Tensor
  /// The width.
  public let scale: Tensor
  public let validatesArguments: Bool

  public init(_ loc: some TensorOperand, _ scale: some TensorOperand, validateArgs: Bool = true) {
    let all = broadcastAll(loc, scale)
    (self.loc, self.scale, validatesArguments) = (all[0], all[1], validateArgs)
    validate("Gumbel", validateArgs, ("loc", self.loc, .real), ("scale", self.scale, .positive))
  }

  public var batchShape: Shape { loc.shape }
  public var support: Constraint { .real }
  public var mean: Tensor { loc + scale * Constants.euler }
  public var mode: Tensor { loc }
  public var stddev: Tensor { Double.pi / 6.0.squareRoot() * scale }
  public var variance: Tensor { stddev.square() }

  public func expand(_ batchShape: [Int]) -> Gumbel {
    Gumbel(loc.expand(batchShape), scale.expand(batchShape), validateArgs: false)
  }

  /// Uniform numbers keep away from the ends, where the logarithms are infinite.
  private var base: Uniform {
    Uniform(
      Tensor.fullLike(loc, .float(loc.dtype.tiny)), Tensor.fullLike(loc, .float(1 - loc.dtype.epsilon)),
      validateArgs: false)
  }

  private func transform(_ u: Tensor) -> Tensor { loc - scale * (-u.log()).log() }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    transform(base.rsample(sampleShape, generator: generator))
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let y = (loc - validated(value)) / scale
    return y - y.exp() - scale.log()
  }

  public func cdf(_ value: Tensor) -> Tensor { base.cdf((-((loc - validated(value)) / scale).exp()).exp()) }
  public func icdf(_ value: Tensor) -> Tensor { transform(base.icdf(value)) }
  public func entropy() -> Tensor { scale.log() + (1 + Constants.euler) }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? Gumbel else { return nil }
    let ratio = scale / q.scale
    let (c2, c3) = (q.loc / q.scale, loc / q.scale)
    let t1 = -ratio.log() - c2 + c3 + ratio * Constants.euler
    let t2 = (c2 + (1 + ratio).lgamma() - c3).exp()
    return t1 + t2 - (1 + Constants.euler)
  }
}
