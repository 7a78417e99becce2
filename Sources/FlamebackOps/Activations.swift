import FlamebackCore
import FlamebackKernels

extension Elementwise {
  // At 0 and below the slope is 0; NaN lets the gradient through, as PyTorch does.
  package static let relu = Elementwise(
    "relu", .promoted, domain: [.integer, .floating], kernel: .relu, gradientKernel: .reluGrad,
    gradient: { g, _, y in (y .<= 0).select(0, g) }
  ) {
    .maximum($0, 0)
  }
  package static let leakyRelu = Elementwise(
    "leaky_relu", domain: [.floating, .eachOperand], kernel: .leakyRelu, gradientKernels: [.leakyReluGrad]
  ) { x, slope in (x .> 0).select(x, x * slope) }
  package static let prelu = Elementwise("prelu", domain: .floating) { x, w in (x .> 0).select(x, x * w) }
  /// Of x, alpha, scale and input scale. At 0 the slope is that of the left side and does not change, as in PyTorch.
  package static let elu = Elementwise(
    "elu", arity: 4, domain: [.floating, .eachOperand],
    gradient: { g, a, _ in
      let left = a[1] * a[2] * a[3]
      let slope = (a[0] .< 0).select(left * .exp(a[0] * a[3]), (a[0] .== 0).select(left, a[2]))
      return [g * slope, 0, 0, 0]
    }
  ) { a in (a[0] .<= 0).select(.expm1(a[0] * a[3]) * (a[1] * a[2]), a[0] * a[2]) }
  package static let gelu = Elementwise(
    "gelu", domain: .floating, kernel: .gelu, gradientKernel: .geluGrad
  ) { x in 0.5 * x * (1 + .erf(x * 0.7071067811865476)) }
  package static let geluTanh = Elementwise(
    "gelu_tanh", domain: .floating, kernel: .geluTanh, gradientKernel: .geluTanhGrad
  ) { x in 0.5 * x * (1 + .tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) }
  package static let silu = Elementwise(
    "silu", domain: [.floating, .complex], kernel: .silu, gradientKernel: .siluGrad,
    gradient: { g, x, _ in
      let s = Expression.sigmoid(x)
      return g * (s * (1 + x * (1 - s))).conj
    }
  ) { x in x * .sigmoid(x) }
  package static let mish = Elementwise(
    "mish", domain: .floating,
    gradient: { g, x, _ in
      let t = Expression.tanh(softplus(x))
      return g * (t + x * .sigmoid(x) * (1 - t * t))
    }
  ) { x in x * .tanh(softplus(x)) }
  package static let softplus = Elementwise(
    "softplus", arity: 3, domain: [.floating, .eachOperand],
    gradient: { g, a, _ in [(a[0] * a[1] .> a[2]).select(g, g * .sigmoid(a[0] * a[1])), 0, 0] }
  ) { a in (a[0] * a[1] .> a[2]).select(a[0], .log1p(.exp(a[0] * a[1])) / a[1]) }
  package static let logSigmoid = Elementwise(
    "logsigmoid", domain: .floating, gradient: { g, x, _ in g * .sigmoid(-x) }
  ) { x in
    .minimum(x, 0) - .log1p(.exp(-x.abs))
  }
  package static let hardtanh = Elementwise(
    "hardtanh", arity: 3, domain: [.integer, .floating, .eachOperand],
    gradient: { g, a, _ in [((a[0] .<= a[1]) .| (a[0] .>= a[2])).select(0, g), 0, 0] }
  ) { a in .minimum(.maximum(a[0], a[1]), a[2]) }
  package static let hardsigmoid = Elementwise(
    "hardsigmoid", domain: .floating,
    gradient: { g, x, _ in ((x .> -3) .& (x .< 3)).select(g / 6, 0) }
  ) { x in .minimum(.maximum(x + 3, 0), 6) / 6 }
  package static let hardswish = Elementwise(
    "hardswish", domain: .floating,
    gradient: { g, x, _ in (x .<= -3).select(0, (x .< 3).select(g * (x / 3 + 0.5), g)) }
  ) { x in x * .minimum(.maximum(x + 3, 0), 6) / 6 }
  package static let hardshrink = Elementwise("hardshrink", domain: [.floating, .eachOperand]) { x, lambda in
    ((x .>= -lambda) .& (x .<= lambda)).select(0, x)
  }
  package static let softshrink = Elementwise(
    "softshrink", domain: [.floating, .eachOperand],
    gradient: { g, x, lambda, _ in [((x .>= -lambda) .& (x .<= lambda)).select(0, g), 0] }
  ) { x, lambda in (x .> lambda).select(x - lambda, (x .< -lambda).select(x + lambda, x * 0)) }
  package static let tanhshrink = Elementwise("tanhshrink", domain: [.numeric, .eachOperand]) { x in x - .tanh(x) }
  package static let softsign = Elementwise("softsign", domain: [.integer, .floating, .complex]) { x in x / (1 + x.abs)
  }
  package static let threshold = Elementwise(
    "threshold", arity: 3, domain: [.integer, .floating, .eachOperand],
    gradient: { g, a, _ in [(a[0] .<= a[1]).select(0, g), 0, 0] }
  ) { a in (a[0] .<= a[1]).select(a[2], a[0]) }

