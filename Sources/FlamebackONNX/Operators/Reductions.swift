import Flameback
import FlamebackCore

extension Operator {
  private typealias Reduce = @Sendable (Tensor, [Int], Bool) -> Tensor

  static let reductions: [String: Operator] = [
    "ReduceSum": reduction { $0.sum(dim: $1, keepDim: $2, dtype: $0.dtype) },
    "ReduceMean": reduction { x, dims, keep in
      if x.dtype.isFloatingPoint { return x.mean(dim: dims, keepDim: keep) }
      return x.to(.float64).mean(dim: dims, keepDim: keep).to(x.dtype)
    },
    "ReduceMax": reduction(empty: { $0.lowest }) { x, dims, keep in
      x.dtype == .bool ? x.any(dim: dims, keepDim: keep) : x.amax(dim: dims, keepDim: keep)
    },
    "ReduceMin": reduction(empty: { $0.highest }) { x, dims, keep in
      x.dtype == .bool ? x.all(dim: dims, keepDim: keep) : x.amin(dim: dims, keepDim: keep)
    },
    "ReduceProd": reduction { x, dims, keep in
      let result = dims.reduce(x) { $0.prod(dim: $1, keepDim: true, dtype: x.dtype) }
      return keep || dims.isEmpty ? result : result.squeeze(dims)
    },
    "ReduceL1": reduction { $0.abs().sum(dim: $1, keepDim: $2, dtype: $0.dtype) },
    "ReduceL2": reduction { x, dims, keep in
      let wide = x.dtype.isFloatingPoint ? x : x.to(.float64)
      return wide.square().sum(dim: dims, keepDim: keep).sqrt().to(x.dtype)
    },
    "ReduceLogSum": reduction { $0.sum(dim: $1, keepDim: $2).log().to($0.dtype) },
    "ReduceLogSumExp": reduction { x, dims, keep in
      let wide = x.dtype.isFloatingPoint ? x : x.to(.float64)
      return wide.logsumexp(dim: dims, keepDim: keep).to(x.dtype)
    },
    "ReduceSumSquare": reduction { $0.square().sum(dim: $1, keepDim: $2, dtype: $0.dtype) },
    "ArgMax": .one { call in try extremum(call) { $0.argmax(dim: $1, keepDim: true) } },
    "ArgMin": .one { call in try extremum(call) { $0.argmin(dim: $1, keepDim: true) } },
    "CumSum": .one([1]) { call in
      let x = try call(0)
      guard let axis = try call.list(1), axis.count == 1 else { throw call.error("needs one axis") }
      let dim = try call.axis(axis[0], rank: x.rank)
      let (exclusive, reverse) = (try call.bool("exclusive"), try call.bool("reverse"))
      let turned = reverse ? x.flip(dim) : x
      var sum = turned.cumsum(dim: dim, dtype: x.dtype)
      if exclusive { sum = (sum - turned).to(x.dtype) }
      return reverse ? sum.flip(dim) : sum
    },
  ]

  /// Axes come as an attribute or, in newer versions, as the second input. `empty`: the result of no elements.
  private static func reduction(
    empty: (@Sendable (DType) -> Scalar)? = nil, _ compute: @escaping Reduce
  ) -> Operator {
    .one([1]) { call in
      let x = try call(0)
      let given = try call.list(1) ?? call.ints("axes") ?? []
      if given.isEmpty, try call.bool("noop_with_empty_axes") { return compute(x.unsqueeze(0), [0], false) }
      let dims = given.isEmpty ? Array(0..<x.rank) : try call.axes(given, rank: x.rank)
      let keep = try call.bool("keepdims", true)
      if dims.isEmpty { return compute(x.unsqueeze(0), [0], false) }
      if let empty, dims.contains(where: { x.shape[$0] == 0 }) {
        let sizes = (0..<x.rank).compactMap { dims.contains($0) ? (keep ? 1 : nil) : x.shape[$0] }
        return .full(sizes, empty(x.dtype), dtype: x.dtype)
      }
      return compute(x, dims, keep)
    }
  }

  private static func extremum(_ call: Call, _ compute: (Tensor, Int) -> Tensor) throws -> Tensor {
    let x = try call(0)
    let dim = try call.axis(call.int("axis", 0), rank: x.rank)
    try call.require(x.shape[dim] > 0, "axis \(dim) is empty: \(x.spec)")
    let last = try call.bool("select_last_index")
    var index = compute(last ? x.flip(dim) : x, dim)
    if last { index = x.shape[dim] - 1 - index }
    return try call.bool("keepdims", true) ? index : index.squeeze(dim)
  }
}

extension Int {
  fileprivate static func - (a: Int, b: Tensor) -> Tensor { b.neg() + a }
}

extension DType {
  /// The least number; floating point: −∞.
  var lowest: Scalar {
    self == .bool ? false : integerLimits.map { .int($0.least) } ?? .float(-.infinity)
  }

  /// The greatest number, of uint64 the greatest of Int; floating point: ∞.
  var highest: Scalar {
    self == .bool ? true : integerLimits.map { .int(Int(min($0.greatest, UInt(Int.max)))) } ?? .float(.infinity)
  }
}
