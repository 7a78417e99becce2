import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  static let pointwise = (unaryMath + specialMath + rounding + arithmetic + comparisons + bits + activations).map(
    \.withSeldomDTypes)

  private static let unaryMath: [OpRecord] = [
    unary("copy", .all, -3...3, { $0.clone() }, { $0 }),
    unary("neg", .signed, -3...3, { -$0 }, { -$0 }).accepting,
    unary("abs", .numeric, -3...3, avoiding: [0], { $0.abs() }, { abs($0) }),
    unary("sign", .real, -3...3, avoiding: [0], { $0.sign() }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }),
    unary("sgn", .all, -3...3, avoiding: [0], { $0.sgn() }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }),
    unary("square", .all, -3...3, { $0.square() }, { $0 * $0 }),
    unary("reciprocal", .all, -3...3, avoiding: [0], { $0.reciprocal() }, { 1 / $0 }),
    unary("sqrt", .all, 0.2...4, { $0.sqrt() }, { sqrt($0) }),
    unary("rsqrt", .all, 0.2...4, { $0.rsqrt() }, { 1 / sqrt($0) }),
    unary("exp", .all, -3...3, { $0.exp() }, { exp($0) }),
    unary("exp2", .all, -3...3, { $0.exp2() }, { exp2($0) }),
    unary("expm1", .all, -3...3, { $0.expm1() }, { expm1($0) }),
    unary("log", .all, 0.2...4, { $0.log() }, { log($0) }),
    unary("log2", .all, 0.2...4, { $0.log2() }, { log2($0) }),
    unary("log10", .all, 0.2...4, { $0.log10() }, { log10($0) }),
    unary("log1p", .all, -0.7...3, { $0.log1p() }, { log1p($0) }),
    unary("sin", .all, -4...4, { $0.sin() }, { sin($0) }),
    unary("cos", .all, -4...4, { $0.cos() }, { cos($0) }),
    unary("tan", .all, -1.2...1.2, { $0.tan() }, { tan($0) }),
    unary("asin", .all, -0.8...0.8, { $0.asin() }, { asin($0) }),
    unary("acos", .all, -0.8...0.8, { $0.acos() }, { acos($0) }),
    unary("atan", .all, -3...3, { $0.atan() }, { atan($0) }),
    unary("sinh", .all, -2...2, { $0.sinh() }, { sinh($0) }),
    unary("cosh", .all, -2...2, { $0.cosh() }, { cosh($0) }),
    unary("tanh", .all, -3...3, { $0.tanh() }, { tanh($0) }),
    unary("asinh", .all, -3...3, { $0.asinh() }, { asinh($0) }),
    unary("acosh", .all, 1.2...4, avoiding: [0], { $0.acosh() }, { acosh($0) }),
    unary("atanh", .all, -0.8...0.8, { $0.atanh() }, { atanh($0) }),
    unary("sigmoid", .all, -4...4, { $0.sigmoid() }, { 1 / (1 + exp(-$0)) }),
    unary("deg2rad", .real, -3...3, { $0.deg2rad() }, { $0 * .pi / 180 }),
    unary("rad2deg", .real, -3...3, tolerance: 10, { $0.rad2deg() }, { $0 * 180 / .pi }),
    unary("conj", .complex, -3...3, { $0.conj() }, { $0 }).accepting,
    unary("angle", .all, -3...3, avoiding: [0], { $0.angle() }, { $0 < 0 ? .pi : 0 }),
  ]

  private static let specialMath: [OpRecord] = [
    unary("erf", .real, -2...2, { $0.erf() }, { erf($0) }),
    unary("erfc", .real, -2...2, { $0.erfc() }, { erfc($0) }),
    unary("erfinv", .floating, -0.8...0.8, tolerance: 4, { $0.erfinv() }) { y in
      var x = y  // Newton
      for _ in 0..<60 { x -= (erf(x) - y) / (2 / Double.pi.squareRoot() * exp(-x * x)) }
      return x
    }.accepting,
    unary("lgamma", .real, 0.3...5, avoiding: [0], tolerance: 4, { $0.lgamma() }, { lgamma($0) }),
    unary("digamma", .real, 0.3...5, avoiding: [0], tolerance: 4, { $0.digamma() }, { polygamma(0, $0) }),
    unary("polygamma", .real, 0.5...5, avoiding: [0], tolerance: 10, { $0.polygamma(2) }, { polygamma(2, $0) }),
    unary("i0", .real, -3...3, tolerance: 4, { $0.i0() }, { bessel(0, $0) }),
    unary("i0e", .real, -3...3, tolerance: 4, { $0.i0e() }, { bessel(0, $0) * exp(-abs($0)) }),
    unary("i1", .real, -3...3, avoiding: [0], tolerance: 4, { $0.i1() }, { bessel(1, $0) }),
    unary("i1e", .real, -3...3, avoiding: [0], tolerance: 4, { $0.i1e() }, { bessel(1, $0) * exp(-abs($0)) }),
    unary("sinc", .all, -3...3, avoiding: [0], { $0.sinc() }, { $0 == 0 ? 1 : sin(.pi * $0) / (.pi * $0) }),
    unary("entr", .real, 0.1...3, { $0.entr() }, { $0 == 0 ? 0 : -$0 * log($0) }),
    unary("logit", .floating, 0.1...0.9, { $0.logit() }, { log($0 / (1 - $0)) }).accepting,
    unary("logit", .floating, -0.4...1.4, avoiding: [0.2, 0.8], { $0.logit(eps: 0.2) }) {
      let x = min(max($0, 0.2), 0.8)
      return log(x / (1 - x))
    }.accepting,
    unary("nan_to_num", .floating, -3...3, { $0.nanToNum() }, { $0 }).accepting,
    OpRecord(
      "nan_to_num", .floating,
      samples: [
        OpSample([SampleInput([4], .given([.nan, .infinity, -.infinity, 1.5]))]) {
          [$0[0].nanToNum(nan: 7, posInf: 8, negInf: -9)]
        } reference: { _ in
          [PlainArray([4], [7, 8, -9, 1.5])]
        }
      ]
    ).with { $0.order = .once }.without(.float8E4M3FN),  // it has no infinities
  ]

  private static let rounding: [OpRecord] = [
    unary("floor", .integers + .floating, -3...3, avoiding: kinks, { $0.floor() }, { $0.rounded(.down) }),
    unary("ceil", .integers + .floating, -3...3, avoiding: kinks, { $0.ceil() }, { $0.rounded(.up) }),
    unary("trunc", .integers + .floating, -3...3, avoiding: kinks, { $0.trunc() }, { $0.rounded(.towardZero) }),
    unary(
      "round", .integers + .floating, -3...3, avoiding: kinks, { $0.round() }, { $0.rounded(.toNearestOrEven) }),
    unary("round", [.float64], -3...3, avoiding: kinks, { $0.round(decimals: -1) }, { _ in 0 }).accepting,
    unary("round", [.float64], -3...3, { $0.round(decimals: 5) }, { ($0 * 1e5).rounded(.toNearestOrEven) / 1e5 })
      .with {
        $0.order = .none
        $0.refusesOthers = false
      },
    unary("frac", .floating, -3...3, avoiding: kinks, { $0.frac() }, { $0 - $0.rounded(.towardZero) }),
  ]
  /// Where rounding jumps. As integers they are what is drawn all the same.
  private static let kinks = stride(from: -3.0, through: 3, by: 0.5).filter { $0 != 0 }.map { $0 + 1e-9 } + [1e-9]

  private static let arithmetic: [OpRecord] = [
    binary("add", .all, -3...3, { $0 + $1 }, { $0 + $1 }).sumOfBools,
    binary("sub", .numeric, 2...4, and: 0...2, { $0 - $1 }, { $0 - $1 }),
    binary("mul", .all, -3...3, { $0 * $1 }, { $0 * $1 }),
    binary("div", .all, -3...3, and: 0.5...3, { $0 / $1 }, { $0 / $1 }).without(.bool),
    unary("add", .numeric, -3...3, { $0 + 2 }, { $0 + 2 }).accepting,
    unary("sub", .floating, -3...3, { 1.5 - $0 }, { 1.5 - $0 }).accepting,
    unary("mul", .floating, -3...3, { $0 * 1.5 }, { $0 * 1.5 }).accepting,
    unary("pow", .floating, 0.3...3, { $0.pow(1.5) }, { pow($0, 1.5) }).accepting,
    unary("pow", .floating, -2...2, avoiding: [0], { $0.pow(3) }, { $0 * $0 * $0 }).accepting,
    binary("add", .numeric, -3...3, { $0.add($1, alpha: 2) }, { $0 + 2 * $1 }).accepting,
    binary("sub", .numeric, 4...6, and: 0...2, { $0.sub($1, alpha: 2) }, { $0 - 2 * $1 }).accepting,
    binary("rsub", .numeric, 0...2, and: 4...6, { $0.rsub($1, alpha: 2) }, { $1 - 2 * $0 }).accepting,
    binary(
      "floor_divide", .integers + .floating, 0.3...0.9, and: 1.2...3, { $0.floorDivide($1) }, { floor($0 / $1) }),
    binary(
      "trunc_divide", .integers + .floating, -0.9 ... -0.3, and: 1.2...3, { $0.div($1, roundingMode: .trunc) },
      { trunc($0 / $1) }),
    binary("remainder", .integers + .floating, -0.9 ... -0.3, and: 1.2...3, tolerance: 2, { $0 % $1 }) {
      $0 - floor($0 / $1) * $1
    },
    binary("fmod", .integers + .floating, 3.6...4.4, and: 2.1...2.9, tolerance: 4, { $0.fmod($1) }, { fmod($0, $1) }),
    binary("pow", .numeric, 0.4...3, and: 0.2...2, { $0.pow($1) }, { pow($0, $1) }).accepting,
    binary("maximum", .real, -3...0, and: 0.1...3, { $0.maximum($1) }, { max($0, $1) }),
    binary("minimum", .real, -3...0, and: 0.1...3, { $0.minimum($1) }, { min($0, $1) }),
    binary("fmax", .real, -3...0, and: 0.1...3, { $0.fmax($1) }, { max($0, $1) }),
    binary("fmin", .real, -3...0, and: 0.1...3, { $0.fmin($1) }, { min($0, $1) }),
    binary("atan2", .real, 0.3...3, and: 0.3...3, { $0.atan2($1) }, { atan2($0, $1) }),
    binary("hypot", .floating, 0.3...3, { $0.hypot($1) }, { hypot($0, $1) }),
    binary("copysign", .real, 0.3...3, and: 0.3...3, { $0.copysign($1) }, { copysign($0, $1) }),
    binary("nextafter", [.float64], -3...0, and: 1...3, { $0.nextafter($1) }, { x, _ in x.nextUp })
      .accepting,
    binary("gcd", .integers, -9...9, order: .none, { $0.gcd($1) }, { gcd($0, $1) }),
    binary("lcm", .integers, -9...9, order: .none, { $0.lcm($1) }) {
      gcd($0, $1) == 0 ? 0 : abs($0 * $1) / gcd($0, $1)
    },
    binary("heaviside", .real, -3...3, order: .none, { $0.heaviside($1) }) { $0 == 0 ? $1 : $0 > 0 ? 1 : 0 },
    binary("xlogy", .real, 0.3...3, and: 0.3...3, { $0.xlogy($1) }, { $0 * log($1) }).without(.bool),
    binary("xlog1py", .real, 0.3...3, and: 0.3...3, { $0.xlog1py($1) }, { $0 * log1p($1) }),
    binary("logaddexp", .floating, -3...3, { $0.logaddexp($1) }, { log(exp($0) + exp($1)) }).accepting,
    binary("complexLogaddexp", .complex, -3...3, { $0.logaddexp($1) }, { log(exp($0) + exp($1)) }).accepting.with {
      $0.failures = []
    },
    binary("logaddexp2", .floating, -3...3, { $0.logaddexp2($1) }, { log2(exp2($0) + exp2($1)) }),
    binary("ldexp", .all, -3...3, { $0.ldexp($1) }, { $0 * exp2($1) }),
    nary(
      "lerp", .differentiable, [input(-3...3), input(-3...3), input(0.1...0.4)], { $0[0].lerp($0[1], weight: $0[2]) }
    ) { $0[0] + $0[2] * ($0[1] - $0[0]) },
    nary("addcmul", .numeric, [input(0...3), input(0...3), input(0...3)], { $0[0].addcmul($0[1], $0[2], value: 2) }) {
      $0[0] + 2 * $0[1] * $0[2]
    },
    nary(
      "addcdiv", .differentiable, [input(-3...3), input(-3...3), input(0.5...3)],
      { $0[0].addcdiv($0[1], $0[2], value: 0.5) }
    ) { $0[0] + 0.5 * $0[1] / $0[2] },
    // Real numbers beside complex ones.
    nary(
      "addcdiv", [.float64], [input(-3...3), input(-3...3), input(0.5...3, dtype: .complex128)],
      { $0[0].addcdiv($0[1], $0[2], value: 3) }
    ) { $0[0] + 3 * $0[1] / $0[2] },
    nary("clamp", .real, [input(-0.9...3), input(-3 ... -1), input(3.1...4)], { $0[0].clamp(min: $0[1], max: $0[2]) }) {
      min(max($0[0], $0[1]), $0[2])
    },
    unary(
      "clamp", .floating, -3...3, avoiding: [-1, 1.5], { $0.clamp(min: -1.0, max: 1.5) }, { min(max($0, -1), 1.5) }
    )
    .accepting,
    binary("clamp_min", .real, -3...0, and: 0.1...3, { $0.clamp(min: $1) }, { max($0, $1) }),
    binary("clamp_max", .real, -3...0, and: 0.1...3, { $0.clamp(max: $1) }, { min($0, $1) }),
  ]

  private static let comparisons: [OpRecord] = [
    binary("eq", .all, -2...2, order: .none, { $0 .== $1 }, { $0 == $1 ? 1 : 0 }),
    binary("ne", .all, -2...2, order: .none, { $0 .!= $1 }, { $0 != $1 ? 1 : 0 }),
    binary("lt", .real, -2...2, order: .none, { $0 .< $1 }, { $0 < $1 ? 1 : 0 }),
    binary("le", .real, -2...2, order: .none, { $0 .<= $1 }, { $0 <= $1 ? 1 : 0 }),
    binary("gt", .real, -2...2, order: .none, { $0 .> $1 }, { $0 > $1 ? 1 : 0 }),
    binary("ge", .real, -2...2, order: .none, { $0 .>= $1 }, { $0 >= $1 ? 1 : 0 }),
    binary("logical_and", .all, -2...2, order: .none, { $0.logicalAnd($1) }, { $0 != 0 && $1 != 0 ? 1 : 0 }),
    binary("logical_or", .all, -2...2, order: .none, { $0.logicalOr($1) }, { $0 != 0 || $1 != 0 ? 1 : 0 }),
    binary("logical_xor", .all, -2...2, order: .none, { $0.logicalXor($1) }, { ($0 != 0) != ($1 != 0) ? 1 : 0 }),
    unary("logical_not", .all, -2...2, order: .none, { $0.logicalNot() }, { $0 == 0 ? 1 : 0 }),
    unary("signbit", .real, -2...2, order: .none, { $0.signbit() }, { $0 < 0 ? 1 : 0 }),
    unary("isreal", .complex, -2...2, order: .none, { $0.isReal() }, { _ in 1 }).accepting,
    special("isnan", .floating + .complex, { $0.isNaN() }, { $0.isNaN ? 1 : 0 }),
    special("isinf", .floating + .complex, { $0.isInf() }, { $0.isInfinite ? 1 : 0 }),
    special("isfinite", .floating + .complex, { $0.isFinite() }, { $0.isFinite ? 1 : 0 }),
    special("isposinf", .floating, { $0.isPosInf() }, { $0 == .infinity ? 1 : 0 }),
    special("isneginf", .floating, { $0.isNegInf() }, { $0 == -.infinity ? 1 : 0 }),
    binary("isclose", .floating, -2...2, order: .none, { $0.isClose($1, rtol: 0.1, atol: 0.2) }) {
      abs($0 - $1) <= 0.2 + 0.1 * abs($1) ? 1 : 0
    }.accepting,
    nary("where", .all, [SampleInput([], .whole(0...1), dtype: .bool), input(-3...3), input(-3...3)]) {
      select(where: $0[0], $0[1], $0[2])
    } _: {
      $0[0] != 0 ? $0[1] : $0[2]
    },
  ]

  private static let bits: [OpRecord] = [
    binary("bitwise_and", .discrete, 0...100, order: .none, { $0 & $1 }, { Double(Int($0) & Int($1)) }),
    binary("bitwise_or", .discrete, 0...100, order: .none, { $0 | $1 }, { Double(Int($0) | Int($1)) }),
    binary("bitwise_xor", .discrete, 0...100, order: .none, { $0 ^ $1 }, { Double(Int($0) ^ Int($1)) }),
    unary("bitwise_not", [.int8, .int16, .int32, .int64], -100...100, order: .none, { ~$0 }, { Double(~Int($0)) })
      .accepting,
    binary(
      "bitwise_left_shift", .integers, 0...7, and: 0...3, order: .none, { $0 << $1 }, { Double(Int($0) << Int($1)) }),
    binary("bitwise_right_shift", .integers, -99...99, and: 0...3, order: .none, { $0 >> $1 }) {
      Double(Int($0) >> Int($1))
    },
  ]

  /// A predicate of NaN, infinities and ordinary numbers.
  private static func special(
    _ name: String, _ dtypes: [DType], _ run: @escaping @Sendable (Tensor) -> Tensor,
    _ reference: @escaping @Sendable (Double) -> Double
  ) -> OpRecord {
    let values = [0, -0.0, 1.5, -2, .nan, .infinity, -.infinity]
    let sample = OpSample([SampleInput([7], .given(values))]) {
      [run($0[0])]
    } reference: {
      [$0[0].map(reference)]
    }
    return OpRecord(name, dtypes, samples: [sample]).with { $0.order = .none }
  }

  /// The derivatives of ln Γ by recurrence and Stirling's series.
  private static func polygamma(_ n: Int, _ x: Double) -> Double {
    if x < 20 { return n == 0 ? polygamma(0, x + 1) - 1 / x : polygamma(2, x + 1) - 2 / (x * x * x) }
    let y = 1 / (x * x)
    if n == 0 { return log(x) - 0.5 / x - y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y / 240))) }
    return -y - y / x - y * y * (0.5 - y * (1.0 / 6 - y * (1.0 / 6 - y * 0.3)))
  }

  /// The power series of the modified Bessel function.
  private static func bessel(_ order: Int, _ x: Double) -> Double {
    var term = order == 0 ? 1 : x / 2
    var sum = term
    for k in 1..<60 {
      term *= x * x / 4 / Double(k * (k + order))
      sum += term
    }
    return sum
  }

  private static func gcd(_ a: Double, _ b: Double) -> Double {
    var (a, b) = (abs(a), abs(b))
    while b != 0 { (a, b) = (b, a.truncatingRemainder(dividingBy: b)) }
    return a
  }
}

extension OpRecord {
  /// Other dtypes are left open: the method converts them, or another function takes them.
  var accepting: OpRecord { with { $0.refusesOthers = false } }

  func without(_ dtype: DType) -> OpRecord {
    with {
      $0.dtypes.removeAll { $0 == dtype }
      $0.excluded.insert(dtype)
      $0.refusesOthers = false
    }
  }

  /// true + true is true.
  fileprivate var sumOfBools: OpRecord { without(.bool) }
}
