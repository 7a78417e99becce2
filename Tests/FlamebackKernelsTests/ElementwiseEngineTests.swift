import CKernels
import FlamebackKernels
import Foundation
import Testing

/// The interpreter around the kernels: dtypes, operands of every kind, tiles, aliases, errors.
@Suite struct ElementwiseEngineTests {
  static let computes: [DType: Int] = Dictionary(
    uniqueKeysWithValues: DType.allCases.map { ($0, Int($0.arithmetic.rawValue)) })

  /// What a value becomes in a dtype, by Swift's own conversions.
  private func converted(_ value: Double, _ dtype: DType) -> Double {
    switch dtype {
    case .bool: value != 0 ? 1 : 0
    case .uint8: Double(UInt8(truncatingIfNeeded: Int64(value)))
    case .int8: Double(Int8(truncatingIfNeeded: Int64(value)))
    case .int16: Double(Int16(truncatingIfNeeded: Int64(value)))
    case .int32: Double(Int32(truncatingIfNeeded: Int64(value)))
    case .int64: Double(Int64(value))
    case .uint16: Double(UInt16(truncatingIfNeeded: Int64(value)))
    case .uint32: Double(UInt32(truncatingIfNeeded: Int64(value)))
    case .uint64: Double(value < 0 ? UInt64(bitPattern: Int64(value)) : UInt64(value))
    case .float8E4M3FN: Double(Float8E4M3FN(Float(value)).float)
    case .float8E5M2: Double(Float8E5M2(Float(value)).float)
    case .complex32: Double(Float16(Float(value)))
    case .float16: Double(Float16(Float(value)))
    case .bfloat16: Double(BFloat16(Float(value)).float)
    case .float32, .complex64: Double(Float(value))
    case .float64, .complex128: value
    }
  }

  @Test(arguments: DType.allCases) func convertsToEveryType(_ from: DType) {
    let numbers: [Double] = [0, 1, -1, 2.5, -2.5, 300.75, -300.25, 65504, 1e-8, 1.00390625, 1.01171875, 127, 255, -129]
    for count in [0, 1, 7, 14, 511, 512, 513, 1500] {
      // Doubles do not hold what negative numbers are as uint64, nor integers what floats of 8 bits make of large ones.
      let fitting = from.family == .float8 ? numbers.filter { abs($0) < 400 } : numbers
      let source = KernelBuffer(
        from,
        (0..<count).map { i in
          let number = fitting[i % fitting.count]
          return from == .uint64 ? abs(number) : number
        })
      for to in DType.allCases {
        let compute =
          from.isComplex || to.isComplex
          ? (from == .complex128 || to == .complex128 || from == .float64 ? 4 : 3)
          : Self.computes[from]!
        let out = KernelBuffer(to, count: count)
        runProgram(
          [], [KernelOperand(buffer: source)], into: [KernelOperand(buffer: out)], registers: [0], compute: compute,
          shape: [count])
        #expect(out.values == source.values.map { converted($0, to) }, "\(from) to \(to)")
      }
    }
  }

  @Test func convertsWhatDoesNotFitAsPyTorchDoes() {
    let source = KernelBuffer(.float32, [3e9, -3e9, .nan, .infinity, -5.5, 300.7, 65519, 65520, 70000])
    func convert(_ dtype: DType) -> [Double] {
      let out = KernelBuffer(dtype, count: source.count)
      runProgram(
        [], [KernelOperand(buffer: source)], into: [KernelOperand(buffer: out)], registers: [0],
        compute: FB_COMPUTE_F32, shape: [source.count])
      return out.values
    }
    let least = -2_147_483_648.0
    #expect(convert(.int32) == [least, least, least, least, -5, 300, 65519, 65520, 70000])
    #expect(convert(.uint8) == [0, 0, 0, 0, 251, 44, 239, 240, 112])
    #expect(convert(.bool) == [1, 1, 1, 1, 1, 1, 1, 1, 1])
    let half = convert(.float16)
    #expect(half[0] == .infinity && half[2].isNaN && half[6] == 65504 && half[7] == .infinity)
    #expect(convert(.bfloat16)[2].isNaN)
  }

