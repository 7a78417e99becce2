import CKernels

/// An operation of the elementwise engine. The numbers are those of `fb_opcode` in CKernels.
///
/// A switch over opcodes has no default: a new operation shows every place that must know it.
public enum Opcode: UInt16, CaseIterable, Sendable {
  case add, sub, mul, div, floorDiv, truncDiv, remainder, fmod, pow, neg, abs, sgn, reciprocal, sqrt, rsqrt
  case minimum, maximum, fmin, fmax, atan2, hypot, copySign, nextAfter, floor, ceil, trunc, round, exp, exp2
  case expm1, log, log2, log10, log1p, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh
  case sigmoid, erf, erfc, erfinv, lgamma, digamma, polygamma, i0, i0e, i1, i1e, erfcx, ndtri, zeta, igamma
  case igammac, besselJ0, besselJ1, besselY0, besselY1, k0, k1, k0e, k1e, airyAi, sphericalJ0, chebyshevT
  case chebyshevU, chebyshevV, chebyshevW, hermiteH, hermiteHe, laguerreL, legendreP, eq, ne, lt, le, gt, ge
  case logicalAnd, logicalOr, logicalXor, logicalNot, isNaN, isInf, signBit, bitwiseAnd, bitwiseOr, bitwiseXor
  case bitwiseNot, shiftLeft, shiftRight, gcd, lcm, select, conj, real, imag, angle, complex

  // Whole functions, and gradients (of g, then what they read), in one step. Expressions do not contain them; a program
  // may have one beside its steps.
  case gelu, geluGrad, geluTanh, geluTanhGrad, silu, siluGrad, tanhGrad, sigmoidGrad, relu, reluGrad, leakyRelu
  case leakyReluGrad, absGrad, sqrtGrad, erfGrad, divisorGrad, maximumGrad, maximumGradOfSecond, scaleShift

  /// How many operands it takes.
  package var arity: Int {
    switch self {
    case .neg, .abs, .sgn, .reciprocal, .sqrt, .rsqrt, .floor, .ceil, .trunc, .round, .exp, .exp2, .expm1, .log, .log2,
      .log10, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .asinh, .acosh, .atanh, .sigmoid,
      .erf, .erfc, .erfinv, .lgamma, .digamma, .i0, .i0e, .i1, .i1e, .erfcx, .ndtri, .besselJ0, .besselJ1, .besselY0,
      .besselY1, .k0, .k1, .k0e, .k1e, .airyAi, .sphericalJ0, .logicalNot, .isNaN, .isInf, .signBit, .bitwiseNot,
      .conj, .real, .imag, .angle, .gelu, .geluTanh, .silu, .relu:
      1
    case .add, .sub, .mul, .div, .floorDiv, .truncDiv, .remainder, .fmod, .pow, .minimum, .maximum, .fmin, .fmax,
      .atan2, .hypot, .copySign, .nextAfter, .polygamma, .zeta, .igamma, .igammac, .chebyshevT, .chebyshevU,
      .chebyshevV, .chebyshevW, .hermiteH, .hermiteHe, .laguerreL, .legendreP, .eq, .ne, .lt, .le, .gt, .ge,
      .logicalAnd, .logicalOr, .logicalXor, .bitwiseAnd, .bitwiseOr, .bitwiseXor, .shiftLeft, .shiftRight, .gcd,
      .lcm, .complex, .geluGrad, .geluTanhGrad, .siluGrad, .tanhGrad, .sigmoidGrad, .reluGrad, .leakyRelu, .absGrad,
      .sqrtGrad, .erfGrad:
      2
    case .select, .leakyReluGrad, .divisorGrad, .maximumGrad, .maximumGradOfSecond, .scaleShift:
      3
    }
  }
}

extension fb_instruction {
  /// An operation on registers; those beyond its arity are not read.
  package init(_ opcode: Opcode, _ a: UInt16 = 0, _ b: UInt16 = 0, _ c: UInt16 = 0) {
    self.init(op: opcode.rawValue, a: a, b: b, c: c)
  }
}
