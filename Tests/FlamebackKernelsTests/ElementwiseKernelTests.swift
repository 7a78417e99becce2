import CKernels
import FlamebackKernels
import Foundation
import Testing

/// A tensor argument of a program: a buffer seen through a kind and strides.
struct KernelOperand {
  let buffer: KernelBuffer
  var kind = FB_LINEAR
  var strides: [Int64] = []
  var offset = 0

  /// The buffer's elements in row-major order over `shape`.
  func gathered(_ shape: [Int]) -> [Double] {
    let count = shape.reduce(1, *)
    return (0..<count).map { linear in
      if kind == FB_LINEAR { return buffer[offset + linear] }
      if kind == FB_SINGLE { return buffer[offset] }
      return buffer[offset + position(linear, shape)]
    }
  }

  func position(_ linear: Int, _ shape: [Int]) -> Int {
    var (rest, at) = (linear, 0)
    for d in shape.indices.reversed() {
      at += rest % shape[d] * Int(strides[d])
      rest /= shape[d]
    }
    return at
  }
}

/// Runs a program over `shape`, cut into the given ranges; returns its error bits.
@discardableResult
func runProgram(
  _ code: [(fb_opcode, [Int])], _ inputs: [KernelOperand], parameters: [Double] = [],
  into outputs: [KernelOperand], registers: [Int], compute: Int, shape: [Int], cuts: [Int] = []
) -> Int32 {
  let instructions = code.map { op, r in
    fb_instruction(
      op: UInt16(op.rawValue), a: UInt16(r[0]), b: UInt16(r.count > 1 ? r[1] : 0), c: UInt16(r.count > 2 ? r[2] : 0))
  }
  let scalars = parameters.map { fb_scalar(i: Int64(exactly: $0) ?? 0, re: $0, im: 0) }
  let strides = (inputs + outputs).map { operand -> UnsafeMutablePointer<Int64> in
    let p = UnsafeMutablePointer<Int64>.allocate(capacity: max(1, shape.count))
    for (d, stride) in operand.strides.enumerated() { p[d] = stride }
    return p
  }
  defer { strides.forEach { $0.deallocate() } }
  let operands = zip(inputs + outputs, strides).map { operand, strides in
    fb_operand(
      data: operand.buffer.data + operand.offset * operand.buffer.dtype.byteSize,
      dtype: Int32(operand.buffer.dtype.rawValue), kind: Int32(operand.kind), strides: UnsafePointer(strides))
  }
  let sizes = shape.map { Int64($0) }
  let ends = cuts + [shape.reduce(1, *)]
  var begin = 0
  var errors: Int32 = 0
  for end in ends {
    errors |= fb_elementwise(
      instructions, Int32(instructions.count), Array(operands[..<inputs.count]), Int32(inputs.count), scalars,
      Int32(scalars.count), Array(operands[inputs.count...]), registers.map { UInt16($0) }, Int32(outputs.count),
      Int32(compute), Int32(shape.count), sizes, Int64(begin), Int64(end))
    begin = end
  }
  return errors
}

/// One instruction on packed operands of one dtype.
func apply(_ op: fb_opcode, _ operands: [[Double]], _ dtype: DType, compute: Int) -> [Double] {
  let inputs = operands.map { KernelOperand(buffer: KernelBuffer(dtype, $0)) }
  let out = KernelBuffer(dtype, count: operands[0].count)
  let errors = runProgram(
    [(op, Array(0..<operands.count))], inputs, into: [KernelOperand(buffer: out)], registers: [operands.count],
    compute: compute, shape: [operands[0].count])
  #expect(errors == 0)
  return out.values
}

private let edges: [Double] = [
  0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, .nan, .infinity, -.infinity, 1e-40, -1e-40, 1e-30, 3e38, -3e38, 88, 89,
  -88, -104, 1e10, -1e10, 16_777_217, 1e20, 3.14159265, 1e-8, 709.5, -745,
]