  /// ln(1 + eˣ) without overflow.
  private static func softplus(_ x: Expression) -> Expression { .maximum(x, 0) + .log1p(.exp(-x.abs)) }
}

extension Tensor {
  /// max(x, 0). SeeAlso: torch.nn.functional.relu
  public func relu() -> Tensor { Elementwise.relu(self) }
  /// x limited to [0, 6]. SeeAlso: torch.nn.functional.relu6
  public func relu6() -> Tensor { hardtanh(min: 0, max: 6) }
  /// x, or slope · x below 0. SeeAlso: torch.nn.functional.leaky_relu
  public func leakyRelu(negativeSlope: Double = 0.01) -> Tensor { Elementwise.leakyRelu(self, negativeSlope) }

  /// x, or alpha · (eˣ − 1) below 0. SeeAlso: torch.nn.functional.elu
  public func elu(alpha: Double = 1) -> Tensor {
    Elementwise.elu.call([operand, .scalar(.float(alpha)), .scalar(.float(1)), .scalar(.float(1))])
  }

  /// SELU with its fixed constants. SeeAlso: torch.nn.functional.selu
  public func selu() -> Tensor {
    Elementwise.elu.call([
      operand, .scalar(.float(1.6732632423543772848170429916717)), .scalar(.float(1.0507009873554804934193349852946)),
      .scalar(.float(1)),
    ])
  }

  /// x, or alpha · (e^(x/alpha) − 1) below 0. SeeAlso: torch.nn.functional.celu
  public func celu(alpha: Double = 1) -> Tensor {
    if alpha == 0 { return fail("celu", "alpha must not be 0", like: spec) }
    return Elementwise.elu.call([operand, .scalar(.float(alpha)), .scalar(.float(1)), .scalar(.float(1 / alpha))])
  }

  /// How `gelu` computes Φ.
  public enum GELUApproximation: Sendable { case none, tanh }

  /// x · Φ(x). SeeAlso: torch.nn.functional.gelu
  public func gelu(approximate: GELUApproximation = .none) -> Tensor {
    (approximate == .none ? Elementwise.gelu : .geluTanh)(self)
  }

  /// x · sigmoid(x). SeeAlso: torch.nn.functional.silu
  public func silu() -> Tensor { Elementwise.silu(self) }
  /// x · tanh(softplus(x)). SeeAlso: torch.nn.functional.mish
  public func mish() -> Tensor { Elementwise.mish(self) }

  /// ln(1 + e^(beta·x)) / beta; x itself where beta · x > threshold. SeeAlso: torch.nn.functional.softplus
  public func softplus(beta: Double = 1, threshold: Double = 20) -> Tensor {
    Elementwise.softplus(self, beta, threshold)
  }

  /// ln sigmoid(x). SeeAlso: torch.nn.functional.logsigmoid
  public func logSigmoid() -> Tensor { Elementwise.logSigmoid(self) }

