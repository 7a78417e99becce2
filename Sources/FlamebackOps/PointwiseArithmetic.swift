import FlamebackCore
import FlamebackKernels

extension Elementwise {
  package static let sub = Elementwise("sub", domain: [.numeric, .eachOperand]) { a, b in a - b }
  package static let mul = Elementwise("mul") { a, b in a * b }
  package static let div = Elementwise("div", .floating, gradientKernels: [nil, .divisorGrad]) { a, b in
    a / b
  }
  package static let addScaled = Elementwise("add", arity: 3) { x in x[0] + x[2] * x[1] }
  package static let subScaled = Elementwise("sub", arity: 3, domain: [.numeric, .eachOperand]) { x in
    x[0] - x[2] * x[1]
  }
  package static let floorDivide = Elementwise("floor_divide", domain: [.integer, .floating]) {
    .call(.floorDiv, $0, $1)
  }
  package static let truncDivide = Elementwise("trunc_divide", domain: [.integer, .floating]) {
    .call(.truncDiv, $0, $1)
  }
  package static let remainder = Elementwise("remainder", domain: [.integer, .floating]) {
    .call(.remainder, $0, $1)
  }
  package static let fmod = Elementwise("fmod", domain: [.integer, .floating]) { .call(.fmod, $0, $1) }
  package static let pow = Elementwise("pow") { a, b in a.pow(b) }
  package static let maximum = Elementwise(
    "maximum", domain: .real, gradientKernels: [.maximumGrad, .maximumGradOfSecond]
  ) { .maximum($0, $1) }
  package static let minimum = Elementwise("minimum", domain: .real) { .minimum($0, $1) }
  package static let fmax = Elementwise("fmax", domain: .real) { .call(.fmax, $0, $1) }
  package static let fmin = Elementwise("fmin", domain: .real) { .call(.fmin, $0, $1) }
  package static let atan2 = Elementwise("atan2", .floating, domain: .real) { .call(.atan2, $0, $1) }
  package static let hypot = Elementwise("hypot", domain: .floating) { .call(.hypot, $0, $1) }
  package static let copysign = Elementwise("copysign", .floating, domain: .real) { .call(.copySign, $0, $1) }
  /// A neighbour moves with its number; where both are equal PyTorch says that nothing moves.
  package static let nextafter = Elementwise(
    "nextafter", domain: .floating, gradient: { g, x, y, _ in [(x .== y).select(0, g), 0] }
  ) { .call(.nextAfter, $0, $1) }
  package static let gcd = Elementwise("gcd", domain: .integer) { .call(.gcd, $0, $1) }
  package static let lcm = Elementwise("lcm", domain: .integer) { .call(.lcm, $0, $1) }
  package static let heaviside = Elementwise("heaviside", domain: .real, noGradient: "the step has no slope") {
    x, value in
    x.isNaN.select(0, (x .== 0).select(value, (x .> 0).select(1, 0)))
  }
  /// x · ln y, 0 where x is 0.
  package static let xlogy = Elementwise(
    "xlogy", .floating, domain: .real,
    gradient: { g, x, y, _ in
      [((x .== 0) .& (y .<= 0)).select(0, (g .== 0).select(0, g * .log(y))), g * (x / y)]
    }
  ) { x, y in y.isNaN.select(y, (x .== 0).select(0, x * .log(y))) }
  package static let xlog1py = Elementwise(
    "xlog1py", .floating, domain: .real,
    gradient: { g, x, y, _ in [((x .== 0) .& (y .<= -1)).select(0, g * .log1p(y)), g * (x / (y + 1))] }
  ) { x, y in y.isNaN.select(y, (x .== 0).select(0, x * .log1p(y))) }
  /// ln(eᵃ + eᵇ) without overflow.
  package static let logaddexp = Elementwise(
    "logaddexp", .floating, domain: .floating,
    gradient: { g, a, b, _ in [g * .sigmoid(a - b), g * .sigmoid(b - a)] }
  ) { a, b in
    ((a .== b) .& a.isInfinite).select(a, .maximum(a, b) + .log1p(.exp(-(a - b).abs)))
  }
  /// As the larger one plus a small part: its phase is kept as it is.
  package static let complexLogaddexp = Elementwise("complexLogaddexp", .floating, domain: [.floating, .complex]) {
    a, b in
    let isLess = (a.real - b.real).sign .== -1
    let (low, high) = (isLess.select(a, b), isLess.select(b, a))
    return high + .log1p(.exp(low - high))
  }
  package static let logaddexp2 = Elementwise(
    "logaddexp2", .floating, domain: .floating,
    gradient: { g, a, b, _ in
      let ln2: Expression = 0.693147180559945309
      return [g * .sigmoid((a - b) * ln2), g * .sigmoid((b - a) * ln2)]
    }
  ) { a, b in
    ((a .== b) .& a.isInfinite).select(
      a, .maximum(a, b) + .log1p(.call(.exp2, -(a - b).abs)) * 1.442695040888963407)
  }
  package static let ldexp = Elementwise("ldexp", .floating) { x, n in x * .call(.exp2, n) }
  /// start + weight · (end − start), from the nearer end.
  package static let lerp = Elementwise("lerp", arity: 3, domain: [.floating, .complex, .eachOperand]) { x in
    let (start, end, weight) = (x[0], x[1], x[2])
    let isNearStart = (0.5 - weight.abs).sign .== 1  // complex numbers have no order
    return isNearStart.select(start + weight * (end - start), end - (end - start) * (1 - weight))
  }
  package static let addcmul = Elementwise("addcmul", arity: 4) { x in x[0] + x[3] * x[1] * x[2] }
  package static let addcdiv = Elementwise("addcdiv", arity: 4, domain: [.floating, .complex]) { x in
    x[0] + x[3] * (x[1] / x[2])
  }
  package static let rsub = Elementwise("rsub", arity: 3, domain: [.numeric, .eachOperand]) { x in x[1] - x[2] * x[0] }
  /// min(max(x, low), high). Where x equals a bound that is a tensor they share the gradient.
  package static let clamp = Elementwise("clamp", arity: 3, domain: .real) { x in
    .minimum(.maximum(x[0], x[1]), x[2])
  }
  package static let clampMin = Elementwise("clamp_min", domain: .real) { x, low in .maximum(x, low) }
  package static let clampMax = Elementwise("clamp_max", domain: .real) { x, high in .minimum(x, high) }
  /// The same with numbers as bounds; at a bound the slope is 0.
  package static let clampBetween = Elementwise(
    "clamp", arity: 3, domain: .real,
    gradient: { g, x, _ in [((x[0] .<= x[1]) .| (x[0] .>= x[2])).select(0, g), 0, 0] }
  ) { x in .minimum(.maximum(x[0], x[1]), x[2]) }
  package static let clampAbove = Elementwise(
    "clamp_min", domain: .real, gradient: { g, x, low, _ in [(x .<= low).select(0, g), 0] }
  ) { x, low in .maximum(x, low) }
  package static let clampBelow = Elementwise(
    "clamp_max", domain: .real, gradient: { g, x, high, _ in [(x .>= high).select(0, g), 0] }
  ) { x, high in .minimum(x, high) }
}

