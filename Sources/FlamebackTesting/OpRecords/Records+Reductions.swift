import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  static let reductions = sums + variances + extrema

  /// Shapes and the dimensions removed from them; nil: all. Large ones cross the borders of blocks and threads.
  private static let cases: [([Int], [Int]?, Bool)] = [
    ([], nil, false), ([5], nil, false), ([3, 4], [0], false), ([3, 4], [-1], true), ([2, 3, 4], [0, 2], false),
    ([2, 3, 2], [1], true), ([3, 2, 2], nil, false), ([3, 0], [0], false), ([511], nil, false), ([513], [0], false),
    ([70, 530], [1], false), ([530, 70], [0], false), ([33, 4, 300], [0, 2], false), ([40000], nil, false),
  ]

  /// What becomes of the elements along some dimensions.
  static func reduction(
    _ name: String, _ dtypes: [DType], _ values: SampleInput.Values = .uniform(-2...2), empty: Bool = true,
    order: Order = .twice, tolerance: Double = 1, single: Bool = false,
    _ run: @escaping @Sendable (Tensor, [Int]?, Bool) -> [Tensor], _ reference: (@Sendable ([Double]) -> Double)...
  ) -> OpRecord {
    var cases = cases
    if empty { cases += [([2, 0, 3], [1], false), ([0], nil, false)] }
    if single { cases = cases.filter { $0.1.map { $0.count == 1 } ?? false } + [([], [0], false), ([4], [0], true)] }
    let samples = cases.map { shape, dims, keepDim in
      OpSample([SampleInput(shape, values)]) {
        run($0[0], dims, keepDim)
      } reference: { x in
        let dims = x[0].rank == 0 ? [] : dims ?? Array(shape.indices)
        return reference.map { x[0].reduced(dims, keepDim: keepDim, $0) }
      }
    }
    return OpRecord(name, dtypes, samples: samples).with {
      $0.order = order
      $0.tolerance = tolerance
    }
  }

  private static func outOfRange(_ op: String, _ run: @escaping @Sendable (Tensor) -> Tensor) -> Failure {
    Failure("[\(op)] dimension out of range (expected to be in [-2, 1], but got 2)") { [run(Tensor.ones([2, 3]))] }
  }

  private static let sums: [OpRecord] = [
    reduction("sum", .every, tolerance: 10, { [$0.sum(dim: $1, keepDim: $2)] }, { $0.reduce(0, +) }).with {
      $0.complex = .parts
      $0.failures = [
        outOfRange("sum") { $0.sum(dim: 2) },
        Failure("[sum] dim 1 appears multiple times in the list of dims") { [Tensor.ones([2, 3]).sum(dim: [1, -1])] },
      ]
    },
    reduction(
      "mean", .differentiable, tolerance: 4, { [$0.mean(dim: $1, keepDim: $2)] },
      { $0.isEmpty ? .nan : $0.reduce(0, +) / Double($0.count) }
    ).with {
      $0.complex = .parts
      $0.failures = [
        outOfRange("mean") { $0.mean(dim: 2) },
        Failure("[mean] needs a floating point or complex dtype: give dtype: to convert int64 [2]") {
          [Tensor.ones([2], dtype: .int64).mean()]
        },
      ]
    },
    reduction("nansum", .floating, tolerance: 10, { [$0.nansum(dim: $1, keepDim: $2)] }, { $0.reduce(0, +) }),
    OpRecord(
      "nansum", .floating,
      samples: [
        OpSample([SampleInput([2, 3], .given([1, .nan, 2, .nan, .nan, 5]))]) {
          [$0[0].nansum(dim: 1)]
        } reference: { _ in
          [PlainArray([2], [3, 5])]
        }
      ]
    ).with { $0.order = .once },
    reduction("prod", .all, .uniform(0.6...1.6), tolerance: 10, single: true) { x, dims, keep in
      [x.prod(dim: dims?[0], keepDim: keep)]
    } _: {
      $0.reduce(1, *)
    },
    reduction("logsumexp", .floating, tolerance: 4, { [$0.logsumexp(dim: $1, keepDim: $2)] }) {
      log($0.reduce(0) { $0 + exp($1) })
    },
    reduction("countNonzero", .every, .whole(-1...1), order: .none) { x, dims, keep in
      [keep ? x.countNonzero(dim: dims).reshape(x.sum(dim: dims, keepDim: true).shape) : x.countNonzero(dim: dims)]
    } _: {
      Double($0.count { $0 != 0 })
    },
    reduction(
      "exclusive_or", .discrete + .unsigned, .whole(0...100), order: .none, { [$0.hashTensor(dim: $1, keepDim: $2)] }
    ) {
      Double($0.reduce(0) { $0 ^ Int($1) })
    }.with {
      $0.failures = [
        outOfRange("hashTensor") { $0.hashTensor(dim: 2) },
        Failure("[hashTensor] not defined for complex numbers: complex64 [2]") {
          [Tensor.ones([2], dtype: .complex64).hashTensor()]
        },
      ]
    },
    reduction("any", .every, .whole(0...1), order: .none, { [$0.any(dim: $1, keepDim: $2)] }) {
      $0.contains { $0 != 0 } ? 1 : 0
    },
    reduction("all", .every, .whole(0...1), order: .none, { [$0.all(dim: $1, keepDim: $2)] }) {
      $0.allSatisfy { $0 != 0 } ? 1 : 0
    },
  ]

  private static let variances: [OpRecord] =
    [
      reduction("var", .differentiable, empty: false, tolerance: 4, { [$0.var(dim: $1, keepDim: $2)] }) {
        variance($0, 1)
      },
      reduction("var", .floating, empty: false, tolerance: 4, { [$0.var(dim: $1, correction: 0, keepDim: $2)] }) {
        variance($0, 0)
      },
      reduction("std", .floating, empty: false, tolerance: 8, { [$0.std(dim: $1, correction: 0.5, keepDim: $2)] }) {
        variance($0, 0.5).squareRoot()
      },
      reduction(
        "varMean", .floating, empty: false, tolerance: 4,
        { x, dims, keep in
          let (v, m) = x.varMean(dim: dims, correction: 0, keepDim: keep)
          return [v, m]
        }, { variance($0, 0) }, { $0.reduce(0, +) / Double($0.count) }),
      reduction(
        "stdMean", .floating, .uniform(1...3), empty: false, tolerance: 8,
        { x, dims, keep in
          let (s, m) = x.stdMean(dim: dims, correction: 0.5, keepDim: keep)
          return [s, m]
        }, { variance($0, 0.5).squareRoot() }, { $0.reduce(0, +) / Double($0.count) }),
    ].map {
      $0.with {
        $0.samples.removeAll { $0.inputs[0].shape == [] }
        $0.canRepeat = false
      }
    }  // one element has no spread
    + [2.0, 1, 3, 1.5, .infinity, -.infinity, 0].map { p in
      reduction(
        "norm", .floating, .uniform(0.2...2), empty: p == 2, order: p == 0 ? .unchecked : .twice,
        tolerance: 10, { [$0.norm(p: p, dim: $1, keepDim: $2)] }
      ) { x in
        let sizes = x.map { Swift.abs($0) }
        if p == .infinity { return sizes.max()! }
        if p == -.infinity { return sizes.min()! }
        if p == 0 { return Double(sizes.count { $0 != 0 }) }
        return pow(sizes.reduce(0) { $0 + pow($1, p) }, 1 / p)
      }.with {
        if p == 1 || p == 2 { $0.dtypes += .complex }
        $0.covers += p == 3 || p == 1.5 ? ["normGradient"] : []
        $0.failures = [
          Failure("[norm] needs floating point or complex numbers, got int64 [3]") {
            [Tensor.ones([3], dtype: .int64).norm()]
          },
          Failure("[norm] the inf-norm over dimension 1 of size 0 has no value: float32 [2, 0]") {
            [Tensor.ones([2, 0]).norm(p: .infinity, dim: 1)]
          },
        ]
      }
    }

  private static func variance(_ x: [Double], _ correction: Double) -> Double {
    let mean = x.reduce(0, +) / Double(x.count)
    let freedom = max(Double(x.count) - correction, 0)
    return x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / freedom
  }

  private static let greatest: @Sendable ([Double]) -> Double = { $0.max()! }
  private static let least: @Sendable ([Double]) -> Double = { $0.min()! }
  private static let firstGreatest: @Sendable ([Double]) -> Double = { Double($0.firstIndex(of: $0.max()!)!) }
  private static let firstLeast: @Sendable ([Double]) -> Double = { Double($0.firstIndex(of: $0.min()!)!) }

  private static let extrema: [OpRecord] = [
    reduction("amax", .real, .distinct, empty: false, { [$0.amax(dim: $1, keepDim: $2)] }, greatest),
    reduction("amin", .real, .distinct, empty: false, { [$0.amin(dim: $1, keepDim: $2)] }, least),
    reduction(
      "max", .real, .distinct, empty: false, single: true,
      { x, dims, keep in
        let (values, indices) = x.max(dim: dims![0], keepDim: keep)
        return [values, indices]
      }, greatest, firstGreatest),
    reduction(
      "min", .real, .distinct, empty: false, single: true,
      { x, dims, keep in
        let (values, indices) = x.min(dim: dims![0], keepDim: keep)
        return [values, indices]
      }, least, firstLeast),
    reduction("max", .real, .distinct, empty: false, { x, dims, keep in [x.max()] }, greatest).overall,
    reduction("min", .real, .distinct, empty: false, { x, dims, keep in [x.min()] }, least).overall,
    reduction(
      "aminmax", .real, .distinct, empty: false, single: true,
      { x, dims, keep in
        let (low, high) = x.aminmax(dim: dims?[0], keepDim: keep)
        return [low, high]
      }, least, greatest),
    reduction(
      "argmax", .integers + .floating, .distinct, empty: false, order: .none, single: true,
      { [$0.argmax(dim: $1?[0], keepDim: $2)] }, firstGreatest),
    reduction(
      "argmin", .integers + .floating, .distinct, empty: false, order: .none, single: true,
      { [$0.argmin(dim: $1?[0], keepDim: $2)] }, firstLeast
    ).with {
      $0.failures = [
        Failure("[argmin] dimension 1 has size 0: float32 [2, 0]") { [Tensor.ones([2, 0]).argmin(dim: 1)] },
        Failure("[amax] complex numbers have no order: complex64 [2]") { [Tensor.ones([2], dtype: .complex64).amax()] },
        Failure("[max] an empty tensor has none: float32 [0]") { [Tensor.ones([0]).max()] },
        Failure("[argmax] not defined for bool: bool [2]") { [Tensor.ones([2], dtype: .bool).argmax()] },
      ]
    },
    reduction(
      "median", .signedReal, .distinct, empty: false, single: true,
      { x, dims, keep in
        let (values, indices) = x.median(dim: dims![0], keepDim: keep)
        return [values, indices]
      }, lowerMedian, { Double($0.firstIndex(of: lowerMedian($0))!) }),
    reduction("median", .signedReal, .distinct, empty: false, { x, _, _ in [x.median()] }, lowerMedian).overall,
    reduction(
      "nanmedian", .signedReal, .distinct, empty: false, single: true,
      { x, dims, keep in
        let (values, indices) = x.nanmedian(dim: dims![0], keepDim: keep)
        return [values, indices]
      }, lowerMedian, { Double($0.firstIndex(of: lowerMedian($0))!) }),
    reduction("mode", .real, .whole(0...3), empty: false, order: .unchecked, single: true) { x, dims, keep in
      [x.mode(dim: dims![0], keepDim: keep).values]
    } _: { x in
      x.sorted().reduce((best: 0.0, times: 0)) { found, value in
        let times = x.count { $0 == value }
        return times > found.times ? (value, times) : found
      }.best
    },
    reduction("mode", .floating, .distinct, empty: false, single: true) { x, dims, keep in
      [x.mode(dim: dims![0], keepDim: keep).values]
    } _: {
      $0.min()!
    },
  ]

  private static let lowerMedian: @Sendable ([Double]) -> Double = { $0.sorted()[($0.count - 1) / 2] }
}

extension OpRecord {
  /// Only the samples that reduce everything.
  fileprivate var overall: OpRecord {
    with { record in
      record.samples.removeAll { sample in
        let shape = sample.inputs[0].shape
        return shape.count > 1 && shape != [3, 2, 2]
      }
    }
  }
}

extension [DType] {
  /// Whose distinct samples are distinct: no zeros in place of negative numbers.
  static let signedReal: [DType] = [.int8, .int16, .int32, .int64] + floating
}
