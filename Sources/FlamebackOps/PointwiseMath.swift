import FlamebackCore
import FlamebackKernels

extension Elementwise {
  package static let neg = Elementwise("neg", .promoted, domain: .numeric) { -$0 }
  package static let abs = Elementwise(
    "abs", .realPart, domain: .numeric, gradientKernel: .absGrad
  ) { $0.abs }
  package static let sign = Elementwise("sign", .promoted, domain: .real) { $0.sign }
  package static let sgn = Elementwise("sgn", .promoted) { $0.sign }
  package static let square = Elementwise("square", .promoted) { $0 * $0 }
  package static let reciprocal = Elementwise("reciprocal") { .call(.reciprocal, $0) }
  package static let sqrt = Elementwise("sqrt", gradientKernel: .sqrtGrad) { .sqrt($0) }
  package static let rsqrt = Elementwise("rsqrt") { .rsqrt($0) }
  package static let floor = Elementwise("floor", .promoted, domain: [.integer, .floating]) { .call(.floor, $0) }
  package static let ceil = Elementwise("ceil", .promoted, domain: [.integer, .floating]) { .call(.ceil, $0) }
  package static let trunc = Elementwise("trunc", .promoted, domain: [.integer, .floating]) { .call(.trunc, $0) }
  package static let round = Elementwise("round", .promoted, domain: [.integer, .floating]) { .call(.round, $0) }
  package static let roundScaled = Elementwise(
    "round", domain: .floating, gradient: { _, _, _, _ in [0, 0] }
  ) { x, scale in .call(.round, x * scale) / scale }
  package static let roundCoarse = Elementwise(
    "round", domain: .floating, gradient: { _, _, _, _ in [0, 0] }
  ) { x, scale in .call(.round, x / scale) * scale }
  package static let frac = Elementwise("frac", .promoted, domain: .floating) { $0 - .call(.trunc, $0) }
  package static let exp = Elementwise("exp") { .exp($0) }
  package static let exp2 = Elementwise("exp2") { .call(.exp2, $0) }
  package static let expm1 = Elementwise("expm1") { .expm1($0) }
  package static let log = Elementwise("log") { .log($0) }
  package static let log2 = Elementwise("log2") { .call(.log2, $0) }
  package static let log10 = Elementwise("log10") { .call(.log10, $0) }
  package static let log1p = Elementwise("log1p") { .log1p($0) }
  package static let sin = Elementwise("sin") { .sin($0) }
  package static let cos = Elementwise("cos") { .cos($0) }
  package static let tan = Elementwise("tan") { .call(.tan, $0) }
  package static let asin = Elementwise("asin") { .call(.asin, $0) }
  package static let acos = Elementwise("acos") { .call(.acos, $0) }
  package static let atan = Elementwise("atan") { .call(.atan, $0) }
  package static let sinh = Elementwise("sinh") { .call(.sinh, $0) }
  package static let cosh = Elementwise("cosh") { .call(.cosh, $0) }
  package static let tanh = Elementwise("tanh", gradientKernel: .tanhGrad) { .tanh($0) }
  package static let asinh = Elementwise("asinh") { .call(.asinh, $0) }
  package static let acosh = Elementwise("acosh") { .call(.acosh, $0) }
  package static let atanh = Elementwise("atanh") { .call(.atanh, $0) }
  package static let sigmoid = Elementwise("sigmoid", gradientKernel: .sigmoidGrad) { .sigmoid($0) }
  package static let erf = Elementwise("erf", domain: .real, gradientKernel: .erfGrad) { .erf($0) }
  package static let erfc = Elementwise("erfc", domain: .real) { .call(.erfc, $0) }
  package static let erfinv = Elementwise("erfinv", domain: .real) { .call(.erfinv, $0) }
  package static let lgamma = Elementwise("lgamma", domain: .real) { .call(.lgamma, $0) }
  package static let digamma = Elementwise("digamma", domain: .real) { .call(.digamma, $0) }
  package static let polygamma = Elementwise("polygamma", .floating, domain: .real) { n, x in
    .call(.polygamma, n, x)
  }
  package static let i0 = Elementwise("i0", domain: .real) { .call(.i0, $0) }
  package static let i0e = Elementwise("i0e", domain: .real) { .call(.i0e, $0) }
  package static let i1 = Elementwise("i1", domain: .real) { .call(.i1, $0) }
  package static let i1e = Elementwise("i1e", domain: .real) { .call(.i1e, $0) }
  package static let deg2rad = Elementwise("deg2rad", domain: .real) { $0 * 0.017453292519943295 }
  package static let rad2deg = Elementwise("rad2deg", domain: .real) { $0 * 57.29577951308232 }
  /// sin(πx) / πx, 1 at 0.
  package static let sinc = Elementwise(
    "sinc",
    gradient: { g, x, y in
      let scaled = x * 3.141592653589793
      return g * (x .== 0).select(0, (.cos(scaled) - y) / x).conj
    }
  ) { x in
    let scaled = x * 3.141592653589793
    return (x .== 0).select(1, .sin(scaled) / scaled)
  }
  package static let logit = Elementwise(
    "logit", domain: .real, gradient: { g, x, _ in g / (x * (1 - x)) }
  ) { x in .log(x / (1 - x)) }
  package static let logitClamped = Elementwise(
    "logit", .floating, domain: .real,
    gradient: { g, x, eps, _ in [((x .< eps) .| (x .> 1 - eps)).select(0, g / (x * (1 - x))), 0] }
  ) { x, eps in
    let z = (x .< eps).select(eps, (x .> 1 - eps).select(1 - eps, x))
    return .log(z / (1 - z))
  }
  package static let nanToNum = Elementwise(
    "nan_to_num", arity: 4,
    gradient: { g, x, _ in [(x[0].isNaN .| x[0].isInfinite).select(0, g), 0, 0, 0] }
  ) { x in
    x[0].isNaN.select(x[1], x[0].isInfinite.select((x[0] .> 0).select(x[2], x[3]), x[0]))
  }
  package static let conj = Elementwise("conj", .promoted) { $0.conj }
  package static let angleReal = Elementwise("angle", .floating, domain: .real, gradient: { _, _, _ in 0 }) {
    .call(.angle, $0)
  }
  package static let angleComplex = Elementwise("angle", .floatingRealPart, domain: .complex) { .call(.angle, $0) }
  package static let entr = Elementwise(
    "entr", domain: .real,
    gradient: { g, x, _ in g * (-(1 + .log(x))) }
  ) { x in
    x.isNaN.select(x, (x .> 0).select(-x * .log(x), (x .== 0).select(0, -.constant(.float(.infinity)))))
  }
}