  /// x limited to [min, max]; at the limits the slope is 0. SeeAlso: torch.nn.functional.hardtanh
  public func hardtanh(min: some ScalarConvertible = -1, max: some ScalarConvertible = 1) -> Tensor {
    guard min.scalar.double <= max.scalar.double else {
      return fail("hardtanh", "min (\(min.scalar.double)) must not exceed max (\(max.scalar.double))", like: spec)
    }
    let (low, high) =
      dtype.isInteger ? (Scalar.int(min.scalar.int), Scalar.int(max.scalar.int)) : (min.scalar, max.scalar)
    return Elementwise.hardtanh(self, low, high)
  }

  /// x / 6 + 1/2 limited to [0, 1]. SeeAlso: torch.nn.functional.hardsigmoid
  public func hardsigmoid() -> Tensor { Elementwise.hardsigmoid(self) }
  /// x · hardsigmoid(x). SeeAlso: torch.nn.functional.hardswish
  public func hardswish() -> Tensor { Elementwise.hardswish(self) }
  /// 0 inside [−lambda, lambda]. SeeAlso: torch.nn.functional.hardshrink
  public func hardshrink(lambda: Double = 0.5) -> Tensor { Elementwise.hardshrink(self, lambda) }

  /// Moved towards 0 by lambda. SeeAlso: torch.nn.functional.softshrink
  public func softshrink(lambda: Double = 0.5) -> Tensor {
    if lambda < 0 { return fail("softshrink", "lambda must not be negative, got \(lambda)", like: spec) }
    return Elementwise.softshrink(self, lambda)
  }

  /// x − tanh x. SeeAlso: torch.nn.functional.tanhshrink
  public func tanhshrink() -> Tensor { Elementwise.tanhshrink(self) }
  /// x / (1 + |x|). SeeAlso: torch.nn.functional.softsign
  public func softsign() -> Tensor { Elementwise.softsign(self) }

  /// x where it exceeds `threshold`, `value` elsewhere. SeeAlso: torch.nn.functional.threshold
  public func threshold(_ threshold: some ScalarConvertible, value: some ScalarConvertible) -> Tensor {
    dtype.isInteger
      ? Elementwise.threshold(self, threshold.scalar.int, value.scalar.int)
      : Elementwise.threshold(self, threshold, value)
  }
}

extension Tensor {
  /// x, or weight · x below 0, with one weight or one for each channel (dimension 1). SeeAlso: torch.nn.functional.prelu
  public func prelu(_ weight: Tensor) -> Tensor {
    guard weight.rank <= 1 else {
      return fail("prelu", "weight must have at most one dimension, got \(weight.spec)", like: spec)
    }
    if weight.elementCount != 1 {
      guard rank > 0 else { return fail("prelu", "a scalar takes one weight, got \(weight.spec)", like: spec) }
      let channels = rank > 1 ? shape[1] : 1
      guard channels == weight.elementCount else {
        return fail("prelu", "\(weight.elementCount) weights do not fit \(channels) channels of \(spec)", like: spec)
      }
    }
    guard weight.dtype == dtype else {
      return fail("prelu", "dtypes differ: \(spec) and weight \(weight.spec)", like: spec)
    }
    var shape = Shape(repeating: 1, count: rank)
    if rank > 1 { shape[1] = weight.elementCount } else if rank == 1 { shape[0] = weight.elementCount }
    return Elementwise.prelu(self, weight.reshape(shape))
  }

  /// The first half of `dim` times the sigmoid of the second. SeeAlso: torch.nn.functional.glu
  public func glu(dim: Int = -1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: "glu")
      guard rank > 0, shape[d] % 2 == 0 else {
        throw OpError("glu", "the size of dimension \(d) must be even, got \(spec)")
      }
      guard dtype.isFloatingPoint || dtype.isComplex else { throw OpError("glu", "not defined for \(dtype)") }
      let half = shape[d] / 2
      return narrow(dim: d, start: 0, length: half) * narrow(dim: d, start: half, length: half).sigmoid()
    }
  }
}
