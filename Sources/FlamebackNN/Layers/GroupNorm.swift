import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Normalises over groups of channels. SeeAlso: torch.nn.GroupNorm
public final class GroupNorm: Module, UnaryLayer {
  public let numGroups: Int
  public let numChannels: Int
  public let eps: Double
  @Parameter public var weight: Tensor?
  @Parameter public var bias: Tensor?

  public init(_ numGroups: Int, _ numChannels: Int, eps: Double = 1e-5, affine: Bool = true, bias: Bool = true) {
    self.numGroups = numGroups
    self.numChannels = numChannels
    self.eps = eps
    weight = affine ? .ones([numChannels]) : nil
    self.bias = affine && bias ? .zeros([numChannels]) : nil
    super.init()
    if numGroups < 1 || numChannels % numGroups != 0 {
      report(OpError("GroupNorm", "\(numChannels) channels cannot be cut into \(numGroups) groups"))
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.groupNorm(numGroups, weight: weight, bias: bias, eps: eps) }
  }

  public override var extraRepr: String {
    "\(numGroups), \(numChannels), eps=\(repr(eps)), affine=\(repr(weight != nil))"
      + (weight != nil ? ", bias=\(repr(bias != nil))" : "")
  }
}

/// Divides by the activity of neighbouring channels. SeeAlso: torch.nn.LocalResponseNorm
public final class LocalResponseNorm: Module, UnaryLayer {
  public let size: Int
  public let alpha: Double
  public let beta: Double
  public let k: Double

  public init(_ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1) {
    self.size = size
    self.alpha = alpha
    self.beta = beta
    self.k = k
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.localResponseNorm(size, alpha: alpha, beta: beta, k: k) }
  }

  public override var extraRepr: String { "\(size), alpha=\(repr(alpha)), beta=\(repr(beta)), k=\(repr(k))" }
}
