import Flameback
import FlamebackCore

extension Operator {
  static let spatial: [String: Operator] = [
    "GridSample": .one { call in
      let (x, grid) = (try call(0), try call(1))
      let mode: GridSampleMode =
        switch try call.text("mode", "linear") {
        case "linear", "bilinear": .bilinear
        case "nearest": .nearest
        case "cubic", "bicubic": .bicubic
        case let name: throw call.error("mode '\(name)' does not exist")
        }
      let padding: GridPaddingMode =
        switch try call.text("padding_mode", "zeros") {
        case "zeros": .zeros
        case "border": .border
        case "reflection": .reflection
        case let name: throw call.error("padding_mode '\(name)' does not exist")
        }
      return x.gridSample(
        grid.to(x.dtype), mode: mode, paddingMode: padding, alignCorners: try call.bool("align_corners"))
    },
    "AffineGrid": .one([1]) { call in
      guard let size = try call.list(1), size.count == 4 || size.count == 5 else { throw call.error("needs a size") }
      try call.shape(size + [3])
      return try call(0).affineGrid(size, alignCorners: call.bool("align_corners"))
    },
    "Col2Im": .one([1, 2]) { call in
      let x = try call(0)
      guard let image = try call.list(1), let block = try call.list(2), x.rank == 3, image.count == block.count,
        image.allSatisfy({ $0 > 0 && $0 < 1 << 31 }), block.allSatisfy({ $0 > 0 && $0 < 1 << 31 })
      else { throw call.error("needs [batch, columns, blocks], an image and a block size") }
      let n = image.count
      let dilation = try call.sizes("dilations", n, 1)
      let stride = try call.sizes("strides", n, 1)
      let pads = try call.sizes("pads", 2 * n, 0, atLeast: 0)
      let area = Shape(block).checkedElementCount ?? 0
      try call.require(area > 0 && x.shape[1] % area == 0, "blocks \(block) do not fit \(x.spec)")
      let channels = x.shape[1] / area
      let padded = (0..<n).map { image[$0] + pads[$0] + pads[n + $0] }
      let counts = (0..<n).map { (d: Int) -> Int in
        let room = padded[d] - dilation[d] * (block[d] - 1) - 1
        return room < 0 ? 0 : room / stride[d] + 1
      }
      try call.require(
        counts.allSatisfy { $0 > 0 } && Shape(counts).checkedElementCount == x.shape[2],
        "\(x.spec) has not \(counts) blocks")
      try call.shape([x.shape[0], channels] + padded, x.dtype)
      // For each place in a block, the rows it adds to.
      var flat = Tensor.zeros([], dtype: .int64)
      for d in 0..<n {
        var blockShape = Array(repeating: 1, count: 2 * n)
        blockShape[d] = block[d]
        var countShape = Array(repeating: 1, count: 2 * n)
        countShape[n + d] = counts[d]
        let place =
          Tensor.arange(block[d]).reshape(blockShape) * dilation[d]
          + Tensor.arange(counts[d]).reshape(countShape) * stride[d]
        flat = flat * padded[d] + place
      }
      let index = flat.reshape(-1)
      let size = padded.reduce(1, *)
      let values = x.reshape([x.shape[0] * channels, area * x.shape[2]])
      let sum = Tensor.zeros([x.shape[0] * channels, size], dtype: x.dtype).indexAdd(
        dim: 1, index: index, source: values)
      var y = sum.reshape([x.shape[0], channels] + padded)
      for d in 0..<n { y = y.narrow(dim: d + 2, start: pads[d], length: image[d]) }
      return y
    },
    "NonMaxSuppression": Operator(settings: [2, 3, 4], isPure: true) { try [nonMaxSuppression($0)] },
  ]

  private static func nonMaxSuppression(_ call: Call) throws -> Tensor {
    let (boxes, scores) = (try call(0), try call(1))
    guard boxes.rank == 3, scores.rank == 3, boxes.shape[2] == 4, boxes.shape[0] == scores.shape[0],
      boxes.shape[1] == scores.shape[2], let corners = try call.doubles(0), let values = try call.doubles(1)
    else { throw call.error("boxes \(boxes.spec) and scores \(scores.spec) do not fit") }
    let limit = try call.number(2)?.int ?? 0
    let overlap = try call.number(3)?.double ?? 0
    let least = try call.number(4)?.double ?? -Double.infinity
    let isCentred = try call.int("center_point_box", 0) == 1
    let (count, classes) = (boxes.shape[1], scores.shape[1])
    /// y1, x1, y2, x2
    func box(_ b: Int, _ i: Int) -> (Double, Double, Double, Double) {
      let start = (b * count + i) * 4
      let (p, q, r, s) = (corners[start], corners[start + 1], corners[start + 2], corners[start + 3])
      if isCentred { return (q - s / 2, p - r / 2, q + s / 2, p + r / 2) }
      return (min(p, r), min(q, s), max(p, r), max(q, s))
    }
    func intersectionOverUnion(_ a: (Double, Double, Double, Double), _ b: (Double, Double, Double, Double)) -> Double {
      let height = max(0, min(a.2, b.2) - max(a.0, b.0))
      let width = max(0, min(a.3, b.3) - max(a.1, b.1))
      let union = (a.2 - a.0) * (a.3 - a.1) + (b.2 - b.0) * (b.3 - b.1) - height * width
      return union > 0 ? height * width / union : 0
    }
    var chosen: [Int] = []
    for b in 0..<boxes.shape[0] {
      for c in 0..<classes {
        func score(_ i: Int) -> Double { values[(b * classes + c) * count + i] }
        let order = (0..<count).filter { score($0) > least }.sorted { (score($0), -$0) > (score($1), -$1) }
        var kept: [Int] = []
        for i in order where kept.count < limit {
          if kept.allSatisfy({ intersectionOverUnion(box(b, i), box(b, $0)) <= overlap }) { kept.append(i) }
        }
        for i in kept { chosen += [b, c, i] }
      }
    }
    return Tensor(chosen, shape: [chosen.count / 3, 3])
  }
}
