import FlamebackKernels

/// Operations of integers; those of narrower types wrap when they are stored.
enum ReferenceInteger {
  static func knows(_ code: Opcode) -> Bool { apply(code, [1, 1, 1], isBool: false) != nil }

  /// The result; nil where there is none: a division by zero, or a function of real numbers.
  static func apply(_ code: Opcode, _ x: [Int], isBool: Bool) -> Int? {
    let a = x[0]
    let b = x.count > 1 ? x[1] : 0
    func truth(_ condition: Bool) -> Int { condition ? 1 : 0 }
    func floorDivision() -> Int {
      let (quotient, rest) = a.dividedReportingOverflow(by: b).overflow ? (a, 0) : a.quotientAndRemainder(dividingBy: b)
      return rest != 0 && (rest < 0) != (b < 0) ? quotient - 1 : quotient
    }
    switch code {
    case .add: return a &+ b
    case .sub: return a &- b
    case .mul: return a &* b
    case .floorDiv: return b == 0 ? nil : floorDivision()
    case .truncDiv: return b == 0 ? nil : a.dividedReportingOverflow(by: b).partialValue
    case .remainder: return b == 0 ? nil : a &- floorDivision() &* b
    case .fmod: return b == 0 ? nil : a.remainderReportingOverflow(dividingBy: b).partialValue
    case .pow:
      if b < 0 { return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0 }
      var (result, base, exponent) = (1, a, b)
      while exponent > 0 {
        if exponent & 1 == 1 { result = result &* base }
        base = base &* base
        exponent >>= 1
      }
      return result
    case .neg: return 0 &- a
    case .abs: return a < 0 ? 0 &- a : a
    case .sgn: return a.signum()
    case .minimum, .fmin: return min(a, b)
    case .maximum, .fmax: return max(a, b)
    case .floor, .ceil, .trunc, .round, .conj, .real: return a
    case .imag: return 0
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
    case .isNaN, .isInf: return 0
    case .signBit: return truth(a < 0)
    case .bitwiseAnd: return a & b
    case .bitwiseOr: return a | b
    case .bitwiseXor: return a ^ b
    case .bitwiseNot: return isBool ? truth(a == 0) : ~a
    case .shiftLeft: return b < 0 || b > 63 ? 0 : a << b
    case .shiftRight: return b < 0 || b > 63 ? (a < 0 ? -1 : 0) : a >> b
    case .gcd: return gcd(a, b)
    case .lcm:
      let divisor = gcd(a, b)
      return divisor == 0 ? 0 : Int(bitPattern: (a / divisor &* b).magnitude)
    case .select: return a != 0 ? b : x[2]
    case .div, .reciprocal, .sqrt, .rsqrt, .atan2, .hypot, .copySign, .nextAfter, .exp, .exp2, .expm1, .log, .log2,
      .log10, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .asinh, .acosh, .atanh, .sigmoid,
      .erf, .erfc, .erfinv, .lgamma, .digamma, .polygamma, .i0, .i0e, .i1, .i1e, .erfcx, .ndtri, .zeta, .igamma,
      .igammac, .besselJ0, .besselJ1, .besselY0, .besselY1, .k0, .k1, .k0e, .k1e, .airyAi, .sphericalJ0, .chebyshevT,
      .chebyshevU, .chebyshevV, .chebyshevW, .hermiteH, .hermiteHe, .laguerreL, .legendreP, .angle, .complex, .gelu,
      .geluGrad, .geluTanh, .geluTanhGrad, .silu, .siluGrad, .tanhGrad, .sigmoidGrad, .relu, .reluGrad, .leakyRelu,
      .leakyReluGrad, .absGrad, .sqrtGrad, .erfGrad, .divisorGrad, .maximumGrad, .maximumGradOfSecond, .scaleShift:
      return nil
    }
  }

  private static func gcd(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a.magnitude, b.magnitude)
    while b != 0 { (a, b) = (b, a % b) }
    return Int(bitPattern: a)
  }
}