  @Test func integersFollowPythonAndWrap() {
    let a: [Double] = [7, -7, 7, -7, 0, 127, -128]
    let b: [Double] = [3, 3, -3, -3, 5, 2, -1]
    func run(_ op: fb_opcode) -> [Double] { apply(op, [a, b], .int8, compute: FB_COMPUTE_I64) }
    #expect(run(FB_OP_FLOORDIV) == [2, -3, -3, 2, 0, 63, -128])
    #expect(run(FB_OP_TRUNCDIV) == [2, -2, -2, 2, 0, 63, -128])
    #expect(run(FB_OP_REMAINDER) == [1, 2, -2, -1, 0, 1, 0])
    #expect(run(FB_OP_FMOD) == [1, -1, 1, -1, 0, 1, 0])
    #expect(run(FB_OP_ADD) == [10, -4, 4, -10, 5, -127, 127])
    #expect(run(FB_OP_GCD) == [1, 1, 1, 1, 5, 1, 1])
    #expect(run(FB_OP_LCM) == [21, 21, 21, 21, 0, -2, -128])
    let powers = apply(FB_OP_POW, [[0, 1, -1, 2, -1, 3], [-1, -5, -5, -2, -4, 4]], .int64, compute: FB_COMPUTE_I64)
    #expect(powers == [0, 1, -1, 0, 1, 81])
    let shifts: [[Double]] = [[-8, 8, -8, 8, 1, 3], [-1, -1, 70, 70, 62, 1]]
    #expect(apply(FB_OP_SHIFT_LEFT, shifts, .int64, compute: FB_COMPUTE_I64) == [0, 0, 0, 0, 0x1p62, 6])
    #expect(apply(FB_OP_SHIFT_RIGHT, shifts, .int64, compute: FB_COMPUTE_I64) == [-1, 0, -1, 0, 0, 1])
    let least = KernelOperand(buffer: KernelBuffer(.int64, [-0x1p63]))
    let out = KernelOperand(buffer: KernelBuffer(.int64, count: 1))
    runProgram(
      [(FB_OP_FLOORDIV, [0, 1])], [least], parameters: [-1], into: [out], registers: [2], compute: FB_COMPUTE_I64,
      shape: [1])
    #expect(out.buffer.values == [-0x1p63])
  }

  @Test func reportsErrorsInsteadOfTrapping() {
    let a = KernelOperand(buffer: KernelBuffer(.int32, [1, 2, 3]))
    let b = KernelOperand(buffer: KernelBuffer(.int32, [1, 0, 2]))
    for op in [FB_OP_FLOORDIV, FB_OP_TRUNCDIV, FB_OP_REMAINDER, FB_OP_FMOD] {
      let out = KernelOperand(buffer: KernelBuffer(.int32, count: 3))
      let errors = runProgram(
        [(op, [0, 1])], [a, b], into: [out], registers: [2], compute: FB_COMPUTE_I64, shape: [3])
      #expect(errors == Int32(FB_ERROR_DIVISION_BY_ZERO) && out.buffer[1] == 0 && out.buffer[0] <= 1)
    }
    let out = KernelOperand(buffer: KernelBuffer(.int32, count: 3))
    let errors = runProgram([(FB_OP_SIN, [0])], [a], into: [out], registers: [1], compute: FB_COMPUTE_I64, shape: [3])
    #expect(errors == Int32(FB_ERROR_UNSUPPORTED))
  }

