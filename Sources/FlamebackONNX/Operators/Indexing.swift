import Flameback
import FlamebackCore

extension Operator {
  static let indexing: [String: Operator] = [
    "Gather": .one { call in
      let x = try call(0)
      let axis = try call.axis(call.int("axis", 0), rank: x.rank)
      let given = try call(1)
      let index = wrapped(given, x.shape[axis])
      let rows = x.indexSelect(dim: axis, index: index.reshape(-1))
      return rows.reshape(Array(x.shape.prefix(axis)) + given.shape.array + Array(x.shape.dropFirst(axis + 1)))
    },
    "GatherElements": .one { call in
      let x = try call(0)
      let axis = try call.axis(call.int("axis", 0), rank: x.rank)
      return x.gather(dim: axis, index: wrapped(try call(1), x.shape[axis]))
    },
    "GatherND": .one { call in
      let (x, index) = (try call(0), try call(1))
      let batch = try call.int("batch_dims", 0)
      guard batch >= 0, index.rank >= 1, batch < min(x.rank, index.rank) else {
        throw call.error("batch_dims \(batch) does not fit \(x.spec) and \(index.spec)")
      }
      let depth = index.shape[index.rank - 1]
      guard batch + depth <= x.rank, depth > 0, Array(x.shape.prefix(batch)) == Array(index.shape.prefix(batch)) else {
        throw call.error("indices \(index.spec) do not fit \(x.spec)")
      }
      var parts: [Tensor?] = []
      let target = Array(index.shape.dropLast())
      for d in 0..<batch {
        var sizes = Array(repeating: 1, count: target.count)
        sizes[d] = x.shape[d]
        parts.append(Tensor.arange(x.shape[d]).reshape(sizes).expand(target))
      }
      for d in 0..<depth { parts.append(wrapped(index.select(dim: -1, index: d), x.shape[batch + d])) }
      return x.index(parts)
    },
    "ScatterElements": .one { try scatterElements($0) },
    "Scatter": .one { try scatterElements($0) },
    "ScatterND": .one { call in
      let (x, index, updates) = (try call(0), try call(1), try call(2))
      guard index.rank >= 1, let depth = index.shape.last, depth > 0, depth <= x.rank else {
        throw call.error("indices \(index.spec) do not fit \(x.spec)")
      }
      let parts = (0..<depth).map { d in Optional(wrapped(index.select(dim: -1, index: d), x.shape[d])) }
      switch try call.text("reduction", "none") {
      case "none": return x.indexPut(parts, updates)
      case "add": return x.indexPut(parts, updates, accumulate: true)
      case let name:
        let inner = x.shape.dropFirst(depth).reduce(1, *)
        let rows = x.shape.prefix(depth).reduce(1, *)
        var flat = Tensor.zeros(Array(index.shape.dropLast()), dtype: .int64)
        for d in 0..<depth { flat = flat * x.shape[d] + parts[d]! }
        let places = flat.reshape([-1, 1]).expand([flat.elementCount, inner])
        return x.reshape([rows, inner]).scatterReduce(
          dim: 0, index: places, src: updates.reshape([flat.elementCount, inner]), reduce: try reduction(call, name)
        ).reshape(x.shape)
      }
    },
    "Compress": .one { call in
      let given = try call(0)
      let axis = try call.int("axis")
      let x = axis == nil ? given.reshape(-1) : given
      let dim = try call.axis(axis ?? 0, rank: x.rank)
      guard let list = try call.list(1),
        list.count <= x.shape[dim] || list.dropFirst(x.shape[dim]).allSatisfy({ $0 == 0 })
      else { throw call.error("the condition is longer than dimension \(dim) of \(x.spec)") }
      let kept = list.indices.filter { list[$0] != 0 }
      return x.indexSelect(dim: dim, index: Tensor(kept, shape: [kept.count]))
    },
    "NonZero": .one { call in
      let x = try call(0)
      return x.rank == 0
        ? x.reshape(1).nonzero().transpose(0, 1).narrow(dim: 0, start: 0, length: 0) : x.nonzero().transpose(0, 1)
    },
    "OneHot": .one([1, 2]) { call in
      let index = try call(0)
      guard let depth = try call.number(1)?.int, depth > 0 else { throw call.error("the depth must be positive") }
      let values = try call(2)
      try call.require(values.elementCount == 2, "needs two values, got \(values.spec)")
      let given = try call.int("axis", -1)
      guard given >= -index.rank - 1, given <= index.rank else { throw call.error("axis \(given) does not exist") }
      let axis = given < 0 ? given + index.rank + 1 : given
      try call.shape(index.shape.array + [depth], values.dtype)
      var sizes = Array(repeating: 1, count: index.rank + 1)
      sizes[axis] = depth
      let whole = index.to(.int64).remainder(depth).unsqueeze(axis)
      let inside = (index.to(.int64).unsqueeze(axis) .>= -depth) & (index.to(.int64).unsqueeze(axis) .< depth)
      let hit = (whole .== Tensor.arange(depth).reshape(sizes)) & inside
      return select(where: hit, values.reshape(-1)[1], values.reshape(-1)[0])
    },
    "TopK": Operator(settings: [1]) { call in
      let x = try call(0)
      let axis = try call.axis(call.int("axis", -1), rank: x.rank)
      guard let k = try call.number(1)?.int ?? call.int("k"), k >= 0, k <= x.shape[axis] else {
        throw call.error("k does not fit \(x.spec)")
      }
      // Equal elements come in the order of their places, hence the stable sort.
      let sorted = x.sort(dim: axis, descending: try call.bool("largest", true), stable: true)
      return [
        sorted.values.narrow(dim: axis, start: 0, length: k), sorted.indices.narrow(dim: axis, start: 0, length: k),
      ]
    },
    "Unique": Operator { call in try unique(call) },
  ]