extension Tensor {
  /// The negative; bool tensors have none. SeeAlso: torch.neg
  public func neg() -> Tensor { Elementwise.neg(self) }
  /// The absolute value. SeeAlso: torch.abs
  public func abs() -> Tensor { Elementwise.abs(self) }
  /// −1, 0 or 1. SeeAlso: torch.sign
  public func sign() -> Tensor { Elementwise.sign(self) }
  /// x / |x|, 0 for 0. SeeAlso: torch.sgn
  public func sgn() -> Tensor { Elementwise.sgn(self) }
  /// x². SeeAlso: torch.square
  public func square() -> Tensor {
    dtype == .bool ? Elementwise.square.call([operand], dtype: .int64) : Elementwise.square(self)
  }
  /// 1 / x. SeeAlso: torch.reciprocal
  public func reciprocal() -> Tensor { Elementwise.reciprocal(self) }
  /// √x. SeeAlso: torch.sqrt
  public func sqrt() -> Tensor { Elementwise.sqrt(self) }
  /// 1 / √x. SeeAlso: torch.rsqrt
  public func rsqrt() -> Tensor { Elementwise.rsqrt(self) }
  /// Rounded towards −∞. SeeAlso: torch.floor
  public func floor() -> Tensor { Elementwise.floor(self) }
  /// Rounded towards +∞. SeeAlso: torch.ceil
  public func ceil() -> Tensor { Elementwise.ceil(self) }
  /// Rounded towards 0. SeeAlso: torch.trunc
  public func trunc() -> Tensor { Elementwise.trunc(self) }
  /// The part behind the point, with the sign of x. SeeAlso: torch.frac
  public func frac() -> Tensor { Elementwise.frac(self) }

  /// Rounded to nearest, halves to even, at that many decimals. SeeAlso: torch.round
  public func round(decimals: Int = 0) -> Tensor {
    if decimals == 0 || dtype.isInteger { return Elementwise.round(self) }
    var scale = 1.0
    for _ in 0..<Swift.min(decimals.magnitude, 400) { scale *= 10 }  // infinite before
    return (decimals > 0 ? Elementwise.roundScaled : .roundCoarse)(self, Scalar.float(scale))
  }

