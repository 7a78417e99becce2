import Flameback
import Testing

@testable import FlamebackCore
@testable import FlamebackKernels
@testable import FlamebackOps

/// Kernels that do in one pass what an expression or a general loop also says: both give the same.
@Suite struct FastPathTests {
  static let functions: [Elementwise] = [
    .relu, .leakyRelu, .gelu, .geluTanh, .silu, .abs, .sqrt, .tanh, .sigmoid, .erf, .div, .maximum, .scaleShift,
  ]

  /// Every function above and its gradients, as far as they have kernels.
  static var withKernels: [Elementwise] {
    functions.flatMap { function in
      [function] + (0..<function.arity).map { function.derivative($0).function }
    }.filter { $0.kernel != nil }
  }

  @Test func everyKernelBelongsToAFunction() {
    let whole = Opcode.allCases.drop { $0 != .gelu }
    #expect(Set(Self.withKernels.map { $0.kernel! }) == Set(whole))
  }

  @Test func kernelsComputeWhatTheExpressionsSay() {
    for function in Self.withKernels {
      let arity = function.arity
      compare(function, DType.float32, Float.self, tolerance: 6e-7, arity)
      compare(function, DType.float64, Double.self, tolerance: 1e-14, arity)
    }
  }

  private func compare<T: BinaryFloatingPoint>(
    _ function: Elementwise, _ dtype: DType, _ type: T.Type, tolerance: Double, _ arity: Int
  ) {
    let special: [Double] = [0, -0.0, 1e-30, -1e-30, 1, -1, 5.5, -5.5, 13, -13, 50, -50, 88, -88, 100, -100, .nan]
    let count = 1003
    var operands: [[T]] = []
    for k in 0..<arity {
      operands.append(
        (0..<count).map { i in
          if i < special.count * special.count {
            return T(special[k == 0 ? i % special.count : i / special.count])
          }
          return T(Double((i * (7919 + 2 * k) + k * 31) % 4001) / 200 - 10)
        })
    }
    let program = function.program(isComplex: false, scalarMask: 0)
    #expect(program.kernel != nil)
    func run(_ program: ElementwiseProgram) -> [T] {
      var out = [T](repeating: 0, count: count)
      var inputs = operands
      var views: [ElementwiseOperand] = []
      for k in 0..<arity {
        inputs[k].withUnsafeMutableBytes { views.append(ElementwiseOperand($0.baseAddress!, dtype, strides: nil)) }
      }
      _ = withExtendedLifetime(inputs) {
        out.withUnsafeMutableBytes {
          program.run(
            compute: dtype, shape: [count], inputs: views, parameters: [],
            outputs: [ElementwiseOperand($0.baseAddress!, dtype, strides: nil)])
        }
      }
      return out
    }
    let (fast, steps) = (run(program), run(program.steps))
    for i in 0..<count {
      let (a, b) = (Double(fast[i]), Double(steps[i]))
      // the operands' size counts: where large terms cancel, so does what is left of rounding
      let scale = operands.reduce(1) { Swift.max($0, $1[i].isFinite ? Double($1[i].magnitude) : 1) }
      let isSame = a == b || (a.isNaN && b.isNaN) || abs(a - b) <= tolerance * Swift.max(scale * scale, abs(b))
      #expect(isSame, "\(function.name) \(dtype) of \(operands.map { $0[i] }): \(a), the expression \(b)")
    }
  }

  /// Shapes whose last dimensions are packed, repeated or one number for a run; more elements than one thread takes.
  @Test func broadcastOperandsAreWalkedInRuns() {
    let shapes: [([Int], [Int])] = [
      ([5, 40], [40]), ([5, 40], [5, 1]), ([5, 1], [5, 40]), ([3, 7, 33], [3, 1, 33]), ([3, 7, 33], [7, 1]),
      ([2, 3, 5, 64], [3, 1, 1]), ([4, 6, 100], [4, 6, 1]), ([90, 13, 37], [13, 1]), ([90, 13, 37], [90, 1, 37]),
    ]
    for (first, second) in shapes {
      let a = Tensor.arange(first.reduce(1, *)).reshape(first).to(.float32) * 0.25 + 1
      let b = Tensor.arange(second.reduce(1, *)).reshape(second).to(.float32) * 0.5 + 2
      let full = (a.to(.float64) + b.to(.float64)).shape
      let (wideA, wideB) = (a.expand(Array(full)).contiguous(), b.expand(Array(full)).contiguous())
      #expect((a + b).equal(wideA + wideB), "\(first) + \(second)")
      #expect((a - b).equal(wideA - wideB), "\(first) - \(second)")
      #expect((b - a).equal(wideB - wideA), "\(second) - \(first)")
      #expect((a * b).equal(wideA * wideB), "\(first) * \(second)")
      #expect((a / b).equal(wideA / wideB), "\(first) / \(second)")
      #expect(a.maximum(b).equal(wideA.maximum(wideB)), "\(first) max \(second)")
      let shifted = Elementwise.scaleShift.call([.tensor(a), .tensor(b), .tensor(b)])
      let wide = Elementwise.scaleShift.call([.tensor(wideA), .tensor(wideB), .tensor(wideB)])
      #expect(shifted.equal(wide), "\(first) * \(second) + \(second)")
    }
  }

