import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// An invertible map of random values with the logarithm of its volume change: `Transform.exp`, `.affine(loc, scale)`.
///
/// SeeAlso: torch.distributions.Transform
public struct Transform: Sendable {
  public let name: String
  /// How many trailing dimensions make up one value before and after.
  public let domainDim, codomainDim: Int
  /// The sign of the slope, where it has one everywhere: 1, −1, or a tensor of them.
  let sign: Tensor?
  private let map: @Sendable (Tensor) -> Tensor
  private let back: @Sendable (Tensor) -> Tensor
  private let volume: @Sendable (_ x: Tensor, _ y: Tensor) -> Tensor

  /// A map of one's own; `logAbsDetJacobian` has the shape of a value without its last `domainDim` dimensions.
  public init(
    _ name: String, domainDim: Int = 0, codomainDim: Int? = nil, sign: Tensor? = nil,
    forward: @escaping @Sendable (Tensor) -> Tensor, inverse: @escaping @Sendable (Tensor) -> Tensor,
    logAbsDetJacobian: @escaping @Sendable (_ x: Tensor, _ y: Tensor) -> Tensor
  ) {
    self.name = name
    self.domainDim = domainDim
    self.codomainDim = codomainDim ?? domainDim
    self.sign = sign
    (map, back, volume) = (forward, inverse, logAbsDetJacobian)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { map(x) }
  /// The value that is mapped to `y`.
  public func inverse(_ y: Tensor) -> Tensor { back(y) }
  /// ln |det ∂y/∂x|. SeeAlso: torch.distributions.Transform.log_abs_det_jacobian
  public func logAbsDetJacobian(_ x: Tensor, _ y: Tensor) -> Tensor { volume(x, y) }

  /// The map the other way round.
  public var inverted: Transform {
    Transform(
      "\(name)⁻¹", domainDim: codomainDim, codomainDim: domainDim, sign: sign, forward: back, inverse: map
    ) { [volume] x, y in -volume(y, x) }
  }

  private static let rising = Tensor([Float(1)], shape: [])

  /// x. SeeAlso: torch.distributions.identity_transform
  public static let identity = Transform("identity", sign: rising, forward: { $0 }, inverse: { $0 }) { x, _ in
    Tensor.zerosLike(x)
  }
  /// eˣ. SeeAlso: torch.distributions.ExpTransform
  public static let exp = Transform("exp", sign: rising, forward: { $0.exp() }, inverse: { $0.log() }) { x, _ in x }
  /// 1 / (1 + e⁻ˣ). SeeAlso: torch.distributions.SigmoidTransform
  public static let sigmoid = Transform(
    "sigmoid", sign: rising, forward: { $0.sigmoid() }, inverse: { $0.clampedProbabilities().logit() }
  ) { x, _ in -(-x).softplus() - x.softplus() }
  /// SeeAlso: torch.distributions.TanhTransform
  public static let tanh = Transform("tanh", sign: rising, forward: { $0.tanh() }, inverse: { $0.atanh() }) { x, _ in
    (Constants.log2 - x - (x * -2).softplus()) * 2
  }
  /// ln(1 + eˣ). SeeAlso: torch.distributions.SoftplusTransform
  public static let softplus = Transform(
    "softplus", sign: rising, forward: { $0.softplus() }, inverse: { (-$0).expm1().neg().log() + $0 }
  ) { x, _ in -(-x).softplus() }
  /// |x|, whose inverse is x itself: no density. SeeAlso: torch.distributions.AbsTransform
  public static let abs = Transform("abs", forward: { $0.abs() }, inverse: { $0 }) { x, _ in
    fail("abs", "is not one-to-one: it has no density", like: x.spec)
  }
  /// eˣ, scaled to sum 1: no density. SeeAlso: torch.distributions.SoftmaxTransform
  public static let softmax = Transform(
    "softmax", domainDim: 1, forward: { ($0 - $0.amax(dim: -1, keepDim: true)).softmax(dim: -1) },
    inverse: { $0.log() }
  ) { x, _ in fail("softmax", "is not one-to-one: it has no density", like: x.spec) }

  /// loc + scale · x. SeeAlso: torch.distributions.AffineTransform
  public static func affine(
    _ loc: some TensorOperand, _ scale: some TensorOperand, eventDim: Int = 0
  ) -> Transform {
    let all = broadcastAll(loc, scale)
    let (loc, scale) = (all[0], all[1])
    return Transform(
      "affine", domainDim: eventDim, sign: scale.detached().sign(), forward: { loc + scale * $0 },
      inverse: { ($0 - loc) / scale }
    ) { x, _ in sumRight(scale.abs().log().expand(x.shape), eventDim) }
  }

  /// x to a power, of positive numbers. SeeAlso: torch.distributions.PowerTransform
  public static func power(_ exponent: some TensorOperand) -> Transform {
    let exponent = broadcastAll(exponent)[0]
    return Transform(
      "power", sign: exponent.detached().sign(), forward: { $0.pow(exponent) },
      inverse: { $0.pow(exponent.reciprocal()) }
    ) { x, y in (exponent * y / x).abs().log() }
  }

  /// The probability of values up to x, of a distribution of real numbers.
  /// SeeAlso: torch.distributions.CumulativeDistributionTransform
  public static func cdf(of distribution: any Distribution) -> Transform {
    Transform(
      "cdf", sign: rising, forward: { distribution.cdf($0) }, inverse: { distribution.icdf($0) }
    ) { x, _ in distribution.logProb(x) }
  }

  /// Real vectors to probabilities by breaking a stick. SeeAlso: torch.distributions.StickBreakingTransform
  public static let stickBreaking = Transform(
    "stick breaking", domainDim: 1,
    forward: { x in
      let z = (x - offsets(x).log()).sigmoid()
      return z.constantPad([0, 1], value: 1) * (1 - z).cumprod(dim: -1).constantPad([1, 0], value: 1)
    },
    inverse: { y in
      let head = y.narrow(dim: -1, start: 0, length: y.shape[y.rank - 1] - 1)
      let rest = (1 - head.cumsum(dim: -1)).clamp(min: y.dtype.tiny)
      return head.log() - rest.log() + offsets(head).log()
    }
  ) { x, y in
    let head = y.narrow(dim: -1, start: 0, length: y.shape[y.rank - 1] - 1)
    let shifted = x - offsets(x).log()
    return (-shifted + (-(-shifted).softplus()) + head.log()).sum(dim: -1)
  }

  /// n, n − 1, … 1: with these offsets x = 0 gives equal probabilities.
  private static func offsets(_ x: Tensor) -> Tensor {
    let count = x.shape[x.rank - 1]
    return count + 1 - Tensor.arange(1, count + 1, dtype: x.dtype, device: x.device)
  }

  /// Any matrix to a lower triangular one with a positive diagonal. SeeAlso: torch.distributions.LowerCholeskyTransform
  public static let lowerCholesky = Transform(
    "lower Cholesky", domainDim: 2,
    forward: { $0.tril(-1) + $0.diagonal(dim1: -2, dim2: -1).exp().diagEmbed() },
    inverse: { $0.tril(-1) + $0.diagonal(dim1: -2, dim2: -1).log().diagEmbed() }
  ) { x, _ in x.diagonal(dim1: -2, dim2: -1).sum(dim: -1) }

  /// The maps one after the other. SeeAlso: torch.distributions.ComposeTransform
  public static func compose(_ parts: [Transform]) -> Transform {
    var (domain, codomain) = (0, 0)
    for part in parts {
      // What a part does to single values happens to all values of a larger event.
      let missing = max(0, part.domainDim - codomain)
      domain += missing
      codomain = max(codomain, part.domainDim) + part.codomainDim - part.domainDim
    }
    let domainDim = domain
    let sign = parts.reduce(Optional(rising)) { sign, part in
      sign.flatMap { sign in part.sign.map { sign * $0.to(.float32) } }
    }
    return Transform(
      parts.map(\.name).joined(separator: " → "), domainDim: domain, codomainDim: codomain, sign: sign,
      forward: { parts.reduce($0) { $1($0) } }, inverse: { parts.reversed().reduce($0) { $1.inverse($0) } }
    ) { x, _ in
      var (x, dim) = (x, domainDim)
      var sum: Tensor?
      for part in parts {
        let y = part(x)
        let change = sumRight(part.logAbsDetJacobian(x, y), dim - part.domainDim)
        sum = sum.map { $0 + change } ?? change
        dim += part.codomainDim - part.domainDim
        x = y
      }
      return sum ?? Tensor.zerosLike(x)
    }
  }

  /// The same for each element of the last `count` dimensions. SeeAlso: torch.distributions.IndependentTransform
  public func independent(_ count: Int) -> Transform {
    Transform(
      name, domainDim: domainDim + count, codomainDim: codomainDim + count, sign: sign, forward: map, inverse: back
    ) { [volume] x, y in sumRight(volume(x, y), count) }
  }

  /// Values of another shape. SeeAlso: torch.distributions.ReshapeTransform
  public static func reshape(_ from: [Int], _ to: [Int]) -> Transform {
    Transform(
      "reshape", domainDim: from.count, codomainDim: to.count,
      forward: { $0.reshape(Array($0.shape.dropLast(from.count)) + to) },
      inverse: { $0.reshape(Array($0.shape.dropLast(to.count)) + from) }
    ) { x, _ in Tensor.zeros(Array(x.shape.dropLast(from.count)), dtype: x.dtype, device: x.device) }
  }
}

/// The sum over the last `count` dimensions.
func sumRight(_ x: Tensor, _ count: Int) -> Tensor {
  count <= 0 ? x : x.sum(dim: Array((x.rank - count)..<x.rank))
}
