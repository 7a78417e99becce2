import Flameback
import FlamebackCore

extension Operator {
  static let shapes: [String: Operator] = [
    "Shape": Operator(readsOnlyShapes: true) { call in
      let x = try call(0)
      func place(_ i: Int) -> Int { min(max(i < 0 ? i + x.rank : i, 0), x.rank) }
      let start = place(try call.int("start", 0))
      let end = place(try call.int("end", x.rank))
      let sizes = start < end ? Array(x.shape.array[start..<end]) : []
      return [Tensor(sizes, shape: [sizes.count])]
    },
    "Size": Operator(readsOnlyShapes: true) { call in [Tensor([try call(0).elementCount], shape: [])] },
    "Reshape": .one([1]) { call in
      let x = try call(0)
      guard let sizes = try call.list(1) ?? call.ints("shape") else { throw call.error("needs a shape") }
      return x.reshape(try newShape(call, x, sizes, allowZero: call.bool("allowzero")))
    },
    "Flatten": .one { call in
      let x = try call(0)
      let given = try call.int("axis", 1)
      guard given >= -x.rank, given <= x.rank else { throw call.error("axis \(given) does not exist in \(x.spec)") }
      let axis = given < 0 ? given + x.rank : given
      return x.reshape([x.shape.prefix(axis).reduce(1, *), x.shape.dropFirst(axis).reduce(1, *)])
    },
    "Squeeze": .one([1]) { call in
      let x = try call(0)
      guard let given = try call.list(1) ?? call.ints("axes") else { return x.squeeze() }
      let axes = try call.axes(given, rank: x.rank)
      for axis in axes { try call.require(x.shape[axis] == 1, "dimension \(axis) of \(x.spec) is not 1") }
      return x.squeeze(axes)
    },
    "Unsqueeze": .one([1]) { call in
      let x = try call(0)
      guard let given = try call.list(1) ?? call.ints("axes") else { throw call.error("needs axes") }
      try call.require(given.count + x.rank <= 64, "\(given.count) new dimensions")
      var sizes = x.shape.array
      for axis in try call.axes(given, rank: x.rank + given.count).sorted() { sizes.insert(1, at: axis) }
      return x.reshape(sizes)
    },
    "Transpose": .one { call in
      let x = try call(0)
      guard let given = try call.ints("perm") else { return x.permute(Array((0..<x.rank).reversed())) }
      try call.require(given.count == x.rank, "perm \(given) does not fit \(x.spec)")
      return x.permute(try call.axes(given, rank: x.rank))
    },
    "Expand": .one([1]) { call in
      let x = try call(0)
      guard let sizes = try call.list(1) else { throw call.error("needs a shape") }
      try call.shape(sizes, x.dtype)
      guard let shape = Shape.broadcast(x.shape, Shape(sizes)) else {
        throw call.error("\(x.spec) does not broadcast with \(sizes)")
      }
      try call.shape(shape.array, x.dtype)
      return x.expand(shape.array)
    },
    "Tile": .one([1]) { call in
      let x = try call(0)
      guard let repeats = try call.list(1), repeats.count == x.rank, repeats.allSatisfy({ $0 >= 0 }) else {
        throw call.error("needs one count for each dimension of \(x.spec)")
      }
      try call.shape(product(call, x.shape.array, repeats), x.dtype)
      return x.rank == 0 ? x : x.repeat(repeats)
    },
    "Concat": .one { call in
      let inputs = try call.all()
      let given = try call.int("axis", 1)
      try call.require(inputs[0].rank > 0, "cannot join scalars")
      let axis = try call.axis(given, rank: inputs[0].rank)
      return inputs.count == 1 ? inputs[0] : .cat(inputs, dim: axis)
    },
    "Split": Operator(settings: [1]) { call in
      let x = try call(0)
      let axis = try call.axis(call.int("axis", 0), rank: x.rank)
      if let sizes = try call.list(1) ?? call.ints("split") {
        try call.require(sizes.allSatisfy { $0 >= 0 && $0 <= x.shape[axis] }, "sizes \(sizes) do not fit \(x.spec)")
        return x.split(sizes, dim: axis)
      }
      let count = try call.int("num_outputs") ?? call.outputCount
      try call.require(count > 0 && count <= max(x.shape[axis], call.outputCount), "\(count) outputs of \(x.spec)")
      let size = (x.shape[axis] + count - 1) / count
      let sizes = (0..<count).map { max(0, min(size, x.shape[axis] - $0 * size)) }
      return x.split(sizes, dim: axis)
    },
    "DepthToSpace": .one { call in
      let (x, b) = try blocks(call)
      let depth = x.shape[1] / (b * b)
      try call.require(depth * b * b == x.shape[1], "\(b)² does not divide the channels of \(x.spec)")
      let (n, h, w) = (x.shape[0], x.shape[2], x.shape[3])
      let isColumnFirst = try call.text("mode", "DCR") == "CRD"
      let parts =
        isColumnFirst
        ? x.reshape([n, depth, b, b, h, w]).permute(0, 1, 4, 2, 5, 3)
        : x.reshape([n, b, b, depth, h, w]).permute(0, 3, 4, 1, 5, 2)
      return parts.reshape([n, depth, h * b, w * b])
    },
    "SpaceToDepth": .one { call in
      let (x, b) = try blocks(call)
      let (n, c, h, w) = (x.shape[0], x.shape[1], x.shape[2] / b, x.shape[3] / b)
      try call.require(h * b == x.shape[2] && w * b == x.shape[3], "\(b) does not divide the sizes of \(x.spec)")
      return x.reshape([n, c, h, b, w, b]).permute(0, 3, 5, 1, 2, 4).reshape([n, c * b * b, h, w])
    },
  ]

  private static func blocks(_ call: Call) throws -> (Tensor, Int) {
    let x = try call(0)
    guard let size = try call.int("blocksize"), size > 0, size < 1 << 20, x.rank == 4 else {
      throw call.error("needs a blocksize and 4 dimensions, got \(x.spec)")
    }
    return (x, size)
  }

  /// Products of sizes, checked.
  static func product(_ call: Call, _ a: [Int], _ b: [Int]) throws -> [Int] {
    try zip(a, b).map { a, b in
      let (size, overflow) = a.multipliedReportingOverflow(by: b)
      guard !overflow else { throw call.error("\(a) · \(b) elements") }
      return size
    }
  }

  /// The shape that `Reshape` means: 0 keeps a size, −1 takes what is left.
  private static func newShape(_ call: Call, _ x: Tensor, _ given: [Int], allowZero: Bool) throws -> [Int] {
    try call.require(given.count <= 64, "\(given.count) dimensions")
    var sizes = given
    for (i, size) in given.enumerated() where size == 0 && !allowZero {
      try call.require(i < x.rank, "size 0 at \(i) stands for a dimension that \(x.spec) does not have")
      sizes[i] = x.shape[i]
    }
    let unknown = sizes.indices.filter { sizes[$0] == -1 }
    try call.require(
      unknown.count <= 1 && sizes.allSatisfy { $0 >= -1 }, "\(x.spec) does not take the shape \(given)")
    let known = Shape(sizes.filter { $0 != -1 }).checkedElementCount ?? 0
    if let i = unknown.first {
      try call.require(known > 0 && x.elementCount % known == 0, "\(x.spec) does not take the shape \(given)")
      sizes[i] = x.elementCount / known
    }
    try call.require(
      Shape(sizes).checkedElementCount == x.elementCount, "\(x.spec) does not take the shape \(given)")
    return sizes
  }
}