  @Test func transposedCopies() {
    let cases: [([Int], [Int])] = [
      ([37, 53], [1, 0]), ([16, 32], [1, 0]), ([3, 40, 50], [0, 2, 1]), ([4, 5, 64, 7], [0, 2, 3, 1]),
      ([2, 33, 17, 20], [0, 3, 1, 2]), ([6, 7, 8], [2, 1, 0]), ([50, 3, 16], [0, 2, 1]),
      ([2, 3, 40, 50], [0, 2, 3, 1]),
      ([300, 200], [1, 0]),
    ]
    for (shape, order) in cases {
      for dtype in [DType.uint8, .int16, .float32, .float64] {
        let count = shape.reduce(1, *)
        let x = (Tensor.arange(count) % 251).to(dtype).reshape(shape)
        let y = x.permute(order).contiguous()
        let strides = Shape(shape).contiguousStrides
        let sizes = order.map { shape[$0] }
        let steps = order.map { strides[$0] }
        let values = y.to(.float64).scalars(Double.self)
        for i in 0..<count {
          var (rest, place) = (i, 0)
          for d in stride(from: sizes.count - 1, through: 0, by: -1) {
            place += rest % sizes[d] * steps[d]
            rest /= sizes[d]
          }
          if values[i] != Double(place % 251) {
            Issue.record("\(shape) \(order) \(dtype): element \(i) is \(values[i])")
            break
          }
        }
      }
    }
  }

  @Test func joinedRowsOfAnyLength() {
    for width in [1, 2, 3, 4, 5, 8, 9, 16, 17, 40, 63, 64, 65, 100] {
      let a = Tensor.arange(7 * width).reshape(7, width).to(.float32)
      let b = Tensor.arange(7 * 3).reshape(7, 3).to(.float32) + 1000
      let joined = Tensor.cat([a, b, a], dim: 1)
      #expect(joined.narrow(dim: 1, start: 0, length: width).equal(a), "\(width)")
      #expect(joined.narrow(dim: 1, start: width, length: 3).equal(b), "\(width)")
      #expect(joined.narrow(dim: 1, start: width + 3, length: width).equal(a), "\(width)")
    }
  }

  /// Floats in vectors against doubles one by one, values and places, with ties and NaN.
  @Test func maximumPoolsInVectors() {
    for (kernel, step, padding) in [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 1, 0), (5, 2, 2), (3, 3, 0)] {
      for size in [(4, 8), (8, 8), (16, 16), (4, 4), (6, 12), (12, 6), (9, 8), (16, 32), (17, 23), (5, 40), (33, 19)] {
        var values = (0..<(2 * size.0 * size.1)).map { Double(($0 * 7919) % 23) - 11 }
        for i in stride(from: 5, to: values.count, by: 97) { values[i] = .nan }
        for i in 0..<Swift.min(60, values.count) where i % 2 == 0 { values[i] = -.infinity }
        let x = Tensor(values, shape: [1, 2, size.0, size.1])
        let (y, places) = x.to(.float32).maxPool2dWithIndices(kernel, stride: step, padding: padding)
        let (wide, widePlaces) = x.maxPool2dWithIndices(kernel, stride: step, padding: padding)
        #expect(places.equal(widePlaces), "\(kernel) \(step) \(padding) \(size)")
        #expect(
          y.to(.float64).nanToNum(nan: 1e6).equal(wide.nanToNum(nan: 1e6)), "\(kernel) \(step) \(padding) \(size)")
        let alone = x.to(.float32).maxPool2d(kernel, stride: step, padding: padding)
        #expect(alone.nanToNum(nan: 1e6).equal(y.nanToNum(nan: 1e6)))
      }
    }
  }

  @Test func runningSumsFromTheEnd() {
    for shape in [[3, 1], [3, 10], [2, 515], [3, 7, 5], [2, 600, 3]] {
      let x = (Tensor.arange(shape.reduce(1, *)) % 17).reshape(shape).to(.float32).requiringGrad()
      let g = (Tensor.arange(shape.reduce(1, *)) % 13).reshape(shape).to(.float32)
      x.cumsum(dim: 1).backward(gradient: g)
      let expected = g.flip([1]).cumsum(dim: 1).flip([1])
      #expect(x.grad!.equal(expected), "\(shape)")
    }
  }

  @Test func sumsOfRowsAndColumns() {
    for shape in [[5, 3], [70, 100], [300, 33], [1, 7], [200, 16], [1000, 2], [3, 64, 40]] {
      let x = (Tensor.arange(shape.reduce(1, *)) % 101).reshape(shape).to(.float32) - 50
      for dim in 0..<shape.count {
        let exact = x.to(.float64)
        #expect(x.sum(dim: [dim]).to(.float64).equal(exact.sum(dim: [dim])), "\(shape) \(dim)")
        let difference = (x.mean(dim: [dim]).to(.float64) - exact.mean(dim: [dim])).abs().max()
        #expect(difference.itemDouble() < 1e-5, "\(shape) \(dim)")
      }
      #expect(x.max().itemDouble() == x.to(.float64).max().itemDouble())
    }
  }
}