  /// Indices with negative ones counted from behind.
  static func wrapped(_ index: Tensor, _ size: Int) -> Tensor {
    let index = index.to(.int64)
    return select(where: index .< 0, index + size, index)
  }

  private static func reduction(_ call: Call, _ name: String) throws -> ScatterReduction {
    switch name {
    case "add": return .sum
    case "mul": return .prod
    case "max": return .amax
    case "min": return .amin
    default: throw call.error("reduction '\(name)' does not exist")
    }
  }

  private static func scatterElements(_ call: Call) throws -> Tensor {
    let x = try call(0)
    let axis = try call.axis(call.int("axis", 0), rank: x.rank)
    let index = wrapped(try call(1), x.shape[axis])
    let name = try call.text("reduction", "none")
    if name == "none" { return x.scatter(dim: axis, index: index, src: try call(2)) }
    return x.scatterReduce(dim: axis, index: index, src: try call(2), reduce: try reduction(call, name))
  }

  private static func unique(_ call: Call) throws -> [Tensor] {
    let given = try call(0)
    let axis = try call.int("axis")
    let x = axis == nil ? given.reshape(-1) : given
    let dim = try call.axis(axis ?? 0, rank: x.rank)
    let distinct = x.uniqueWithCounts(dim: dim)
    let n = x.shape[dim]
    let count = distinct.counts.elementCount
    // The first place of each value: the least index that maps to it.
    var first = [Int](repeating: n, count: count)
    let inverse = distinct.inverse.scalars(Int.self)
    for (i, group) in inverse.enumerated() where first[group] == n { first[group] = i }
    let isSorted = try call.bool("sorted", true)
    if isSorted {
      return [distinct.values, Tensor(first, shape: [count]), distinct.inverse.reshape(-1), distinct.counts]
    }
    let order = first.indices.sorted { first[$0] < first[$1] }
    var place = [Int](repeating: 0, count: count)
    for (new, old) in order.enumerated() { place[old] = new }
    let picks = Tensor(order, shape: [count])
    return [
      distinct.values.indexSelect(dim: dim, index: picks), Tensor(order.map { first[$0] }, shape: [count]),
      Tensor(inverse.map { place[$0] }, shape: [n]), distinct.counts.indexSelect(dim: 0, index: picks),
    ]
  }
}
