import FlamebackKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Operations of real numbers, in double precision.
enum ReferenceReal {
  static func knows(_ code: Opcode) -> Bool { value(code, [1, 1, 1]) != nil }

  static func apply(_ code: Opcode, _ x: [Double]) -> Double { value(code, x)! }

  /// The result for float32 numbers: `nextAfter` depends on the width, all else is computed in double and rounded.
  static func single(_ code: Opcode, _ x: [Double]) -> Double {
    code == .nextAfter ? Double(nextafterf(Float(x[0]), Float(x[1]))) : value(code, x)!
  }

  /// The result; nil for functions that the device has no plain formula for.
  private static func value(_ code: Opcode, _ x: [Double]) -> Double? {
    let a = x[0]
    let b = x.count > 1 ? x[1] : 0
    func truth(_ condition: Bool) -> Double { condition ? 1 : 0 }
    switch code {
    case .add: return a + b
    case .sub: return a - b
    case .mul: return a * b
    case .div: return a / b
    case .floorDiv:
      if b == 0 { return a / b }
      let rest = Glibc.fmod(a, b)
      let quotient = (a - rest) / b - (rest != 0 && (rest < 0) != (b < 0) ? 1 : 0)
      if quotient == 0 { return Glibc.copysign(0, a / b) }
      let whole = quotient.rounded(.down)
      return quotient - whole > 0.5 ? whole + 1 : whole
    case .truncDiv: return (a / b).rounded(.towardZero)
    case .remainder:
      let rest = Glibc.fmod(a, b)
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
    case .fmod: return Glibc.fmod(a, b)
    case .pow: return Glibc.pow(a, b)
    case .neg: return -a
    case .abs: return Swift.abs(a)
    case .sgn: return a.isNaN ? a : a > 0 ? 1 : a < 0 ? -1 : 0
    case .reciprocal: return 1 / a
    case .sqrt: return a.squareRoot()
    case .rsqrt: return 1 / a.squareRoot()
    case .minimum: return a.isNaN || b.isNaN ? .nan : Swift.min(a, b)
    case .maximum: return a.isNaN || b.isNaN ? .nan : Swift.max(a, b)
    case .fmin: return Glibc.fmin(a, b)
    case .fmax: return Glibc.fmax(a, b)
    case .atan2: return Glibc.atan2(a, b)
    case .hypot: return Glibc.hypot(a, b)
    case .copySign: return Glibc.copysign(a, b)
    case .nextAfter: return Glibc.nextafter(a, b)
    case .floor: return a.rounded(.down)
    case .ceil: return a.rounded(.up)
    case .trunc: return a.rounded(.towardZero)
    case .round: return a.rounded(.toNearestOrEven)
    case .exp: return Glibc.exp(a)
    case .exp2: return Glibc.exp2(a)
    case .expm1: return Glibc.expm1(a)
    case .log: return Glibc.log(a)
    case .log2: return Glibc.log2(a)
    case .log10: return Glibc.log10(a)
    case .log1p: return Glibc.log1p(a)
    case .sin: return Glibc.sin(a)
    case .cos: return Glibc.cos(a)
    case .tan: return Glibc.tan(a)
    case .asin: return Glibc.asin(a)
    case .acos: return Glibc.acos(a)
    case .atan: return Glibc.atan(a)
    case .sinh: return Glibc.sinh(a)
    case .cosh: return Glibc.cosh(a)
    case .tanh: return Glibc.tanh(a)
    case .asinh: return Glibc.asinh(a)
    case .acosh: return Glibc.acosh(a)
    case .atanh: return Glibc.atanh(a)
    case .sigmoid: return 1 / (1 + Glibc.exp(-a))
    case .erf: return Glibc.erf(a)
    case .erfc: return Glibc.erfc(a)
    case .lgamma: return Glibc.lgamma(a)
    case .besselJ0: return Glibc.j0(a)
    case .besselJ1: return Glibc.j1(a)
    case .besselY0: return Glibc.y0(a)
    case .besselY1: return Glibc.y1(a)
    case .eq: return truth(a == b)
    case .ne: return truth(a != b)
    case .lt: return truth(a < b)
    case .le: return truth(a <= b)
    case .gt: return truth(a > b)
    case .ge: return truth(a >= b)
    case .logicalAnd: return truth(a != 0 && b != 0)
    case .logicalOr: return truth(a != 0 || b != 0)
    case .logicalXor: return truth((a != 0) != (b != 0))
    case .logicalNot: return truth(a == 0)
    case .isNaN: return truth(a.isNaN)
    case .isInf: return truth(a.isInfinite)
    case .signBit: return truth(a.sign == .minus)
    case .select: return a != 0 ? b : x[2]
    case .conj, .real: return a
    case .imag: return 0
    case .angle: return a.isNaN ? a : a < 0 ? Double.pi : 0
    case .erfinv, .digamma, .polygamma, .i0, .i0e, .i1, .i1e, .erfcx, .ndtri, .zeta, .igamma, .igammac, .k0, .k1, .k0e,
      .k1e, .airyAi, .sphericalJ0, .chebyshevT, .chebyshevU, .chebyshevV, .chebyshevW, .hermiteH, .hermiteHe,
      .laguerreL, .legendreP, .bitwiseAnd, .bitwiseOr, .bitwiseXor, .bitwiseNot, .shiftLeft, .shiftRight, .gcd, .lcm,
      .complex, .gelu, .geluGrad, .geluTanh, .geluTanhGrad, .silu, .siluGrad, .tanhGrad, .sigmoidGrad, .relu,
      .reluGrad, .leakyRelu, .leakyReluGrad, .absGrad, .sqrtGrad, .erfGrad, .divisorGrad, .maximumGrad,
      .maximumGradOfSecond, .scaleShift:
      return nil
    }
  }
}