@Suite struct ElementwiseKernelTests {
  static let unary: [(String, fb_opcode, Double, @Sendable (Double) -> Double)] = [
    ("neg", FB_OP_NEG, 0, { -$0 }), ("abs", FB_OP_ABS, 0, { abs($0) }), ("sqrt", FB_OP_SQRT, 0, { sqrt($0) }),
    ("sgn", FB_OP_SGN, 0, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }), ("reciprocal", FB_OP_RECIPROCAL, 0, { 1 / $0 }),
    ("rsqrt", FB_OP_RSQRT, 1, { 1 / sqrt($0) }), ("floor", FB_OP_FLOOR, 0, { floor($0) }),
    ("ceil", FB_OP_CEIL, 0, { ceil($0) }), ("trunc", FB_OP_TRUNC, 0, { trunc($0) }),
    ("round", FB_OP_ROUND, 0, { $0.rounded(.toNearestOrEven) }), ("exp", FB_OP_EXP, 1.5, { exp($0) }),
    ("exp2", FB_OP_EXP2, 1.5, { exp2($0) }), ("expm1", FB_OP_EXPM1, 1.5, { expm1($0) }),
    ("log", FB_OP_LOG, 1.5, { log($0) }), ("log2", FB_OP_LOG2, 1.5, { log2($0) }),
    ("log10", FB_OP_LOG10, 1.5, { log10($0) }), ("log1p", FB_OP_LOG1P, 1.5, { log1p($0) }),
    ("sin", FB_OP_SIN, 1.5, { sin($0) }), ("cos", FB_OP_COS, 1.5, { cos($0) }), ("tan", FB_OP_TAN, 1.5, { tan($0) }),
    ("asin", FB_OP_ASIN, 1.5, { asin($0) }), ("acos", FB_OP_ACOS, 1.5, { acos($0) }),
    ("atan", FB_OP_ATAN, 1.5, { atan($0) }), ("sinh", FB_OP_SINH, 2, { sinh($0) }),
    ("cosh", FB_OP_COSH, 2, { cosh($0) }), ("tanh", FB_OP_TANH, 1.5, { tanh($0) }),
    ("asinh", FB_OP_ASINH, 2, { asinh($0) }), ("acosh", FB_OP_ACOSH, 2, { acosh($0) }),
    ("atanh", FB_OP_ATANH, 2, { atanh($0) }), ("erf", FB_OP_ERF, 2, { erf($0) }), ("erfc", FB_OP_ERFC, 2, { erfc($0) }),
    ("lgamma", FB_OP_LGAMMA, 3, { lgamma($0) }), ("isnan", FB_OP_ISNAN, 0, { $0.isNaN ? 1 : 0 }),
    ("isinf", FB_OP_ISINF, 0, { $0.isInfinite ? 1 : 0 }), ("signbit", FB_OP_SIGNBIT, 0, { $0.sign == .minus ? 1 : 0 }),
    ("not", FB_OP_LOGICAL_NOT, 0, { $0 == 0 ? 1 : 0 }),
    ("angle", FB_OP_ANGLE, 0.5, { $0.isNaN ? $0 : $0 < 0 ? .pi : 0 }),
    (
      "sigmoid", FB_OP_SIGMOID, 2,
      { x in
        let e = exp(-abs(x))
        return x < 0 ? e / (1 + e) : 1 / (1 + e)
      }
    ),
  ]

  @Test(arguments: unary.indices) func functionsOfOneNumber(_ index: Int) {
    let (name, op, tolerance, reference) = Self.unary[index]
    var numbers = KernelDraws(seed: UInt64(index + 1))
    let samples = edges + numbers.list(300, scale: 1) + numbers.list(300, scale: 20) + numbers.list(100, scale: 1e6)
    for (dtype, compute) in [(DType.float32, FB_COMPUTE_F32), (.float64, FB_COMPUTE_F64)] {
      let x = KernelBuffer(dtype, samples).values
      let got = apply(op, [x], dtype, compute: compute)
      for (x, y) in zip(x, got) {
        var want = reference(x)
        if dtype == .float32 { want = Double(Float(want)) }
        let nearPole = op == FB_OP_LGAMMA && x < 0  // the value there is a difference of large ones
        #expect(ulps(y, want, dtype) <= tolerance || (nearPole && abs(y - want) < 1e-5), "\(name)(\(x)) = \(y)")
        if want == 0 && !nearPole && name != "sgn" { #expect(y.sign == want.sign, "\(name)(\(x)) = \(y)") }
      }
    }
  }

  static let binary: [(String, fb_opcode, Double, @Sendable (Double, Double) -> Double)] = [
    ("add", FB_OP_ADD, 0, { $0 + $1 }), ("sub", FB_OP_SUB, 0, { $0 - $1 }), ("mul", FB_OP_MUL, 0, { $0 * $1 }),
    ("div", FB_OP_DIV, 0, { $0 / $1 }), ("pow", FB_OP_POW, 1.5, { pow($0, $1) }),
    ("fmod", FB_OP_FMOD, 0, { fmod($0, $1) }), ("atan2", FB_OP_ATAN2, 1.5, { atan2($0, $1) }),
    ("hypot", FB_OP_HYPOT, 1, { hypot($0, $1) }), ("copysign", FB_OP_COPYSIGN, 0, { copysign($0, $1) }),
    (
      "remainder", FB_OP_REMAINDER, 1,
      { a, b in
        let r = fmod(a, b)
        return r != 0 && (b < 0) != (r < 0) ? r + b : r
      }
    ),
    ("minimum", FB_OP_MINIMUM, 0, { $0.isNaN || $1.isNaN ? .nan : $0 < $1 ? $0 : $1 }),
    ("maximum", FB_OP_MAXIMUM, 0, { $0.isNaN || $1.isNaN ? .nan : $0 > $1 ? $0 : $1 }),
    ("fmin", FB_OP_FMIN, 0, { $0.isNaN ? $1 : $1.isNaN ? $0 : $0 < $1 ? $0 : $1 }),
    ("fmax", FB_OP_FMAX, 0, { $0.isNaN ? $1 : $1.isNaN ? $0 : $0 > $1 ? $0 : $1 }),
    ("eq", FB_OP_EQ, 0, { $0 == $1 ? 1 : 0 }), ("ne", FB_OP_NE, 0, { $0 != $1 ? 1 : 0 }),
    ("lt", FB_OP_LT, 0, { $0 < $1 ? 1 : 0 }), ("le", FB_OP_LE, 0, { $0 <= $1 ? 1 : 0 }),
    ("gt", FB_OP_GT, 0, { $0 > $1 ? 1 : 0 }), ("ge", FB_OP_GE, 0, { $0 >= $1 ? 1 : 0 }),
    ("and", FB_OP_LOGICAL_AND, 0, { $0 != 0 && $1 != 0 ? 1 : 0 }),
    ("or", FB_OP_LOGICAL_OR, 0, { $0 != 0 || $1 != 0 ? 1 : 0 }),
    ("xor", FB_OP_LOGICAL_XOR, 0, { ($0 != 0) != ($1 != 0) ? 1 : 0 }),
  ]

  @Test(arguments: binary.indices) func functionsOfTwoNumbers(_ index: Int) {
    let (name, op, tolerance, reference) = Self.binary[index]
    var numbers = KernelDraws(seed: UInt64(index + 1))
    let samples = edges + numbers.list(60, scale: 1) + numbers.list(60, scale: 50)
    let pairs = samples.flatMap { a in samples.map { (a, $0) } }
    for (dtype, compute) in [(DType.float32, FB_COMPUTE_F32), (.float64, FB_COMPUTE_F64)] {
      let a = KernelBuffer(dtype, pairs.map(\.0)).values
      let b = KernelBuffer(dtype, pairs.map(\.1)).values
      let got = apply(op, [a, b], dtype, compute: compute)
      var worst = (0.0, 0)
      for i in a.indices {
        var want = reference(a[i], b[i])
        if dtype == .float32 { want = Double(Float(want)) }
        let distance = ulps(got[i], want, dtype)
        if distance > worst.0 { worst = (distance, i) }
      }
      let i = worst.1
      #expect(worst.0 <= tolerance, "\(name)(\(a[i]), \(b[i])) = \(got[i])")
    }
  }

  @Test func floorDivisionRoundsDown() {
    let a = [5.0, -5, 7.5, -1, 1, -0.0, 3, 0, 1, -7]
    let b = [3.0, 3, -2, -1.52, -.infinity, 3, 0, 0, .infinity, 2]
    let want = [1, -2, -4, 0, -1, -0.0, .infinity, .nan, 0, -4]
    for (dtype, compute) in [(DType.float32, FB_COMPUTE_F32), (.float64, FB_COMPUTE_F64)] {
      let got = apply(FB_OP_FLOORDIV, [a, b], dtype, compute: compute)
      for (x, y) in zip(got, want) { #expect(ulps(x, y, dtype) == 0 && (x.isNaN || x.sign == y.sign)) }
    }
  }

  /// Values from mpmath; the poles as PyTorch has them.
  @Test func specialFunctions() {
    let table: [(fb_opcode, [Double], Double)] = [
      (FB_OP_ERFINV, [0.5], 0.4769362762044699), (FB_OP_ERFINV, [-0.75], -0.8134198475976185),
      (FB_OP_ERFINV, [1], .infinity), (FB_OP_ERFINV, [1.5], .nan), (FB_OP_DIGAMMA, [1], -0.5772156649015329),
      (FB_OP_DIGAMMA, [-1.5], 0.7031566406452432), (FB_OP_DIGAMMA, [0], -.infinity), (FB_OP_DIGAMMA, [-1], .nan),
      (FB_OP_POLYGAMMA, [1, 1], 1.6449340668482264), (FB_OP_POLYGAMMA, [2, 1], -2.4041138063191886),
      (FB_OP_POLYGAMMA, [0, 1], -0.5772156649015329), (FB_OP_POLYGAMMA, [3, 2.5], 0.22390584881725209),
      (FB_OP_I0, [1], 1.2660658777520084), (FB_OP_I0, [20], 43558282.559553534),
      (FB_OP_I0E, [100], 0.03994437929909668),
      (FB_OP_I1, [1], 0.5651591039924851), (FB_OP_I1, [-3], -3.95337021740261), (FB_OP_I1E, [10], 0.1212626813844555),
      (FB_OP_NEXTAFTER, [1, 2], 1 + 0x1p-52),
    ]
    for (op, x, want) in table {
      let got = apply(op, x.map { [$0] }, .float64, compute: FB_COMPUTE_F64)[0]
      #expect(ulps(got, want, .float64) < 40, "\(op) \(x): \(got) instead of \(want)")
      if op == FB_OP_NEXTAFTER { continue }
      let single = apply(op, x.map { [$0] }, .float32, compute: FB_COMPUTE_F32)[0]
      #expect(ulps(single, Double(Float(want)), .float32) < 4, "\(op) \(x): \(single) instead of \(want)")
    }
  }

  @Test func selectTouchesOnlyWhatItPicks() {
    let got = apply(
      FB_OP_SELECT, [[1, 0, .nan, -0.0], [1, .nan, 3, .nan], [.nan, 2, .nan, 4]], .float32, compute: FB_COMPUTE_F32)
    #expect(got == [1, 2, 3, 4])
  }
}
