import Flameback
import FlamebackKernels

extension OpRecord {
  static let views = reshaping + windows + complexViews + joining

  /// An operation that only moves elements: where does the element at an index come from? nil: it is 0.
  static func movement(
    _ name: String, covers: [String]? = nil, dtypes: [DType] = .every, _ shape: [Int], to result: [Int],
    _ run: @escaping @Sendable (Tensor) -> Tensor, from source: @escaping @Sendable ([Int]) -> [Int]?
  ) -> OpRecord {
    let sample = OpSample([SampleInput(shape)]) {
      [run($0[0])]
    } reference: { x in
      [PlainArray(result) { source($0).map { x[0][$0] } ?? 0 }]
    }
    return OpRecord(name, covers: covers, dtypes, samples: [sample]).with { $0.complex = .parts }
  }

  /// The row-major number of an index, and back.
  private static func flat(_ index: [Int], _ shape: [Int]) -> Int { zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 } }
  private static func unflat(_ position: Int, _ shape: [Int]) -> [Int] {
    var rest = position
    var index = shape
    for d in shape.indices.reversed() {
      index[d] = rest % shape[d]
      rest /= shape[d]
    }
    return index
  }

  /// One record of several samples.
  static func joined(_ records: [OpRecord], _ failures: [Failure] = []) -> OpRecord {
    records[0].with {
      $0.samples = records.flatMap(\.samples)
      $0.failures = failures
    }
  }

  private static func reshaped(
    _ name: String, _ shape: [Int], _ result: [Int], _ run: @escaping @Sendable (Tensor) -> Tensor
  )
    -> OpRecord
  {
    movement(name, shape, to: result, run) { unflat(flat($0, result), shape) }
  }

  private static let reshaping: [OpRecord] = [
    joined(
      [
        reshaped("view", [2, 6], [3, 4]) { $0.reshape(3, 4) }, reshaped("view", [2, 3], [6]) { $0.flatten() },
        reshaped("view", [1, 3, 1], [3]) { $0.squeeze() }, reshaped("view", [3], [3, 1]) { $0.unsqueeze(-1) },
        reshaped("view", [6], [2, 3]) { $0.unflatten(0, [2, 3]) }, reshaped("view", [1], []) { $0.reshape([]) },
        reshaped("view", [0, 3], [3, 0]) { $0.reshape(3, 0) },
      ],
      [
        Failure("[reshape] shape '[2, 2]' is invalid for input of size 6") {
          [Tensor.ones([2, 3]).reshape(2, 2)]
        }
      ]),
    joined(
      [
        movement("permute", [2, 3, 4], to: [4, 2, 3], { $0.permute(2, 0, 1) }) { [$0[1], $0[2], $0[0]] },
        movement("permute", [2, 3], to: [3, 2], { $0.transpose(0, 1) }) { [$0[1], $0[0]] },
        movement("permute", [0, 3], to: [3, 0], { $0.t() }) { [$0[1], $0[0]] },
        movement("permute", [2, 1, 3], to: [1, 3, 2], { $0.movedim(0, -1) }) { [$0[2], $0[0], $0[1]] },
      ],
      [
        Failure("[permute] dim 1 appears multiple times in the list of dims") { [Tensor.ones([2, 3]).permute(1, 1)] },
        Failure("[transpose] dimension out of range (expected to be in [-2, 1], but got 2)") {
          [Tensor.ones([2, 3]).transpose(0, 2)]
        },
      ]),
    joined(
      [
        movement("expand", [3, 1], to: [2, 3, 4], { $0.expand(2, 3, 4) }) { [$0[1], 0] },
        movement("expand", [], to: [3], { $0.expand(3) }) { _ in [] },
        movement("expand", [1, 2], to: [0, 2], { $0.expand(0, 2) }) { _ in nil },
      ],
      [
        Failure("[expand] shape [3] does not expand to [4]") { [Tensor.ones([3]).expanded(to: [4])] }
      ]),
    OpRecord(
      "sumTo", .numeric,
      samples: [
        ([2, 3], [3]), ([2, 3], [2, 1]), ([2, 3, 2], [1, 2]), ([2, 3], []), ([0, 3], [3]), ([3000, 3], [3]),
      ].map {
        shape, result in
        OpSample([SampleInput(shape)]) {
          [$0[0].summed(to: Shape(result))]
        } reference: { x in
          let padded = Array(repeating: 1, count: shape.count - result.count) + result
          let dims = shape.indices.filter { padded[$0] == 1 && shape[$0] != 1 || $0 < shape.count - result.count }
          return [x[0].reduced(dims) { $0.reduce(0, +) }.reshaped(result)]
        }
      }
    ).with {
      $0.complex = .parts
      $0.tolerance = 10
    },
  ]

  private static let windows: [OpRecord] = [
    joined(
      [
        movement("slice", covers: ["slice"], [5, 2], to: [2, 2], { $0.slice(dim: 0, start: 1, end: 5, step: 2) }) {
          [1 + 2 * $0[0], $0[1]]
        },
        movement("slice", [2, 5], to: [2, 3], { $0.narrow(dim: 1, start: -4, length: 3) }) { [$0[0], 1 + $0[1]] },
        movement("slice", [3], to: [0], { $0.narrow(dim: 0, start: 3, length: 0) }) { _ in nil },
      ],
      [
        Failure("[slice] step must be greater than zero, got 0") { [Tensor.ones([3]).slice(step: 0)] },
        Failure("[narrow] start (1) + length (3) exceeds size 3 of dim 0") {
          [Tensor.ones([3]).narrow(dim: 0, start: 1, length: 3)]
        },
      ]),
    joined(
      [
        movement("select", [3, 4], to: [3], { $0.select(dim: 1, index: -1) }) { [$0[0], 3] },
        movement("select", [3], to: [], { $0.select(dim: 0, index: 1) }) { _ in [1] },
      ],
      [
        Failure("[select] index 3 is out of range for dimension 0 with size 3") {
          [Tensor.ones([3]).select(dim: 0, index: 3)]
        }
      ]),
    joined(
      [
        movement(
          "unfold", covers: ["unfold", "unfold_adjoint"], [5], to: [3, 3], { $0.unfold(dim: 0, size: 3, step: 1) }
        ) {
          [$0[0] + $0[1]]
        },
        movement("unfold", [7, 2], to: [3, 2, 2], { $0.unfold(dim: 0, size: 2, step: 2) }) {
          [2 * $0[0] + $0[2], $0[1]]
        },
      ],
      [
        Failure("[unfold] size 4 exceeds the size 3 of dim 0") { [Tensor.ones([3]).unfold(dim: 0, size: 4, step: 1)] }
      ]),
    joined(
      [
        movement("diagonal", covers: ["diagonal", "diagonal_adjoint"], [3, 4], to: [3], { $0.diagonal() }) {
          [$0[0], $0[0]]
        },
        movement("diagonal", [3, 4], to: [3], { $0.diagonal(offset: 1) }) { [$0[0], $0[0] + 1] },
        movement("diagonal", [3, 2, 4], to: [2, 2], { $0.diagonal(offset: -1, dim1: 0, dim2: 2) }) {
          [$0[1] + 1, $0[0], $0[1]]
        },
      ],
      [
        Failure("[diagonal] diagonal dimensions cannot be identical: 0, -2") {
          [Tensor.ones([2, 3]).diagonal(dim1: 0, dim2: -2)]
        }
      ]),
    movement("diagonal_adjoint", [3], to: [3, 3], { $0.diagEmbed() }) { $0[0] == $0[1] ? [$0[0]] : nil },
    // The reference speaks of the values in row-major order, so the tensor must lie so.
    OpRecord(
      "as_strided", covers: ["as_strided", "as_strided_adjoint"], .floating + .complex,
      samples: [
        OpSample([SampleInput([3, 4])], staticShape: true) {
          [$0[0].contiguous().asStrided([2, 3], [4, 1], storageOffset: nil)]
        } reference: { x in
          [PlainArray([2, 3]) { x[0].values[4 * $0[0] + $0[1]] }]
        },
        OpSample([SampleInput([6])]) {
          [$0[0].clone().asStrided([3, 2], [1, 1])]
        } reference: { x in
          [PlainArray([3, 2]) { x[0].values[$0[0] + $0[1]] }]
        },
      ]
    ).with {
      $0.complex = .parts
      $0.dependsOnLayout = true
      $0.failures = [
        Failure("[asStrided] sizes [4], strides [2], offset 0 reach beyond a storage of 12 bytes") {
          [Tensor.ones([3]).asStrided([4], [2])]
        }
      ]
    },
    OpRecord(
      "as_strided_scatter", .floating + .complex,
      samples: [
        OpSample([SampleInput([3, 4]), SampleInput([2, 2])]) {
          [$0[0].clone().asStridedScatter($0[1], [2, 2], [4, 1], storageOffset: 1)]
        } reference: { x in
          var result = x[0]
          for i in PlainArray.indices([2, 2]) { result.values[1 + 4 * i[0] + i[1]] = x[1][i] }
          return [result]
        }
      ]
    ).with {
      $0.complex = .parts
      $0.dependsOnLayout = true
    },
    scatter(
      "slice_scatter", [2, 2], { $0.sliceScatter($1, dim: 0, start: 1, end: 4, step: 2) },
      { $0[0] % 2 == 1 ? [$0[0] / 2, $0[1]] : nil }),
    scatter("select_scatter", [4], { $0.selectScatter($1, dim: 1, index: 1) }, { $0[1] == 1 ? [$0[0]] : nil }),
    scatter("diagonal_scatter", [2], { $0.diagonalScatter($1) }, { $0[0] == $0[1] ? [$0[0]] : nil }),
    movement(
      "index_view", covers: ["index_view", "index_view_adjoint"], [3, 4], to: [1, 2], { $0[.newAxis, 1, 1..<3] }
    ) {
      [1, 1 + $0[1]]
    },
    scatter(
      "index_view_scatter", [2],
      { x, values in
        var x = x.clone()
        x[1..<3, 0] = values
        return x
      }, { $0[1] == 0 && (1..<3).contains($0[0]) ? [$0[0] - 1] : nil }
    ).with { $0.covers = [] },
  ]

  /// A [4, 2] tensor with some elements replaced; where do they come from?
  private static func scatter(
    _ name: String, _ source: [Int], _ run: @escaping @Sendable (Tensor, Tensor) -> Tensor,
    _ replacement: @escaping @Sendable ([Int]) -> [Int]?
  ) -> OpRecord {
    let sample = OpSample([SampleInput([4, 2]), SampleInput(source)]) {
      [run($0[0], $0[1])]
    } reference: { x in
      [PlainArray([4, 2]) { index in replacement(index).map { x[1][$0] } ?? x[0][index] }]
    }
    return OpRecord(name, .all, samples: [sample]).with { $0.complex = .parts }
  }

  private static let complexViews: [OpRecord] = [
    OpRecord(
      "view_dtype", [.int32],
      samples: [
        OpSample([SampleInput([2, 3], .whole(0...100))]) {
          [$0[0].view(.int16)]
        } reference: { x in
          [PlainArray([2, 6]) { $0[1] % 2 == 0 ? x[0][$0[0], $0[1] / 2] : 0 }]
        }
      ]
    ).with {
      $0.order = .none
      $0.dependsOnLayout = true
    },
    OpRecord(
      "view_as_real", .complex,
      samples: [[3], [2, 2], []].map { shape in
        OpSample([SampleInput(shape)]) {
          [$0[0].viewAsReal()]
        } reference: { x in
          [PlainArray(shape + [2]) { $0.last == 0 ? x[0][Array($0.dropLast())] : 0 }]
        }
      }
    ).with {
      $0.failures = [
        Failure("[viewAsReal] expects a complex tensor, got float32 [2]") { [Tensor.ones([2]).viewAsReal()] }
      ]
    },
    OpRecord(
      "view_as_complex", [.float32, .float64],
      samples: [[3, 2], [2]].map { shape in
        OpSample([SampleInput(shape)]) {
          [$0[0].contiguous().viewAsComplex()]
        } reference: { x in
          [PlainArray(shape.dropLast()) { x[0][$0 + [0]] }]
        }
      }
    ).with {
      $0.failures = [
        Failure("[viewAsComplex] expects a last dimension of size 2, got shape [3]") {
          [Tensor.ones([3]).viewAsComplex()]
        }
      ]
    },
    movement("complex_part", dtypes: .complex, [3], to: [3], { $0.real }) { $0 }.with { $0.complex = .realAxis },
    movement("complex_part", dtypes: .complex, [2, 2], to: [2, 2], { $0.imag }) { _ in nil }.with {
      $0.complex = .realAxis
    },
    OpRecord(
      "complex", [.float32, .float64],
      samples: [[3], [], [0, 2]].map { shape in
        OpSample([SampleInput(shape), SampleInput(shape)]) {
          let z = Tensor.complex($0[0], $0[1])
          return [z, z.imag]
        } reference: {
          $0
        }
      }),
  ]

  private static let joining: [OpRecord] = [
    OpRecord(
      "cat", .all,
      samples: [([2, 3], [1, 3], 0), ([2, 1], [2, 2], -1), ([0], [3], 0), ([2, 2, 1], [2, 3, 1], 1)].map { a, b, dim in
        OpSample([SampleInput(a), SampleInput(b)]) {
          [Tensor.cat([$0[0], $0[1]], dim: dim)]
        } reference: { x in
          let d = dim < 0 ? a.count - 1 : dim
          var shape = a
          shape[d] += b[d]
          return [
            PlainArray(shape) { index in
              if index[d] < a[d] { return x[0][index] }
              var other = index
              other[d] -= a[d]
              return x[1][other]
            }
          ]
        }
      }
    ).with {
      $0.complex = .parts
      $0.failures = [
        Failure("[cat]") { [Tensor.cat([Tensor.ones([2, 3]), Tensor.ones([2, 4])], dim: 0)] },
        Failure("[cat]") { [Tensor.cat([])] },
      ]
    },
    joined(
      [
        movement("flip", [2, 3], to: [2, 3], { $0.flip(0, 1) }) { [1 - $0[0], 2 - $0[1]] },
        movement("flip", [4], to: [4], { $0.flip(-1) }) { [3 - $0[0]] },
        movement("flip", [0, 2], to: [0, 2], { $0.flip(0) }) { $0 },
      ],
      [Failure("[flip] dim 0 appears multiple times in the list of dims") { [Tensor.ones([2, 3]).flip(0, -2)] }]),
    movement("cat", [2, 3], to: [2, 3], { $0.roll(1, dim: 1) }) { [$0[0], ($0[1] + 2) % 3] },
    joined(
      [
        movement("triangle", [3, 4], to: [3, 4], { $0.tril() }) { $0[1] <= $0[0] ? $0 : nil },
        movement("triangle", [2, 3, 3], to: [2, 3, 3], { $0.triu(1) }) { $0[2] >= $0[1] + 1 ? $0 : nil },
        movement("triangle", [0, 3], to: [0, 3], { $0.triu() }) { $0 },
      ], [Failure("[tril] needs at least 2 dimensions, got float32 [3]") { [Tensor.ones([3]).tril()] }]),
    joined(
      [
        movement(
          "constant_pad", covers: ["constant_pad", "region"], [2, 3], to: [3, 6], { $0.constantPad([1, 2, 0, 1]) }
        ) {
          $0[0] < 2 && (1..<4).contains($0[1]) ? [$0[0], $0[1] - 1] : nil
        },
        movement("constant_pad", [4], to: [3], { $0.constantPad([-2, 1]) }) { $0[0] < 2 ? [$0[0] + 2] : nil },
        movement("constant_pad", [0, 2], to: [2, 2], { $0.constantPad([0, 0, 1, 1]) }) { _ in nil },
      ],
      [
        Failure("[pad] padding [-3, 0] makes the size of dim 0 negative: float32 [2]") {
          [Tensor.ones([2]).constantPad([-3, 0])]
        }
      ]),
  ]
}
