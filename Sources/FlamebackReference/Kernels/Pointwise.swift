import FlamebackCore
import FlamebackKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Elementwise functions by walking through their expressions, a whole array at each step.
extension Primitives.Pointwise: ReferenceKernel {
  package func takes(_ inputs: [TensorSpec]) -> Bool {
    guard let compute = try? types(inputs.lazy.map { ($0.dtype, $0.shape.count) }).compute else { return false }
    if compute == .uint64 { return false }  // the device computes with Int
    return function.expression.steps.allSatisfy { step in
      guard case .operation(let opcode, _) = step.kind else { return true }
      switch compute.category {
      case .bool, .integer: return ReferenceInteger.knows(opcode)
      case .floating: return ReferenceReal.knows(opcode)
      case .complex: return ReferenceComplex.knows(opcode)
      }
    }
  }

  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError) {
    let compute = try types(inputs.lazy.map { ($0.dtype, $0.shape.count) }).compute
    let shape = outputs[0].shape
    let operands = inputs.map { x in
      ReferenceArray(
        base: x.base, dtype: x.dtype, shape: shape,
        strides: Layout(shape: x.shape, strides: x.strides).expanded(to: shape)!.strides)
    }
    let count = outputs[0].count
    switch compute.category {
    case .bool, .integer:
      let columns = self.columns(operands.map(\.integers), count) { $0.int }
      let isBool = compute == .bool
      outputs[0].store(
        .integers(
          try evaluate(columns, count, { $0.int }) { (code, args) throws(OpError) in
            guard let value = ReferenceInteger.apply(code, args, isBool: isBool) else {
              throw OpError(name, "integer division by zero")
            }
            return value
          }))
    case .floating:
      let isDouble = compute == .float64
      func rounded(_ x: Double) -> Double { isDouble ? x : Double(Float(x)) }
      let columns = self.columns(operands.map(\.reals), count) { rounded($0.double) }
      outputs[0].store(
        .reals(
          try evaluate(columns, count, { rounded($0.double) }) { (code, args) throws(OpError) in
            rounded(isDouble ? ReferenceReal.apply(code, args) : ReferenceReal.single(code, args))
          }))
    case .complex:
      let columns = self.columns(operands.map(\.complexes), count) { Complex($0.double, $0.imaginary) }
      outputs[0].store(
        .complexes(
          try evaluate(columns, count, { Complex($0.double, $0.imaginary) }) { (code, args) throws(OpError) in
            ReferenceComplex.apply(code, args)
          }))
    }
  }

  /// The function's arguments in their order: tensors, and numbers repeated.
  private func columns<T>(_ tensors: [[T]], _ count: Int, _ number: (Scalar) -> T) -> [[T]] {
    var (nextTensor, nextScalar) = (0, 0)
    return (0..<function.arity).map { i in
      if scalarMask & (1 << UInt64(i)) != 0 {
        nextScalar += 1
        return Array(repeating: number(scalars[nextScalar - 1]), count: count)
      }
      nextTensor += 1
      return tensors[nextTensor - 1]
    }
  }

  private func evaluate<T>(
    _ columns: [[T]], _ count: Int, _ number: (Scalar) -> T, _ apply: (Opcode, [T]) throws(OpError) -> T
  ) throws(OpError) -> [T] {
    var known: [ObjectIdentifier: [T]] = [:]
    for step in function.expression.steps {
      let values: [T]
      switch step.kind {
      case .input(let i): values = columns[i]
      case .constant(let value): values = Array(repeating: number(value), count: count)
      case .parameter, .result: preconditionFailure("only programs have parameters")
      case .operation(let opcode, let args):
        let operands = args.map { known[ObjectIdentifier($0.node)]! }
        var results: [T] = []
        results.reserveCapacity(count)
        for i in 0..<count { results.append(try apply(opcode, operands.map { $0[i] })) }
        values = results
      }
      known[ObjectIdentifier(step.node)] = values
    }
    return known[ObjectIdentifier(function.expression.node)]!
  }
}

extension Expression {
  /// The parts of the expression, each once, operands before what is computed from them.
  fileprivate var steps: [Expression] {
    var steps: [Expression] = []
    var done: Set<ObjectIdentifier> = []
    var stack: [(Expression, isReady: Bool)] = [(self, false)]
    while let (expression, isReady) = stack.popLast() {
      if done.contains(ObjectIdentifier(expression.node)) { continue }
      if case .operation(_, let args) = expression.kind, !isReady {
        stack.append((expression, true))
        for arg in args { stack.append((arg, false)) }
        continue
      }
      done.insert(ObjectIdentifier(expression.node))
      steps.append(expression)
    }
    return steps
  }
}

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

/// Operations of real numbers, in double precision.
enum ReferenceReal {
  static func knows(_ code: Opcode) -> Bool { value(code, [1, 1, 1]) != nil }

  static func apply(_ code: Opcode, _ x: [Double]) -> Double { value(code, x)! }

  /// The same where the numbers are float32 and the result depends on that.
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
