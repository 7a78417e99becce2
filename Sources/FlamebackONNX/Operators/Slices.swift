import Flameback
import FlamebackCore

extension Operator {
  static let slices: [String: Operator] = [
    "Slice": .one([1, 2, 3, 4]) { call in
      var x = try call(0)
      guard let starts = try call.list(1) ?? call.ints("starts"), let ends = try call.list(2) ?? call.ints("ends")
      else {
        throw call.error("needs starts and ends")
      }
      let axes = try call.axes(call.list(3) ?? call.ints("axes") ?? Array(starts.indices), rank: x.rank)
      let steps = try call.list(4) ?? starts.map { _ in 1 }
      try call.require(
        starts.count == ends.count && starts.count == axes.count && starts.count == steps.count,
        "starts, ends, axes and steps of different lengths")
      for (i, axis) in axes.enumerated() { x = try slice(call, x, axis, starts[i], ends[i], steps[i]) }
      return x
    },
    "Pad": .one([1, 2, 3]) { call in
      let x = try call(0)
      guard let pads = try call.list(1) ?? call.ints("pads") ?? call.ints("paddings") else {
        throw call.error("needs pads")
      }
      let axes = try call.axes(call.list(3) ?? Array(0..<x.rank), rank: x.rank)
      try call.require(
        pads.count == 2 * axes.count && pads.allSatisfy { abs($0 / 2) < 1 << 30 }, "pads \(pads) do not fit \(x.spec)")
      var before = Array(repeating: 0, count: x.rank)
      var after = before
      for (i, axis) in axes.enumerated() {
        before[axis] = pads[i]
        after[axis] = pads[i + axes.count]
      }
      let value = try call.number(2) ?? call.double("value").map { .float($0) } ?? 0
      return try pad(call, x, before, after, call.text("mode", "constant"), value)
    },
    "CenterCropPad": .one([1]) { call in
      let x = try call(0)
      guard let sizes = try call.list(1) else { throw call.error("needs a shape") }
      let axes = try call.axes(call.ints("axes") ?? Array(0..<x.rank), rank: x.rank)
      try call.require(axes.count == sizes.count && sizes.allSatisfy { $0 >= 0 }, "sizes \(sizes) do not fit \(x.spec)")
      var (before, after) = (Array(repeating: 0, count: x.rank), Array(repeating: 0, count: x.rank))
      var y = x
      for (axis, size) in zip(axes, sizes) {
        let difference = size - x.shape[axis]
        if difference >= 0 {
          before[axis] = difference / 2
          after[axis] = difference - difference / 2
        } else {
          y = y.narrow(dim: axis, start: -difference / 2, length: size)
        }
      }
      return try pad(call, y, before, after, "constant", 0)
    },
    "Trilu": .one([1]) { call in
      let x = try call(0)
      try call.require(x.rank >= 2, "needs matrices, got \(x.spec)")
      let k = min(max(try call.number(1)?.int ?? 0, -1 << 31), 1 << 31)
      let flat = x.dtype == .bool ? x.to(.uint8) : x
      return (try call.bool("upper", true) ? flat.triu(k) : flat.tril(k)).to(x.dtype)
    },
    "ReverseSequence": .one([1]) { call in
      let x = try call(0)
      let time = try call.axis(call.int("time_axis", 0), rank: x.rank)
      let batch = try call.axis(call.int("batch_axis", 1), rank: x.rank)
      guard let lengths = try call.list(1), time != batch, lengths.count == x.shape[batch],
        lengths.allSatisfy({ $0 >= 0 && $0 <= x.shape[time] })
      else { throw call.error("the lengths do not fit \(x.spec)") }
      let rows = lengths.enumerated().map { b, length in
        let row = x.narrow(dim: batch, start: b, length: 1)
        let head = row.narrow(dim: time, start: 0, length: length).flip(time)
        return Tensor.cat([head, row.narrow(dim: time, start: length, length: x.shape[time] - length)], dim: time)
      }
      return rows.isEmpty ? x : .cat(rows, dim: batch)
    },
  ]

  private static func slice(
    _ call: Call, _ x: Tensor, _ axis: Int, _ start: Int, _ end: Int, _ step: Int
  ) throws -> Tensor {
    let n = x.shape[axis]
    // Far ends stand for "to the end" in both directions.
    func place(_ i: Int, _ low: Int, _ high: Int) -> Int { min(max(i < 0 ? max(i, -1 << 62) + n : i, low), high) }
    if step > 0 {
      let (from, to) = (place(start, 0, n), place(end, 0, n))
      return x.slice(dim: axis, start: from, end: max(from, to), step: min(step, max(n, 1)))
    }
    guard step < 0 else { throw call.error("the step must not be 0") }
    let (from, to) = (place(start, -1, n - 1), place(end, -1, n - 1))
    // Forwards in the flipped tensor.
    let first = n - 1 - from
    return x.flip(axis).slice(
      dim: axis, start: first, end: max(first, n - 1 - to), step: min(-max(step, -1 << 62), max(n, 1)))
  }

  static func pad(
    _ call: Call, _ x: Tensor, _ before: [Int], _ after: [Int], _ mode: String, _ value: Scalar
  ) throws -> Tensor {
    let sizes = (0..<x.rank).map { x.shape[$0] + before[$0] + after[$0] }
    try call.shape(sizes, x.dtype)
    if mode == "constant" {
      let padding = (0..<x.rank).reversed().flatMap { [before[$0], after[$0]] }
      let first = padding.lastIndex { $0 != 0 }.map { ($0 / 2 + 1) * 2 } ?? 0
      if first == 0 { return x }
      let fill: Scalar = x.dtype.category <= .integer ? .int(value.int) : value
      if x.dtype == .bool { return x.to(.uint8).constantPad(Array(padding.prefix(first)), value: fill).to(.bool) }
      return x.constantPad(Array(padding.prefix(first)), value: fill)
    }
    var y = x
    for axis in 0..<x.rank where before[axis] != 0 || after[axis] != 0 {
      let n = x.shape[axis]
      try call.require(n > 0, "cannot pad an empty dimension of \(x.spec)")
      let index: [Int] = try (-before[axis]..<(n + after[axis])).map { i in
        switch mode {
        case "edge": return min(max(i, 0), n - 1)
        case "wrap": return ((i % n) + n) % n
        case "reflect":
          if n == 1 { return 0 }
          let place = ((i % (2 * n - 2)) + 2 * n - 2) % (2 * n - 2)
          return place < n ? place : 2 * n - 2 - place
        default: throw call.error("mode '\(mode)' does not exist")
        }
      }
      y = y.indexSelect(dim: axis, index: Tensor(index, shape: [index.count]))
    }
    return y
  }
}