/// How `div` rounds the quotient.
public enum RoundingMode: Sendable { case floor, trunc }

extension Tensor {
  /// The sum with a number. SeeAlso: torch.add
  public static func + (a: Tensor, b: some ScalarConvertible) -> Tensor { Elementwise.add(a, b.scalar) }
  /// The sum with a number. SeeAlso: torch.add
  public static func + (a: some ScalarConvertible, b: Tensor) -> Tensor { Elementwise.add(a.scalar, b) }
  /// The difference, broadcast; two bool tensors have none. SeeAlso: torch.sub
  public static func - (a: Tensor, b: Tensor) -> Tensor { Elementwise.sub(a, b) }
  /// The difference with a number. SeeAlso: torch.sub
  public static func - (a: Tensor, b: some ScalarConvertible) -> Tensor { Elementwise.sub(a, b.scalar) }
  /// The difference with a number. SeeAlso: torch.rsub
  public static func - (a: some ScalarConvertible, b: Tensor) -> Tensor { Elementwise.sub(a.scalar, b) }
  /// The elementwise product, broadcast. SeeAlso: torch.mul
  public static func * (a: Tensor, b: Tensor) -> Tensor { Elementwise.mul(a, b) }
  /// The product with a number. SeeAlso: torch.mul
  public static func * (a: Tensor, b: some ScalarConvertible) -> Tensor { Elementwise.mul(a, b.scalar) }
  /// The product with a number. SeeAlso: torch.mul
  public static func * (a: some ScalarConvertible, b: Tensor) -> Tensor { Elementwise.mul(a.scalar, b) }
  /// The true quotient; of integers a floating point number. SeeAlso: torch.div
  public static func / (a: Tensor, b: Tensor) -> Tensor { Elementwise.div(a, b) }
  /// The true quotient with a number. SeeAlso: torch.div
  public static func / (a: Tensor, b: some ScalarConvertible) -> Tensor { Elementwise.div(a, b.scalar) }
  /// The true quotient with a number. SeeAlso: torch.div
  public static func / (a: some ScalarConvertible, b: Tensor) -> Tensor { Elementwise.div(a.scalar, b) }
  /// Python's modulo: the sign is the divisor's. SeeAlso: torch.remainder
  public static func % (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.remainder(a, b) }
  /// The negative. SeeAlso: torch.neg
  public static prefix func - (a: Tensor) -> Tensor { a.neg() }

