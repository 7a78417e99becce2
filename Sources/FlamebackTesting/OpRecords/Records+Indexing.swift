import Flameback
import FlamebackKernels

extension OpRecord {
  static let indexing = gathering + scattering + masks + embeddings

  private static func moving(_ name: String, covers: [String]? = nil, _ samples: [OpSample], _ failures: [Failure] = [])
    -> OpRecord
  {
    OpRecord(name, covers: covers, .all, samples: samples).with {
      $0.complex = .parts
      $0.failures = failures
      $0.tolerance = 2
    }
  }

  private static func outOfRange(_ op: String, _ run: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Failure {
    Failure("[\(op)] index 5 is out of bounds for dimension 0 with size 3") {
      [run(Tensor.ones([3]), Tensor([5], shape: [1]))]
    }
  }

  private static let gathering: [OpRecord] = [
    moving(
      "gather", covers: ["gather", "scatter"],
      [([3, 4], [2, 4], 0), ([3, 4], [3, 6], 1), ([5], [3], 0), ([2, 3], [0, 3], 0), ([200, 40], [300, 40], 0)].map {
        shape, wanted, dim in
        OpSample([SampleInput(shape), .index(wanted, below: shape[dim])]) {
          [$0[0].gather(dim: dim, index: $0[1])]
        } reference: { x in
          [
            PlainArray(wanted) { index in
              var source = index
              source[dim] = Int(x[1][index])
              return x[0][source]
            }
          ]
        }
      },
      [
        outOfRange("gather") { $0.gather(dim: 0, index: $1) },
        Failure("[gather] index must have as many dimensions as the tensor: float32 [2, 3] × int64 [2]") {
          [Tensor.ones([2, 3]).gather(dim: 0, index: Tensor([0, 1], shape: [2]))]
        },
      ]),
    moving(
      "index_select", covers: ["index_select", "index_rows"],
      [([3, 4], 5, 0), ([2, 3], 2, 1), ([4], 0, 0), ([300, 50], 200, 0)].map { shape, count, dim in
        OpSample([SampleInput(shape), .index([count], below: shape[dim])]) {
          [$0[0].indexSelect(dim: dim, index: $0[1])]
        } reference: { x in
          var wanted = shape
          wanted[dim] = count
          return [
            PlainArray(wanted) { index in
              var source = index
              source[dim] = Int(x[1][index[dim]])
              return x[0][source]
            }
          ]
        }
      }, [outOfRange("indexSelect") { $0.indexSelect(dim: 0, index: $1) }]),
    moving(
      "take", covers: ["take", "put"],
      [([3, 4], [5]), ([6], [2, 2]), ([4], []), ([2, 2], [0])].map { shape, wanted in
        OpSample([SampleInput(shape), .index(wanted, below: shape.reduce(1, *))]) {
          [$0[0].take($0[1])]
        } reference: { x in
          [x[1].map { x[0].values[Int($0)] }]
        }
      }, [Failure("[take] index 5 is out of range for 3 elements") { [Tensor.ones([3]).take(Tensor([5], shape: [1]))] }]
    ),
    moving(
      "index", covers: ["index", "index_put"],
      [
        OpSample([SampleInput([3, 4]), .index([2, 2], below: 3)]) {
          [$0[0].index([$0[1]])]
        } reference: { x in
          [PlainArray([2, 2, 4]) { x[0][Int(x[1][$0[0], $0[1]]), $0[2]] }]
        },
        OpSample([SampleInput([3, 4]), .index([5], below: 3), .index([5], below: 4)]) {
          [$0[0].index([$0[1], $0[2]])]
        } reference: { x in
          [PlainArray([5]) { x[0][Int(x[1][$0]), Int(x[2][$0])] }]
        },
        OpSample([SampleInput([2, 3, 2]), .index([2], below: 2), .index([3, 1], below: 2)]) {
          [$0[0].index([$0[1], nil, $0[2]])]
        } reference: { x in
          [PlainArray([3, 2, 3]) { x[0][Int(x[1][$0[1]]), $0[2], Int(x[2][$0[0], 0])] }]
        },
        OpSample([SampleInput([100, 30]), .index([700], below: 100)]) {
          [$0[0].index([$0[1]])]
        } reference: { x in
          [PlainArray([700, 30]) { x[0][Int(x[1][$0[0]]), $0[1]] }]
        },
      ], [outOfRange("index") { $0.index([$1]) }]),
  ]

  /// Values laid into a [4, 3] tensor at rows; `distinct` rows have one result only.
  private static func rows(
    _ name: String, _ dtypes: [DType], rows: [Int], order: Order = .twice,
    _ run: @escaping @Sendable (Tensor, Tensor, Tensor) -> Tensor,
    _ combine: @escaping @Sendable (Double, Double) -> Double
  ) -> OpRecord {
    let inputs = [
      SampleInput([4, 3], .uniform(0.5...3)), .index([rows.count], rows),
      SampleInput([rows.count, 3], .uniform(0.6...2)),
    ]
    let sample = OpSample(inputs) {
      [run($0[0], $0[1], $0[2])]
    } reference: { x in
      var result = x[0]
      for (k, row) in rows.enumerated() {
        for c in 0..<3 { result[row, c] = combine(result[row, c], x[2][k, c]) }
      }
      return [result]
    }
    return OpRecord(name, dtypes, samples: [sample]).with {
      $0.order = order
      $0.tolerance = 4
    }
  }

  private static func wide(_ index: Tensor) -> Tensor { index.unsqueeze(1).expand(index.shape[0], 3) }

  private static let scattering: [OpRecord] = [
    rows("scatter", .all, rows: [2, 0, 3], { $0.scatter(dim: 0, index: wide($1), src: $2) }, { $1 }).with {
      $0.failures = [
        outOfRange("scatter") { $0.scatter(dim: 0, index: $1, src: $0) },
        Failure("[scatter] dtypes must agree: float32 [3] × int64 [1]") {
          [Tensor.ones([3]).scatter(dim: 0, index: Tensor([0], shape: [1]), src: Tensor([0], shape: [1]))]
        },
      ]
    },
    rows("scatter", .numeric, rows: [2, 0, 2], { $0.scatterAdd(dim: 0, index: wide($1), src: $2) }, +),
    rows(
      "scatter", .floating, rows: [2, 0, 2], { $0.scatterReduce(dim: 0, index: wide($1), src: $2, reduce: .prod) }, *),
    rows(
      "scatter", .signedReal, rows: [2, 0, 2], order: .once,
      { $0.scatterReduce(dim: 0, index: wide($1), src: $2, reduce: .amax) }, { max($0, $1) }),
    rows(
      "scatter", .signedReal, rows: [2, 0, 2], order: .once,
      { $0.scatterReduce(dim: 0, index: wide($1), src: $2, reduce: .amin) }, { min($0, $1) }),
    rows(
      "scatter", .floating, rows: [2, 0, 3], { $0.scatterReduce(dim: 0, index: wide($1), src: $2, reduce: .mean) },
      { ($0 + $1) / 2 }),
    rows("index_rows", .all, rows: [2, 0, 3], { $0.indexCopy(dim: 0, index: $1, source: $2) }, { $1 }).with {
      $0.failures = [
        outOfRange("indexCopy") { $0.indexCopy(dim: 0, index: $1, source: Tensor.ones([1])) },
        Failure("[indexCopy] source must have shape [1, 2]: float32 [3, 2] × int64 [1] × float32 [2, 2]") {
          [Tensor.ones([3, 2]).indexCopy(dim: 0, index: Tensor([0], shape: [1]), source: Tensor.ones([2, 2]))]
        },
      ]
    },
    rows("index_rows", .numeric, rows: [2, 0, 2], { $0.indexAdd(dim: 0, index: $1, source: $2) }, +),
    rows(
      "index_rows", .floating, rows: [2, 0, 2], { $0.indexReduce(dim: 0, index: $1, source: $2, reduce: .prod) }, *),
    rows("index_put", .all, rows: [2, 0, 3], { $0.indexPut([$1], $2) }, { $1 }),
    rows("index_put", .numeric, rows: [2, 0, 2], { $0.indexPut([$1], $2, accumulate: true) }, +).with {
      $0.failures = [
        Failure("[indexPut] values float32 [4] do not broadcast to the indexed places [2, 2] of float32 [3, 2]") {
          [Tensor.ones([3, 2]).indexPut([Tensor([0, 1], shape: [2])], Tensor.ones([4]))]
        }
      ]
    },
    rows("index_fill", .all, rows: [2, 0], { x, i, v in x.indexFill(dim: 0, index: i, value: 0) + v.sum() * 0 }) {
      _, _ in
      0
    }.with { $0.dtypes = .floating },
    moving(
      "put", covers: ["put", "take"],
      [
        OpSample([SampleInput([2, 3]), .index([2], [4, 1]), SampleInput([2])]) {
          [$0[0].put($0[1], $0[2])]
        } reference: { x in
          var result = x[0]
          result.values[4] = x[2][0]
          result.values[1] = x[2][1]
          return [result]
        }
      ]),
  ]

  private static let masks: [OpRecord] = [
    moving(
      "masked_select", covers: ["masked_select", "masked_scatter"],
      [[6], [3, 4], [0], [2000]].map { shape in
        OpSample([SampleInput(shape), .mask(shape)], staticShape: false) {
          [$0[0].maskedSelect($0[1])]
        } reference: { x in
          let kept = zip(x[0].values, x[1].values).filter { $0.1 != 0 }.map(\.0)
          return [PlainArray([kept.count], kept)]
        }
      },
      [
        Failure("[maskedSelect] the mask must be a bool tensor: float32 [2]") {
          [Tensor.ones([2]).maskedSelect(Tensor.ones([2]))]
        }
      ]),
    moving(
      "masked_scatter", covers: ["masked_scatter", "masked_select"],
      [
        OpSample([SampleInput([2, 3]), .mask([2, 3]), SampleInput([6])], staticShape: false) {
          [$0[0].maskedScatter($0[1], $0[2])]
        } reference: { x in
          var next = 0
          return [
            PlainArray([2, 3]) { index in
              if x[1][index] == 0 { return x[0][index] }
              next += 1
              return x[2].values[next - 1]
            }
          ]
        }
      ]),
    moving(
      "where",
      [
        OpSample([SampleInput([2, 3]), .mask([3])]) {
          [$0[0].maskedFill($0[1], 0)]
        } reference: { x in
          [PlainArray([2, 3]) { x[1][$0[1]] != 0 ? 0 : x[0][$0] }]
        }
      ]),
  ]

  private static let embeddings: [OpRecord] = [
    OpRecord(
      "embedding", covers: ["embedding", "embedding_backward"], .floating,
      samples: [([3], nil), ([2, 2], 1), ([0], nil), ([50, 20], nil)].map { (shape: [Int], padding: Int?) in
        OpSample([SampleInput([5, 3]), .index(shape, below: 5)]) {
          [$0[1].embedding($0[0])]
        } reference: { x in
          [PlainArray(shape + [3]) { x[0][Int(x[1][Array($0.dropLast())]), $0.last!] }]
        }
      }
    ).with {
      $0.failures = [
        Failure("[embedding] index 7 is out of range for 5 rows") {
          [Tensor([7], shape: [1]).embedding(Tensor.ones([5, 3]))]
        },
        Failure("[embedding] weight must be a matrix, got float32 [5]") {
          [Tensor([0], shape: [1]).embedding(Tensor.ones([5]))]
        },
      ]
    }
  ]
}