  /// 2a + b with every combination of operand kinds, around the borders of tiles, in pieces.
  @Test(arguments: [0, 1, 8, 511, 512, 513, 1025, 1500]) func operandsOfEveryKind(_ count: Int) {
    for dtype in [DType.float32, .float64, .int16, .bfloat16, .complex64] {
      var numbers = KernelDraws(seed: UInt64(count + 1))
      func values(_ n: Int) -> [Double] { (0..<n).map { _ in Double(numbers.below(64)) - 32 } }
      let linear = KernelOperand(buffer: KernelBuffer(dtype, values(count)))
      let single = KernelOperand(buffer: KernelBuffer(dtype, [3]), kind: FB_SINGLE)
      let strided = KernelOperand(buffer: KernelBuffer(dtype, values(3 * count)), kind: FB_STRIDED, strides: [3])
      let reversed = KernelOperand(
        buffer: KernelBuffer(dtype, values(2 * count + 1)), kind: FB_STRIDED, strides: [-2], offset: 2 * count)
      let repeated = KernelOperand(buffer: KernelBuffer(dtype, [-5]), kind: FB_STRIDED, strides: [0])
      let operands = [linear, single, strided, reversed, repeated]
      for a in operands {
        for b in operands {
          let want = zip(a.gathered([count]), b.gathered([count])).map { 2 * $0 + $1 }
          let packed = KernelOperand(buffer: KernelBuffer(dtype, count: count))
          let spread = KernelOperand(buffer: KernelBuffer(dtype, count: 2 * count), kind: FB_STRIDED, strides: [2])
          runProgram(
            [(FB_OP_MUL, [0, 2]), (FB_OP_ADD, [3, 1])], [a, b], parameters: [2], into: [packed, spread],
            registers: [4, 4], compute: Self.computes[dtype]!, shape: [count], cuts: [count / 3, count / 2])
          #expect(packed.buffer.values == want)
          #expect(spread.gathered([count]) == want)
        }
      }
    }
  }

  @Test(arguments: 0..<40) func stridedShapes(_ seed: Int) {
    var numbers = KernelDraws(seed: UInt64(seed + 1))
    let shape = (0..<numbers.below(6)).map { _ in [1, 2, 3, 5, 17][numbers.below(5)] }
    let count = shape.reduce(1, *)
    /// A permuted, gapped, partly broadcast, partly reversed view.
    func view(broadcast: Bool) -> KernelOperand {
      var strides = [Int64](repeating: 0, count: shape.count)
      var (extent, offset) = (1, 0)
      for d in shape.indices.sorted(by: { ($0 * 7 + seed) % 5 < ($1 * 7 + seed) % 5 }) {
        if broadcast && numbers.below(4) == 0 { continue }
        let step = extent + numbers.below(2)
        strides[d] = Int64(step)
        extent = step * shape[d]
        if numbers.below(4) == 0 {
          offset += step * (shape[d] - 1)
          strides[d] = -strides[d]
        }
      }
      let values = (0..<extent + 1).map { _ in Double(numbers.below(1000)) }
      return KernelOperand(buffer: KernelBuffer(.float32, values), kind: FB_STRIDED, strides: strides, offset: offset)
    }
    let (a, b, out) = (view(broadcast: true), view(broadcast: true), view(broadcast: false))
    let want = zip(a.gathered(shape), b.gathered(shape)).map { $0 - $1 }
    runProgram(
      [(FB_OP_SUB, [0, 1])], [a, b], into: [out], registers: [2], compute: FB_COMPUTE_F32, shape: shape,
      cuts: [count / 2])
    #expect(out.gathered(shape) == want)
    let packed = KernelOperand(buffer: KernelBuffer(.float32, count: count))
    runProgram([], [a], into: [packed], registers: [0], compute: FB_COMPUTE_F32, shape: shape, cuts: [count / 3])
    #expect(packed.buffer.values == a.gathered(shape))
    runProgram([], [packed], into: [out], registers: [0], compute: FB_COMPUTE_F32, shape: shape, cuts: [count / 2])
    #expect(out.gathered(shape) == a.gathered(shape))
  }