  /// self + alpha · other. SeeAlso: torch.add
  public func add(_ other: some TensorOperand, alpha: some ScalarConvertible = 1) -> Tensor {
    scaled(.add, .addScaled, other, alpha.scalar)
  }

  /// self − alpha · other. SeeAlso: torch.sub
  public func sub(_ other: some TensorOperand, alpha: some ScalarConvertible = 1) -> Tensor {
    scaled(.sub, .subScaled, other, alpha.scalar)
  }

  /// other − alpha · self. SeeAlso: torch.rsub
  public func rsub(_ other: some TensorOperand, alpha: some ScalarConvertible = 1) -> Tensor {
    if let error = alphaError(other.operand, alpha.scalar, op: "rsub") { return fail("rsub", error, like: spec) }
    return Elementwise.rsub.call([operand, other.operand, alpha.operand])
  }

  private func scaled(_ plain: Elementwise, _ scaled: Elementwise, _ other: some TensorOperand, _ alpha: Scalar)
    -> Tensor
  {
    if let error = alphaError(other.operand, alpha, op: plain.name) { return fail(plain.name, error, like: spec) }
    if alpha == .int(1) { return plain(self, other) }
    return scaled.call([operand, other.operand, .scalar(alpha)])
  }

  private func alphaError(_ other: Operand, _ alpha: Scalar, op: String) -> String? {
    let category = resultType(operand, other).category
    if alpha.category == .bool && category != .bool { return "boolean alpha is only for boolean results" }
    if alpha.category > .integer && category <= .integer { return "alpha of integral tensors must be an integer" }
    if alpha.category == .complex && category == .floating { return "alpha of real tensors must be real" }
    return nil
  }

  /// The quotient, rounded as told. SeeAlso: torch.div
  public func div(_ other: some TensorOperand, roundingMode: RoundingMode? = nil) -> Tensor {
    switch roundingMode {
    case nil: Elementwise.div(self, other)
    case .floor: Elementwise.floorDivide(self, other)
    case .trunc: Elementwise.truncDivide(self, other)
    }
  }

  /// The quotient rounded towards −∞. SeeAlso: torch.floor_divide
  public func floorDivide(_ other: some TensorOperand) -> Tensor { Elementwise.floorDivide(self, other) }
  /// Python's modulo. SeeAlso: torch.remainder
  public func remainder(_ other: some TensorOperand) -> Tensor { Elementwise.remainder(self, other) }
  /// C's remainder: the sign is the dividend's. SeeAlso: torch.fmod
  public func fmod(_ other: some TensorOperand) -> Tensor { Elementwise.fmod(self, other) }

