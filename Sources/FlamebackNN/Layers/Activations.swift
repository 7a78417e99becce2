import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// max(x, 0). SeeAlso: torch.nn.ReLU
public final class ReLU: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.relu() } }
}

/// x between 0 and 6. SeeAlso: torch.nn.ReLU6
public final class ReLU6: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.relu6() } }
}

/// 1 / (1 + exp(-x)). SeeAlso: torch.nn.Sigmoid
public final class Sigmoid: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.sigmoid() } }
}

/// The hyperbolic tangent. SeeAlso: torch.nn.Tanh
public final class Tanh: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.tanh() } }
}

/// x · sigmoid(x). SeeAlso: torch.nn.SiLU
public final class SiLU: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.silu() } }
}

/// x · tanh(softplus(x)). SeeAlso: torch.nn.Mish
public final class Mish: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.mish() } }
}

/// log(sigmoid(x)). SeeAlso: torch.nn.LogSigmoid
public final class LogSigmoid: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.logSigmoid() } }
}

/// x / (1 + |x|). SeeAlso: torch.nn.Softsign
public final class Softsign: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.softsign() } }
}

/// x - tanh(x). SeeAlso: torch.nn.Tanhshrink
public final class Tanhshrink: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.tanhshrink() } }
}

/// relu6(x + 3) / 6. SeeAlso: torch.nn.Hardsigmoid
public final class Hardsigmoid: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.hardsigmoid() } }
}

/// x · relu6(x + 3) / 6. SeeAlso: torch.nn.Hardswish
public final class Hardswish: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.hardswish() } }
}

/// The self-normalising exponential unit. SeeAlso: torch.nn.SELU
public final class SELU: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.selu() } }
}

/// x above 0, α(exp(x) - 1) below. SeeAlso: torch.nn.ELU
public final class ELU: Module, UnaryLayer {
  public let alpha: Double

  public init(_ alpha: Double = 1) {
    self.alpha = alpha
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.elu(alpha: alpha) } }

  public override var extraRepr: String { "alpha=\(repr(alpha))" }
}

/// max(0, x) + min(0, α(exp(x / α) - 1)). SeeAlso: torch.nn.CELU
public final class CELU: Module, UnaryLayer {
  public let alpha: Double

  public init(_ alpha: Double = 1) {
    self.alpha = alpha
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.celu(alpha: alpha) } }

  public override var extraRepr: String { "alpha=\(repr(alpha))" }
}

/// x · Φ(x), Φ the normal distribution function. SeeAlso: torch.nn.GELU
public final class GELU: Module, UnaryLayer {
  public let approximate: Tensor.GELUApproximation

  public init(approximate: Tensor.GELUApproximation = .none) {
    self.approximate = approximate
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.gelu(approximate: approximate) } }

  public override var extraRepr: String { "approximate=\(repr("\(approximate)"))" }
}

/// x above 0, negativeSlope · x below. SeeAlso: torch.nn.LeakyReLU
public final class LeakyReLU: Module, UnaryLayer {
  public let negativeSlope: Double

  public init(_ negativeSlope: Double = 0.01) {
    self.negativeSlope = negativeSlope
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.leakyRelu(negativeSlope: negativeSlope) } }

  public override var extraRepr: String { "negative_slope=\(repr(negativeSlope))" }
}

/// x between two bounds. SeeAlso: torch.nn.Hardtanh
public final class Hardtanh: Module, UnaryLayer {
  public let minVal: Double
  public let maxVal: Double

  public init(_ minVal: Double = -1, _ maxVal: Double = 1) {
    self.minVal = minVal
    self.maxVal = maxVal
    super.init()
    if minVal >= maxVal { report(OpError("Hardtanh", "minVal \(minVal) must lie below maxVal \(maxVal)")) }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.hardtanh(min: minVal, max: maxVal) } }

  public override var extraRepr: String { "min_val=\(repr(minVal)), max_val=\(repr(maxVal))" }
}

/// x outside [-lambda, lambda], 0 inside. SeeAlso: torch.nn.Hardshrink
public final class Hardshrink: Module, UnaryLayer {
  public let lambd: Double

  public init(_ lambd: Double = 0.5) {
    self.lambd = lambd
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.hardshrink(lambda: lambd) } }

  public override var extraRepr: String { repr(lambd) }
}

/// x moved towards 0 by lambda. SeeAlso: torch.nn.Softshrink
public final class Softshrink: Module, UnaryLayer {
  public let lambd: Double

  public init(_ lambd: Double = 0.5) {
    self.lambd = lambd
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.softshrink(lambda: lambd) } }

  public override var extraRepr: String { repr(lambd) }
}

/// log(1 + exp(β x)) / β. SeeAlso: torch.nn.Softplus
public final class Softplus: Module, UnaryLayer {
  public let beta: Double
  public let threshold: Double

  public init(_ beta: Double = 1, _ threshold: Double = 20) {
    self.beta = beta
    self.threshold = threshold
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.softplus(beta: beta, threshold: threshold) } }

  public override var extraRepr: String { "beta=\(repr(beta)), threshold=\(repr(threshold))" }
}

/// x above the threshold, a value below. SeeAlso: torch.nn.Threshold
public final class Threshold: Module, UnaryLayer {
  public let threshold: Double
  public let value: Double

  public init(_ threshold: Double, _ value: Double) {
    self.threshold = threshold
    self.value = value
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.threshold(threshold, value: value) } }

  public override var extraRepr: String { "threshold=\(repr(threshold)), value=\(repr(value))" }
}
