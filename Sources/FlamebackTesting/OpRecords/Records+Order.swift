import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  static let ordering = scans + softmaxes + sorting + searches

  private static let lineCases: [([Int], Int)] = [
    ([], 0), ([6], 0), ([3, 4], 0), ([3, 4], -1), ([2, 3, 2], 1), ([0, 3], 1), ([3, 0], 1), ([1, 513], 1),
    ([70, 530], 1), ([530, 70], 0), ([4, 300, 33], 1), ([40000], 0),
  ]

  /// A function that replaces each line along a dimension by others.
  static func along(
    _ name: String, _ dtypes: [DType], _ values: SampleInput.Values = .uniform(-2...2), order: Order = .twice,
    tolerance: Double = 1, _ run: @escaping @Sendable (Tensor, Int) -> [Tensor],
    _ reference: (@Sendable ([Double]) -> [Double])...
  ) -> OpRecord {
    let samples = lineCases.map { shape, dim in
      OpSample([SampleInput(shape, values)]) {
        run($0[0], dim)
      } reference: { x in
        let lines = x[0].rank == 0 ? x[0].reshaped([1]) : x[0]
        return reference.map { f in
          let result = lines.lines(dim, length: lines.shape[dim < 0 ? dim + lines.rank : dim], f)
          return x[0].rank == 0 ? result.reshaped([]) : result
        }
      }
    }
    return OpRecord(name, dtypes, samples: samples).with {
      $0.order = order
      $0.tolerance = tolerance
      $0.failures = [
        Failure("[\(name)] dimension out of range (expected to be in [-2, 1], but got -3)") {
          run(Tensor.ones([2, 3]), -3)
        }
      ]
    }
  }

  /// Of every element the combination of those up to it.
  private static func running(_ f: @escaping @Sendable (Double, Double) -> Double) -> @Sendable ([Double]) -> [Double] {
    { line in
      var result: [Double] = []
      for x in line { result.append(result.last.map { f($0, x) } ?? x) }
      return result
    }
  }

  /// Where the best element up to each was met last.
  private static func lastBest(
    _ isBetter: @escaping @Sendable (Double, Double) -> Bool
  ) -> @Sendable ([Double]) -> [Double] {
    { line in
      var best = 0
      return line.indices.map { i in
        if isBetter(line[i], line[best]) { best = i }
        return Double(best)
      }
    }
  }

  private static let scans: [OpRecord] = [
    along("cumsum", .all, tolerance: 10, { [$0.cumsum(dim: $1)] }, running(+)).without(.bool).with {
      $0.complex = .parts
    },
    along("cumprod", .all, .uniform(0.6...1.4), tolerance: 20, { [$0.cumprod(dim: $1)] }, running(*)).without(.bool)
      .with { $0.covers += ["linearRecurrence"] },
    along("logcumsumexp", .differentiable, tolerance: 10, { [$0.logcumsumexp(dim: $1)] }) { line in
      var sum = 0.0
      return line.map {
        sum += exp($0)
        return log(sum)
      }
    }.with { $0.covers += ["linearRecurrence", "expDifference"] },
    along(
      "cummax", .real, .distinct,
      { x, dim in
        let (values, indices) = x.cummax(dim: dim)
        return [values, indices]
      }, running(max), lastBest { $0 >= $1 }),
    along(
      "cummin", .real, .distinct,
      { x, dim in
        let (values, indices) = x.cummin(dim: dim)
        return [values, indices]
      }, running(min), lastBest { $0 <= $1 }),
  ]

  private static func normalized(_ line: [Double]) -> [Double] {
    let sum = line.reduce(0) { $0 + exp($1) }
    return line.map { exp($0) / sum }
  }

  private static let softmaxes: [OpRecord] = [
    along("softmax", .floating, tolerance: 2, { [$0.softmax(dim: $1)] }, { normalized($0) }).with {
      $0.covers += ["softmaxGradient"]
    },
    along("logSoftmax", .floating, tolerance: 2, { [$0.logSoftmax(dim: $1)] }, { normalized($0).map { log($0) } }).with
    { $0.covers += ["softmaxGradient"] },
  ]

  /// The order of a line; equal elements keep theirs.
  private static func order(_ line: [Double], descending: Bool) -> [Int] {
    line.indices.sorted { a, b in
      line[a] == line[b] ? a < b : descending ? line[a] > line[b] : line[a] < line[b]
    }
  }

  private static let sorting: [OpRecord] =
    [false, true].map { descending in
      along(
        "sort", .real, .distinct,
        { x, dim in
          let (values, indices) = x.sort(dim: dim, descending: descending)
          return [values, indices]
        }, { line in order(line, descending: descending).map { line[$0] } },
        { order($0, descending: descending).map(Double.init) })
    } + [
      OpRecord(
        "sort", .real,
        samples: [
          OpSample([SampleInput([3, 40], .whole(0...3))]) { x in
            let (values, indices) = x[0].sort(dim: 1, stable: true)
            return [values, indices]
          } reference: { x in
            [
              x[0].lines(1) { $0.sorted() },
              x[0].lines(1) { order($0, descending: false).map(Double.init) },
            ]
          }
        ]
      ).with { $0.order = .unchecked },
      OpRecord(
        "topk", .signedReal,
        samples: [
          ([6], 0, 2), ([3, 5], 1, 3), ([5, 3], 0, 1), ([2, 4, 2], 1, 4), ([3, 5], 1, 0), ([40, 1000], 1, 7),
        ].map {
          shape, dim, k in
          OpSample([SampleInput(shape, .distinct)]) { x in
            let (values, indices) = x[0].topk(k, dim: dim, largest: shape.count != 3)
            return [values, indices]
          } reference: { x in
            let descending = shape.count != 3
            return [
              x[0].lines(dim, length: k) { line in order(line, descending: descending).prefix(k).map { line[$0] } },
              x[0].lines(dim, length: k) { order($0, descending: descending).prefix(k).map(Double.init) },
            ]
          }
        }
      ).with {
        $0.failures = [
          Failure("[topk] k = 4 is out of range for dim 1 of float32 [2, 3]") { [Tensor.ones([2, 3]).topk(4).values] }
        ]
      },
      OpRecord(
        "kthvalue", .signedReal,
        samples: [([6], 0, 2), ([3, 5], 1, 3), ([5, 3], 0, 1), ([2, 4, 2], 1, 4), ([40, 1000], 1, 7)].map {
          shape, dim, k in
          OpSample([SampleInput(shape, .distinct)]) { x in
            let (values, indices) = x[0].kthvalue(k, dim: dim, keepDim: true)
            return [values, indices]
          } reference: { x in
            [
              x[0].lines(dim, length: 1) { [$0.sorted()[k - 1]] },
              x[0].lines(dim, length: 1) { [Double(order($0, descending: false)[k - 1])] },
            ]
          }
        }
      ).with {
        $0.failures = [
          Failure("[kthvalue] k = 0 is out of range for dim 1 of float32 [2, 3]") {
            [Tensor.ones([2, 3]).kthvalue(0).values]
          },
          Failure("[sort] complex numbers have no order: complex64 [2]") {
            [Tensor.ones([2], dtype: .complex64).sort().values]
          },
        ]
      },
    ]

  private static let searches: [OpRecord] = [
    OpRecord(
      "searchsorted", .integers + .floating,
      samples: [false, true].flatMap { right in
        [[5], [2, 3], [0], [5000]].map { shape in
          let boundaries = SampleInput([6], .given([0, 1, 1, 2, 5, 7]))
          return OpSample([boundaries, SampleInput(shape, .whole(0...8))]) {
            [$0[0].searchsorted($0[1], right: right)]
          } reference: { x in
            [x[1].map { v in Double(x[0].values.count { right ? $0 <= v : $0 < v }) }]
          }
        }
      }
    ).with {
      $0.order = .none
      $0.failures = [
        Failure("[searchsorted] expects a sorted tensor and values of one real dtype: float32 [2] × int64 [3]") {
          [Tensor.ones([2]).searchsorted(Tensor.ones([3], dtype: .int64))]
        }
      ]
    },
    OpRecord(
      "bincount", .integers + .floating,
      samples: [[7], [0], [3000]].map { shape in
        let numbers = SampleInput(shape, .whole(0...5), dtype: .int64)
        return OpSample([numbers, SampleInput(shape, .whole(0...4))], staticShape: false) {
          [$0[0].bincount(minLength: 8), $0[0].bincount(weights: $0[1], minLength: 7)]
        } reference: { x in
          func sums(_ length: Int, _ weight: (Int) -> Double) -> PlainArray {
            var result = PlainArray([length], [Double](repeating: 0, count: length))
            for (i, value) in x[0].values.enumerated() { result[Int(value)] += weight(i) }
            return result
          }
          return [sums(8) { _ in 1 }, sums(7) { x[1].values[$0] }]
        }
      }
    ).with {
      $0.order = .none
      $0.failures = [
        Failure("[bincount] expects a 1-d tensor of non-negative integers, got float32 [3]") {
          [Tensor.ones([3]).bincount()]
        }
      ]
    },
    OpRecord(
      "nonzero", .all,
      samples: [[], [6], [3, 4], [0, 2], [3000]].map { shape in
        OpSample([SampleInput(shape, .whole(0...1))], staticShape: false) {
          [$0[0].nonzero()]
        } reference: { x in
          let found = PlainArray.indices(shape).filter { x[0][$0] != 0 }
          return [PlainArray([found.count, shape.count], found.flatMap { $0.map(Double.init) })]
        }
      }
    ).with { $0.order = .none },
  ]
}