  /// The power. Integers have no negative integer powers. SeeAlso: torch.pow
  public func pow(_ exponent: some TensorOperand) -> Tensor {
    if dtype == .bool, case .tensor(let other) = exponent.operand, other.dtype == .bool {
      return fail("pow", "not defined for bool: \(spec) × \(other.spec)", like: spec)
    }
    if case .scalar(.int(let n)) = exponent.operand {
      if n < 0 && dtype.category <= .integer {
        return fail("pow", "integers to negative integer powers are not allowed: \(spec) to \(n)", like: spec)
      }
      if n == 2 && dtype != .bool { return square() }
    }
    return Elementwise.pow(self, exponent)
  }

  /// The power computed in float64 (complex128). SeeAlso: torch.float_power
  public func floatPower(_ exponent: some TensorOperand) -> Tensor {
    let wide: DType = resultType(operand, exponent.operand).isComplex ? .complex128 : .float64
    if case .tensor(let exponent) = exponent.operand { return Elementwise.pow(to(wide), exponent.to(wide)) }
    return Elementwise.pow(to(wide), exponent)
  }

  /// The larger of each pair; NaN wins. SeeAlso: torch.maximum
  public func maximum(_ other: some TensorOperand) -> Tensor { Elementwise.maximum(self, other) }
  /// The smaller of each pair; NaN wins. SeeAlso: torch.minimum
  public func minimum(_ other: some TensorOperand) -> Tensor { Elementwise.minimum(self, other) }
  /// The larger of each pair; NaN loses. SeeAlso: torch.fmax
  public func fmax(_ other: some TensorOperand) -> Tensor { Elementwise.fmax(self, other) }
  /// The smaller of each pair; NaN loses. SeeAlso: torch.fmin
  public func fmin(_ other: some TensorOperand) -> Tensor { Elementwise.fmin(self, other) }
  /// The angle of the point (other, self). SeeAlso: torch.atan2
  public func atan2(_ other: some TensorOperand) -> Tensor { Elementwise.atan2(self, other) }
  /// √(self² + other²) without overflow. SeeAlso: torch.hypot
  public func hypot(_ other: some TensorOperand) -> Tensor { Elementwise.hypot(self, other) }
  /// The magnitude of self with the sign of other. SeeAlso: torch.copysign
  public func copysign(_ other: some TensorOperand) -> Tensor { Elementwise.copysign(self, other) }
  /// The next number towards other. SeeAlso: torch.nextafter
  public func nextafter(_ other: some TensorOperand) -> Tensor { Elementwise.nextafter(self, other) }
  /// The greatest common divisor. SeeAlso: torch.gcd
  public func gcd(_ other: some TensorOperand) -> Tensor { Elementwise.gcd(self, other) }
  /// The least common multiple. SeeAlso: torch.lcm
  public func lcm(_ other: some TensorOperand) -> Tensor { Elementwise.lcm(self, other) }
  /// 0 below, 1 above, `values` at zero. SeeAlso: torch.heaviside
  public func heaviside(_ values: some TensorOperand) -> Tensor { Elementwise.heaviside(self, values) }
  /// self · ln(other), 0 where self is 0. SeeAlso: torch.xlogy
  public func xlogy(_ other: some TensorOperand) -> Tensor { Elementwise.xlogy(self, other) }
  /// self · ln(1 + other), 0 where self is 0. SeeAlso: torch.special.xlog1py
  public func xlog1py(_ other: some TensorOperand) -> Tensor { Elementwise.xlog1py(self, other) }
  /// ln(e^self + e^other). SeeAlso: torch.logaddexp
  public func logaddexp(_ other: some TensorOperand) -> Tensor {
    let isComplex = resultType(operand, other.operand).isComplex
    return (isComplex ? Elementwise.complexLogaddexp : .logaddexp)(self, other)
  }
  /// log₂(2^self + 2^other). SeeAlso: torch.logaddexp2
  public func logaddexp2(_ other: some TensorOperand) -> Tensor { Elementwise.logaddexp2(self, other) }
  /// self · 2^other. SeeAlso: torch.ldexp
  public func ldexp(_ other: some TensorOperand) -> Tensor { Elementwise.ldexp(self, other) }