  /// eˣ. SeeAlso: torch.exp
  public func exp() -> Tensor { Elementwise.exp(self) }
  /// 2ˣ. SeeAlso: torch.exp2
  public func exp2() -> Tensor { Elementwise.exp2(self) }
  /// eˣ − 1, exact near 0. SeeAlso: torch.expm1
  public func expm1() -> Tensor { Elementwise.expm1(self) }
  /// The natural logarithm. SeeAlso: torch.log
  public func log() -> Tensor { Elementwise.log(self) }
  /// The logarithm to base 2. SeeAlso: torch.log2
  public func log2() -> Tensor { Elementwise.log2(self) }
  /// The logarithm to base 10. SeeAlso: torch.log10
  public func log10() -> Tensor { Elementwise.log10(self) }
  /// ln(1 + x), exact near 0. SeeAlso: torch.log1p
  public func log1p() -> Tensor { Elementwise.log1p(self) }
  /// SeeAlso: torch.sin
  public func sin() -> Tensor { Elementwise.sin(self) }
  /// SeeAlso: torch.cos
  public func cos() -> Tensor { Elementwise.cos(self) }
  /// SeeAlso: torch.tan
  public func tan() -> Tensor { Elementwise.tan(self) }
  /// SeeAlso: torch.asin
  public func asin() -> Tensor { Elementwise.asin(self) }
  /// SeeAlso: torch.acos
  public func acos() -> Tensor { Elementwise.acos(self) }
  /// SeeAlso: torch.atan
  public func atan() -> Tensor { Elementwise.atan(self) }
  /// SeeAlso: torch.sinh
  public func sinh() -> Tensor { Elementwise.sinh(self) }
  /// SeeAlso: torch.cosh
  public func cosh() -> Tensor { Elementwise.cosh(self) }
  /// SeeAlso: torch.tanh
  public func tanh() -> Tensor { Elementwise.tanh(self) }
  /// SeeAlso: torch.asinh
  public func asinh() -> Tensor { Elementwise.asinh(self) }
  /// SeeAlso: torch.acosh
  public func acosh() -> Tensor { Elementwise.acosh(self) }
  /// SeeAlso: torch.atanh
  public func atanh() -> Tensor { Elementwise.atanh(self) }
  /// 1 / (1 + e⁻ˣ). SeeAlso: torch.sigmoid
  public func sigmoid() -> Tensor { Elementwise.sigmoid(self) }
  /// The error function. SeeAlso: torch.erf
  public func erf() -> Tensor { Elementwise.erf(self) }
  /// 1 − erf(x). SeeAlso: torch.erfc
  public func erfc() -> Tensor { Elementwise.erfc(self) }
  /// The inverse of erf. SeeAlso: torch.erfinv
  public func erfinv() -> Tensor { Elementwise.erfinv(self) }
  /// ln |Γ(x)|. SeeAlso: torch.lgamma
  public func lgamma() -> Tensor { Elementwise.lgamma(self) }
  /// The derivative of ln Γ. SeeAlso: torch.digamma
  public func digamma() -> Tensor { Elementwise.digamma(self) }

  /// The n-th derivative of digamma. SeeAlso: torch.polygamma
  public func polygamma(_ n: Int) -> Tensor {
    if n < 0 { return fail("polygamma", "n must not be negative, got \(n)", like: spec) }
    return n == 0 ? digamma() : Elementwise.polygamma(Scalar.int(n), self)
  }

  /// The modified Bessel function of order 0. SeeAlso: torch.special.i0
  public func i0() -> Tensor { Elementwise.i0(self) }
  /// i0 scaled by e^−|x|. SeeAlso: torch.special.i0e
  public func i0e() -> Tensor { Elementwise.i0e(self) }
  /// The modified Bessel function of order 1. SeeAlso: torch.special.i1
  public func i1() -> Tensor { Elementwise.i1(self) }
  /// i1 scaled by e^−|x|. SeeAlso: torch.special.i1e
  public func i1e() -> Tensor { Elementwise.i1e(self) }
  /// Degrees to radians. SeeAlso: torch.deg2rad
  public func deg2rad() -> Tensor { Elementwise.deg2rad(self) }
  /// Radians to degrees. SeeAlso: torch.rad2deg
  public func rad2deg() -> Tensor { Elementwise.rad2deg(self) }
  /// sin(πx) / πx. SeeAlso: torch.sinc
  public func sinc() -> Tensor { Elementwise.sinc(self) }
  /// −x ln x. SeeAlso: torch.special.entr
  public func entr() -> Tensor { Elementwise.entr(self) }

  /// ln(x / (1 − x)), with x kept `eps` away from 0 and 1 if given. SeeAlso: torch.logit
  public func logit(eps: Double? = nil) -> Tensor {
    guard let eps else { return Elementwise.logit(self) }
    return Elementwise.logitClamped(self, Scalar.float(eps))
  }

  /// NaN and infinities replaced; by default by 0 and the largest finite numbers. SeeAlso: torch.nan_to_num
  public func nanToNum(nan: Double = 0, posInf: Double? = nil, negInf: Double? = nil) -> Tensor {
    if dtype.category <= .integer { return clone() }
    if dtype.isComplex {
      return viewAsReal().nanToNum(nan: nan, posInf: posInf, negInf: negInf).viewAsComplex()
    }
    let limit = dtype.greatestFinite
    return Elementwise.nanToNum.call([
      operand, .scalar(.float(nan)), .scalar(.float(posInf ?? limit)), .scalar(.float(negInf ?? -limit)),
    ])
  }

  /// The complex conjugate. SeeAlso: torch.conj
  public func conj() -> Tensor { dtype.isComplex ? Elementwise.conj(self) : self }
  /// The argument of a complex number; 0 or π for real ones. SeeAlso: torch.angle
  public func angle() -> Tensor { dtype.isComplex ? Elementwise.angleComplex(self) : Elementwise.angleReal(self) }
}

extension DType {
  /// The largest finite number of a floating point type or of a complex one's parts; of an integer type its greatest.
  /// SeeAlso: torch.finfo, torch.iinfo
  public var greatestFinite: Double { floatLimits?.greatest ?? integerLimits.map { Double($0.greatest) } ?? .infinity }
}