  /// A bias: the same row added to every row.
  @Test(arguments: [[70, 13], [3, 600], [5, 1024], [3, 1025], [2, 2], [7, 40, 3]])
  func operandsThatRepeat(_ shape: [Int]) {
    var draws = KernelDraws(seed: 12)
    let count = shape.reduce(1, *)
    for dtype in [DType.float32, .float64, .float16, .int8] {
      let x = KernelOperand(buffer: KernelBuffer(dtype, (0..<count).map { _ in Double(draws.below(50)) }))
      var strides = [Int64](repeating: 0, count: shape.count)
      strides[shape.count - 1] = 2
      let row = KernelBuffer(dtype, (0..<2 * shape.last!).map { _ in Double(draws.below(50)) })
      let bias = KernelOperand(buffer: row, kind: FB_STRIDED, strides: strides)
      let out = KernelOperand(buffer: KernelBuffer(dtype, count: count))
      runProgram(
        [(FB_OP_ADD, [0, 1])], [x, bias], into: [out], registers: [2], compute: Self.computes[dtype]!, shape: shape,
        cuts: [count / 5, count / 2])
      #expect(out.buffer.values == zip(x.buffer.values, bias.gathered(shape)).map { $0 + $1 })
    }
  }

  @Test(
    arguments: [[40, 50], [3, 20, 33], [17, 5, 70], [9, 64], [100, 11]], [[1, 0, 2], [2, 1, 0], [0, 2, 1]])
  func transposedCopies(_ sizes: [Int], _ order: [Int]) {
    // The view's dimension d is dimension order[d] of a packed tensor; two-dimensional shapes get a leading 2.
    let packed = sizes.count == 3 ? sizes : [2] + sizes
    let packedStrides = [packed[1] * packed[2], packed[2], 1]
    let shape = order.map { packed[$0] }
    let count = packed.reduce(1, *)
    var draws = KernelDraws(seed: 13)
    for dtype in [DType.uint8, .float16, .float32, .float64, .complex128] {
      let buffer = KernelBuffer(dtype, (0..<count).map { _ in Double(draws.below(120)) })
      let view = KernelOperand(buffer: buffer, kind: FB_STRIDED, strides: order.map { Int64(packedStrides[$0]) })
      let out = KernelOperand(buffer: KernelBuffer(dtype, count: count))
      runProgram(
        [], [view], into: [out], registers: [0], compute: Self.computes[dtype]!, shape: shape,
        cuts: [count / 7, count / 3, count / 3 + 5])
      #expect(out.buffer.values == view.gathered(shape), "\(packed) \(order) \(dtype)")
    }
  }

  @Test(arguments: [1, 511, 513, 1300]) func outputsMayBeInputs(_ count: Int) {
    var numbers = KernelDraws(seed: 5)
    let (first, second) = (numbers.list(count), numbers.list(count))
    func fresh() -> (KernelOperand, KernelOperand) {
      (
        KernelOperand(buffer: KernelBuffer(.float64, first)), KernelOperand(buffer: KernelBuffer(.float64, second))
      )
    }
    var (a, b) = fresh()
    runProgram([], [a, b], into: [a, b], registers: [1, 0], compute: FB_COMPUTE_F64, shape: [count])
    #expect(a.buffer.values == second && b.buffer.values == first)

    (a, b) = fresh()
    runProgram(
      [(FB_OP_ADD, [0, 1]), (FB_OP_MUL, [2, 0])], [a, b], into: [a, b], registers: [2, 3], compute: FB_COMPUTE_F64,
      shape: [count])
    let sums = zip(first, second).map { $0 + $1 }
    #expect(a.buffer.values == sums && b.buffer.values == zip(sums, first).map { $0 * $1 })
  }

  @Test func complexProducts() {
    let z: [Complex<Float>] = [Complex(1, 2), Complex(.infinity, 1), Complex(-3, 0.5), Complex(.nan, 0)]
    let a = KernelBuffer(.complex64, count: z.count)
    for (i, z) in z.enumerated() { a.at(i, Complex<Float>.self).pointee = z }
    let out = KernelBuffer(.complex64, count: z.count)
    runProgram(
      [(FB_OP_CONJ, [0]), (FB_OP_MUL, [0, 1])], [KernelOperand(buffer: a)], into: [KernelOperand(buffer: out)],
      registers: [2], compute: FB_COMPUTE_C64, shape: [z.count])
    let result = (0..<z.count).map { out.at($0, Complex<Float>.self).pointee }
    #expect(result[0] == Complex(5, 0) && result[1].real == .infinity && result[2] == Complex(9.25, 0))
    #expect(result[3].real.isNaN)
  }
}
