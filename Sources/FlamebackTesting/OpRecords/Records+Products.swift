import Flameback
import FlamebackKernels

extension OpRecord {
  /// The product of matrices in the last two dimensions, with broadcast leading ones.
  static func product(_ a: PlainArray, _ b: PlainArray) -> PlainArray {
    let (rows, columns) = (a.shape[a.rank - 2], b.shape[b.rank - 1])
    let left = PlainArray(Array(a.shape.dropLast(2)), [Double](repeating: 0, count: a.shape.dropLast(2).reduce(1, *)))
    let right = PlainArray(Array(b.shape.dropLast(2)), [Double](repeating: 0, count: b.shape.dropLast(2).reduce(1, *)))
    let batch = PlainArray.broadcastShape([left, right])
    let depth = a.shape[a.rank - 1]
    // Which matrices meet: their numbers, broadcast.
    let numbers = [left, right].map { PlainArray($0.shape, $0.values.indices.map(Double.init)) }
    let pairs = (0..<2).map { k in PlainArray.broadcast(numbers) { $0[k] }.values.map { Int($0) } }
    var values: [Double] = []
    for (l, r) in zip(pairs[0], pairs[1]) {
      for i in 0..<rows {
        for j in 0..<columns {
          var sum = 0.0
          for k in 0..<depth {
            sum += a.values[(l * rows + i) * depth + k] * b.values[(r * depth + k) * columns + j]
          }
          values.append(sum)
        }
      }
    }
    return PlainArray(batch + [rows, columns], values)
  }

  private static let matmulShapes: [([Int], [Int])] = [
    ([2, 3], [3, 2]), ([1, 4], [4, 1]), ([3, 1], [1, 2]), ([2, 2, 3], [3, 2]), ([2, 1, 2, 3], [3, 3, 1]), ([3], [3]),
    ([2, 3], [3]), ([3], [3, 2]), ([2, 0], [0, 3]), ([0, 2], [2, 3]), ([2, 2, 2], [2, 2, 2]), ([65, 130], [130, 67]),
    ([3, 65, 33], [3, 33, 17]), ([300, 40], [40, 5]), ([1, 500], [500, 3]),
  ]

  static let products: [OpRecord] = [
    OpRecord(
      "matmul", .numeric,
      samples: matmulShapes.map { a, b in
        OpSample([SampleInput(a), SampleInput(b)]) {
          [$0[0].matmul($0[1])]
        } reference: { x in
          let left = a.count == 1 ? x[0].reshaped([1] + a) : x[0]
          let right = b.count == 1 ? x[1].reshaped(b + [1]) : x[1]
          let result = product(left, right)
          var shape = result.shape
          if b.count == 1 { shape.removeLast() }
          if a.count == 1 { shape.remove(at: shape.count - (b.count == 1 ? 1 : 2)) }
          return [result.reshaped(shape)]
        }
      }
    ).with {
      $0.tolerance = 4
      $0.failures = [
        Failure("[matmul] shapes cannot be multiplied: float32 [2, 3] × float32 [4, 5]") {
          [Tensor.ones([2, 3]).matmul(Tensor.ones([4, 5]))]
        },
        Failure("[matmul] batch dimensions do not broadcast: float32 [2, 3, 4] × float32 [3, 4, 5]") {
          [Tensor.ones([2, 3, 4]).matmul(Tensor.ones([3, 4, 5]))]
        },
        Failure("[matmul] operands of different dtypes: float32 [2, 2] × float64 [2, 2]") {
          [Tensor.ones([2, 2]).matmul(Tensor.ones([2, 2], dtype: .float64))]
        },
        Failure("[matmul] not defined for bool") {
          [Tensor.ones([2, 2], dtype: .bool).matmul(Tensor.ones([2, 2], dtype: .bool))]
        },
        Failure("[matmul] both arguments need at least one dimension: float32 [] × float32 [2]") {
          [Tensor.ones([]).matmul(Tensor.ones([2]))]
        },
        Failure("[mm] expected two matrices: float32 [2] × float32 [2, 2]") {
          [Tensor.ones([2]).mm(Tensor.ones([2, 2]))]
        },
        Failure("[bmm] expected two batches of equal size: float32 [2, 2, 2] × float32 [3, 2, 2]") {
          [Tensor.ones([2, 2, 2]).bmm(Tensor.ones([3, 2, 2]))]
        },
        Failure("[dot] expected two vectors of equal size: float32 [2] × float32 [3]") {
          [Tensor.ones([2]).dot(Tensor.ones([3]))]
        },
      ]
    },
    OpRecord(
      "addmm", .floating + .complex,
      samples: [([2, 4], 1), ([4], 2), ([2, 1], 3), ([], 4)].map { shape, depth in
        OpSample([SampleInput(shape), SampleInput([2, depth]), SampleInput([depth, 4])]) {
          [$0[0].addmm($0[1], $0[2], beta: 0.5, alpha: 2)]
        } reference: { x in
          let result = product(x[1], x[2])
          return [PlainArray(result.shape) { 0.5 * x[0].broadcast($0) + 2 * result[$0] }]
        }
      }
    ).with {
      $0.tolerance = 4
      $0.failures = [
        Failure(
          "[addmm] the added tensor does not broadcast to [2, 2]: float32 [2, 3] × float32 [3, 2] × float32 [3]"
        ) { [Tensor.ones([3]).addmm(Tensor.ones([2, 3]), Tensor.ones([3, 2]))] }
      ]
    },
    OpRecord(
      "linear", .floating,
      samples: [([3, 4], [2, 4]), ([2, 2, 3], [4, 3]), ([3], [2, 3]), ([0, 3], [2, 3]), ([20, 65], [33, 65])].map {
        x, w in
        OpSample([SampleInput(x), SampleInput(w), SampleInput([w[0]])]) {
          [$0[0].linear($0[1], $0[2])]
        } reference: { inputs in
          let (x, w, b) = (inputs[0], inputs[1], inputs[2])
          return [
            PlainArray(x.shape.dropLast() + [w.shape[0]]) { index in
              (0..<w.shape[1]).reduce(b[index.last!]) { $0 + x[index.dropLast() + [$1]] * w[index.last!, $1] }
            }
          ]
        }
      }
    ).with { $0.tolerance = 4 },
  ]
}
