import Flameback
import FlamebackKernels

extension OpRecord {
  /// Sizes: none, one, few, odd vector remainders, several dimensions; tiles of 512 and threads of 32768 elements.
  private static let unaryShapes = [[], [1], [7], [3, 5], [2, 0, 3], [2, 1, 4], [511], [513], [32769]]

  /// A function of one tensor; the values lie in `range`, away from `avoiding`.
  static func unary(
    _ name: String, _ dtypes: [DType], _ range: ClosedRange<Double>, avoiding: [Double] = [], order: Order = .twice,
    tolerance: Double = 1, _ run: @escaping @Sendable (Tensor) -> Tensor,
    _ reference: @escaping @Sendable (Double) -> Double
  ) -> OpRecord {
    let samples = unaryShapes.map { shape in
      OpSample([SampleInput(shape, .uniform(range), avoiding: avoiding)]) {
        [run($0[0])]
      } reference: {
        [$0[0].map(reference)]
      }
    }
    return OpRecord(name, dtypes, samples: samples).with {
      $0.order = order
      $0.tolerance = tolerance
      $0.refusesOthers = true
    }
  }

  private static let binaryShapes: [([Int], [Int])] = [
    ([], []), ([3], []), ([], [2, 2]), ([2, 3], [2, 3]), ([2, 3], [3]), ([2, 1], [1, 3]), ([3, 1, 2], [2, 1]),
    ([0, 3], [3]), ([513], [513]), ([32769], [1]), ([181, 182], [182]),
  ]

  /// A function of two tensors, broadcast.
  static func binary(
    _ name: String, _ dtypes: [DType], _ range: ClosedRange<Double>, and second: ClosedRange<Double>? = nil,
    avoiding: [Double] = [], order: Order = .twice, tolerance: Double = 1,
    _ run: @escaping @Sendable (Tensor, Tensor) -> Tensor,
    _ reference: @escaping @Sendable (Double, Double) -> Double
  ) -> OpRecord {
    let samples = binaryShapes.map { a, b in
      OpSample([SampleInput(a, .uniform(range)), SampleInput(b, .uniform(second ?? range), avoiding: avoiding)]) {
        [run($0[0], $0[1])]
      } reference: { x in
        [PlainArray.broadcast(x) { reference($0[0], $0[1]) }]
      }
    }
    let dtype = dtypes.contains(.float32) ? DType.float32 : .int64
    return OpRecord(name, dtypes, samples: samples).with {
      $0.order = order
      $0.tolerance = tolerance
      $0.refusesOthers = true
      $0.failures = [
        Failure("[\(name)] shapes do not broadcast: \(dtype.name) [2, 3] × \(dtype.name) [2, 4]") {
          [run(Tensor.ones([2, 3], dtype: dtype), Tensor.ones([2, 4], dtype: dtype))]
        }
      ]
    }
  }

  /// A function of several tensors of one shape (and of one row, broadcast), each in its own range.
  static func nary(
    _ name: String, _ dtypes: [DType], _ inputs: [SampleInput], order: Order = .twice, tolerance: Double = 1,
    _ run: @escaping @Sendable ([Tensor]) -> Tensor, _ reference: @escaping @Sendable ([Double]) -> Double
  ) -> OpRecord {
    let shapes: [[[Int]]] = [
      Array(repeating: [2, 3], count: inputs.count), inputs.indices.map { $0 == 0 ? [3, 2] : [2] },
      Array(repeating: [], count: inputs.count), Array(repeating: [0, 2], count: inputs.count),
      Array(repeating: [513], count: inputs.count),
    ]
    let samples = shapes.map { shapes in
      OpSample(
        zip(inputs, shapes).map { SampleInput($1, $0.values, dtype: $0.dtype, avoiding: $0.avoiding) }
      ) {
        [run($0)]
      } reference: { x in
        [PlainArray.broadcast(x, reference)]
      }
    }
    return OpRecord(name, dtypes, samples: samples).with {
      $0.order = order
      $0.tolerance = tolerance
    }
  }

  static func input(_ range: ClosedRange<Double>, dtype: DType? = nil, avoiding: [Double] = []) -> SampleInput {
    SampleInput([], .uniform(range), dtype: dtype, avoiding: avoiding)
  }
}
