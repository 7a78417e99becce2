import FlamebackKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Operations of complex numbers.
enum ReferenceComplex {
  static func knows(_ code: Opcode) -> Bool { value(code, [Complex(1), Complex(1), Complex(1)]) != nil }

  static func apply(_ code: Opcode, _ x: [Complex<Double>]) -> Complex<Double> { value(code, x)! }

  /// The result; nil for functions that the device has no plain formula for.
  private static func value(_ code: Opcode, _ x: [Complex<Double>]) -> Complex<Double>? {
    let a = x[0]
    let b = x.count > 1 ? x[1] : Complex(0)
    func truth(_ condition: Bool) -> Complex<Double> { Complex(condition ? 1 : 0) }
    func isNonzero(_ z: Complex<Double>) -> Bool { z.real != 0 || z.imaginary != 0 }
    func size(_ z: Complex<Double>) -> Double { Glibc.hypot(z.real, z.imaginary) }
    func quotient(_ a: Complex<Double>, _ b: Complex<Double>) -> Complex<Double> {
      let square = b.real * b.real + b.imaginary * b.imaginary
      let product = a.times(Complex(b.real, -b.imaginary))
      return Complex(product.real / square, product.imaginary / square)
    }
    func exponential(_ z: Complex<Double>) -> Complex<Double> {
      Complex(Glibc.cos(z.imaginary), Glibc.sin(z.imaginary)).scaled(Glibc.exp(z.real))
    }
    func logarithm(_ z: Complex<Double>) -> Complex<Double> {
      Complex(Glibc.log(size(z)), Glibc.atan2(z.imaginary, z.real))
    }
    func root(_ z: Complex<Double>) -> Complex<Double> {
      let real = ((size(z) + Swift.abs(z.real)) / 2).squareRoot()
      if real == 0 { return Complex(0, z.imaginary) }
      let other = Swift.abs(z.imaginary) / (2 * real)
      return z.real >= 0
        ? Complex(real, Glibc.copysign(other, z.imaginary)) : Complex(other, Glibc.copysign(real, z.imaginary))
    }
    func hyperbolicTangent(_ z: Complex<Double>) -> Complex<Double> {
      if Swift.abs(z.real) > 20 { return Complex(z.real > 0 ? 1 : -1, 0) }
      let divisor = Glibc.cosh(2 * z.real) + Glibc.cos(2 * z.imaginary)
      return Complex(Glibc.sinh(2 * z.real) / divisor, Glibc.sin(2 * z.imaginary) / divisor)
    }
    switch code {
    case .add: return Complex(a.real + b.real, a.imaginary + b.imaginary)
    case .sub: return Complex(a.real - b.real, a.imaginary - b.imaginary)
    case .mul: return a.times(b)
    case .div: return quotient(a, b)
    case .neg: return Complex(-a.real, -a.imaginary)
    case .reciprocal: return quotient(Complex(1), a)
    case .abs: return Complex(size(a))
    case .sgn: return size(a) == 0 ? Complex(0) : Complex(a.real / size(a), a.imaginary / size(a))
    case .angle: return Complex(Glibc.atan2(a.imaginary, a.real))
    case .conj: return Complex(a.real, -a.imaginary)
    case .real: return Complex(a.real)
    case .imag: return Complex(a.imaginary)
    case .complex: return Complex(a.real, b.real)
    case .exp: return exponential(a)
    case .log: return logarithm(a)
    case .log2: return logarithm(a).scaled(1 / Glibc.log(2))
    case .log10: return logarithm(a).scaled(1 / Glibc.log(10))
    case .log1p: return logarithm(Complex(1 + a.real, a.imaginary))
    case .expm1:
      let power = exponential(a)
      return Complex(power.real - 1, power.imaginary)
    case .exp2: return exponential(a.scaled(Glibc.log(2)))
    case .pow:
      if !isNonzero(a) { return isNonzero(b) ? Complex(0) : Complex(1) }
      return exponential(b.times(logarithm(a)))
    case .sqrt: return root(a)
    case .rsqrt: return quotient(Complex(1), root(a))
    case .sigmoid:
      let power = exponential(Complex(-a.real, -a.imaginary))
      return quotient(Complex(1), Complex(1 + power.real, power.imaginary))
    case .sin:
      return Complex(
        Glibc.sin(a.real) * Glibc.cosh(a.imaginary), Glibc.cos(a.real) * Glibc.sinh(a.imaginary))
    case .cos:
      return Complex(
        Glibc.cos(a.real) * Glibc.cosh(a.imaginary), -Glibc.sin(a.real) * Glibc.sinh(a.imaginary))
    case .tan:
      let turned = hyperbolicTangent(Complex(-a.imaginary, a.real))  // tan z = −i tanh(iz)
      return Complex(turned.imaginary, -turned.real)
    case .tanh: return hyperbolicTangent(a)
    case .sinh:
      return Complex(
        Glibc.sinh(a.real) * Glibc.cos(a.imaginary), Glibc.cosh(a.real) * Glibc.sin(a.imaginary))
    case .cosh:
      return Complex(
        Glibc.cosh(a.real) * Glibc.cos(a.imaginary), Glibc.sinh(a.real) * Glibc.sin(a.imaginary))
    case .eq: return truth(a == b)
    case .ne: return truth(a != b)
    case .isNaN: return truth(a.real.isNaN || a.imaginary.isNaN)
    case .isInf: return truth(a.real.isInfinite || a.imaginary.isInfinite)
    case .logicalAnd: return truth(isNonzero(a) && isNonzero(b))
    case .logicalOr: return truth(isNonzero(a) || isNonzero(b))
    case .logicalXor: return truth(isNonzero(a) != isNonzero(b))
    case .logicalNot: return truth(!isNonzero(a))
    case .select: return isNonzero(a) ? b : x[2]
    case .floorDiv, .truncDiv, .remainder, .fmod, .minimum, .maximum, .fmin, .fmax, .atan2, .hypot,
      .copySign, .nextAfter, .floor, .ceil, .trunc, .round,
      .asin, .acos, .atan, .asinh, .acosh, .atanh, .erf, .erfc, .erfinv, .lgamma,
      .digamma, .polygamma, .i0, .i0e, .i1, .i1e, .erfcx, .ndtri, .zeta, .igamma, .igammac, .besselJ0, .besselJ1,
      .besselY0, .besselY1, .k0, .k1, .k0e, .k1e, .airyAi, .sphericalJ0, .chebyshevT, .chebyshevU, .chebyshevV,
      .chebyshevW, .hermiteH, .hermiteHe, .laguerreL, .legendreP, .lt, .le, .gt, .ge, .signBit, .bitwiseAnd,
      .bitwiseOr, .bitwiseXor, .bitwiseNot, .shiftLeft, .shiftRight, .gcd, .lcm, .gelu, .geluGrad, .geluTanh,
      .geluTanhGrad, .silu, .siluGrad, .tanhGrad, .sigmoidGrad, .relu, .reluGrad, .leakyRelu, .leakyReluGrad, .absGrad,
      .sqrtGrad, .erfGrad, .divisorGrad, .maximumGrad, .maximumGradOfSecond, .scaleShift:
      return nil
    }
  }
}