  /// Between self (weight 0) and end (weight 1). SeeAlso: torch.lerp
  public func lerp(_ end: Tensor, weight: some TensorOperand) -> Tensor {
    guard end.dtype == dtype else { return fail("lerp", "dtypes differ: \(spec) and \(end.spec)", like: spec) }
    if case .tensor(let weight) = weight.operand, weight.dtype != dtype {
      return fail("lerp", "dtypes differ: \(spec) and weight \(weight.spec)", like: spec)
    }
    return Elementwise.lerp(self, end, weight)
  }

  /// self + value · a · b. SeeAlso: torch.addcmul
  public func addcmul(_ a: Tensor, _ b: Tensor, value: some ScalarConvertible = 1) -> Tensor {
    if [self, a, b].allSatisfy({ $0.dtype == .bool }) { return fail("addcmul", "not defined for bool", like: spec) }
    return Elementwise.addcmul.call([operand, a.operand, b.operand, value.operand])
  }

  /// self + value · a / b. SeeAlso: torch.addcdiv
  public func addcdiv(_ a: Tensor, _ b: Tensor, value: some ScalarConvertible = 1) -> Tensor {
    Elementwise.addcdiv.call([operand, a.operand, b.operand, value.operand])
  }

  /// Limited to [min, max]; at least one of them. SeeAlso: torch.clamp
  public func clamp(min: (any TensorOperand)? = nil, max: (any TensorOperand)? = nil) -> Tensor {
    switch (min?.operand, max?.operand) {
    case (.scalar(let min)?, .scalar(let max)?): Elementwise.clampBetween(self, min, max)
    case (.scalar(let min)?, nil): Elementwise.clampAbove(self, min)
    case (nil, .scalar(let max)?): Elementwise.clampBelow(self, max)
    case (let min?, let max?): Elementwise.clamp(self, min, max)
    case (let min?, nil): Elementwise.clampMin(self, min)
    case (nil, let max?): Elementwise.clampMax(self, max)
    case (nil, nil): fail("clamp", "at least one of min and max must be given", like: spec)
    }
  }

  /// Adds in place where nobody else shares the memory; shape and dtype stay. SeeAlso: torch.Tensor.add_
  public static func += (a: inout Tensor, b: some TensorOperand) { a.update(.add, b) }
  /// Subtracts in place. SeeAlso: torch.Tensor.sub_
  public static func -= (a: inout Tensor, b: some TensorOperand) { a.update(.sub, b) }
  /// Multiplies in place. SeeAlso: torch.Tensor.mul_
  public static func *= (a: inout Tensor, b: some TensorOperand) { a.update(.mul, b) }
  /// Divides in place; integer tensors cannot hold the quotient. SeeAlso: torch.Tensor.div_
  public static func /= (a: inout Tensor, b: some TensorOperand) { a.update(.div, b) }

  private mutating func update(_ function: Elementwise, _ other: some TensorOperand) {
    if !function.overwrite(&self, other.operand) { rebind(function.name, function(self, other)) }
  }

  /// Takes an updated value that must have this tensor's shape and fit its dtype, as PyTorch's in-place methods do.
  package mutating func rebind(_ op: String, _ value: Tensor) {
    guard value.shape == shape else {
      self = fail(op, "result \(value.spec) does not fit the updated tensor \(spec)", like: spec)
      return
    }
    guard value.dtype.category <= dtype.category else {
      self = fail(op, "result type \(value.dtype) cannot be stored in the updated tensor \(spec)", like: spec)
      return
    }
    self = value.to(dtype)
  }
}
