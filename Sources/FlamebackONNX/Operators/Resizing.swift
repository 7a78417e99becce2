import Flameback
import FlamebackCore

extension Operator {
  static let resizing: [String: Operator] = [
    "Resize": .one([1, 2, 3]) { try Resizing($0).run() },
    "Upsample": .one([1]) { call in
      let x = try call(0)
      guard let scales = try call.doubles(1) ?? call.doubles("scales"), scales.count == x.rank else {
        throw call.error("needs one scale for each dimension of \(x.spec)")
      }
      return try Resizing(call, scales: scales).run()
    },
  ]
}

/// Resizing as ONNX defines it: one linear map for each axis, a row of weights for each output place.
private struct Resizing {
  let call: Call
  let x: Tensor
  let axes: [Int]
  var scales: [Double]
  var sizes: [Int]
  let mode: String
  let coordinates: String
  let nearest: String
  let cubic: Double
  let excludesOutside: Bool
  let antialiases: Bool
  let extrapolation: Double
  /// Where the crop begins and ends, for each axis.
  var region: [(start: Double, end: Double)]

  /// `Upsample`: the older operator, which counts from the first element on and takes the one before.
  init(_ call: Call, scales: [Double]) throws {
    self.call = call
    x = try call(0)
    axes = Array(0..<x.rank)
    self.scales = scales
    mode = try call.text("mode", "nearest")
    coordinates = "asymmetric"
    nearest = "floor"
    cubic = -0.75
    excludesOutside = false
    antialiases = false
    extrapolation = 0
    region = axes.map { _ in (0, 1) }
    sizes = []
    sizes = try outputSizes()
  }

  init(_ call: Call) throws {
    self.call = call
    let x = try call(0)
    self.x = x
    let axes = try call.axes(call.ints("axes") ?? Array(0..<x.rank), rank: x.rank)
    self.axes = axes
    mode = try call.text("mode", "nearest")
    coordinates = try call.text("coordinate_transformation_mode", call.opset < 11 ? "asymmetric" : "half_pixel")
    nearest = try call.text("nearest_mode", call.opset < 11 ? "floor" : "round_prefer_floor")
    cubic = try call.double("cubic_coeff_a", -0.75)
    excludesOutside = try call.bool("exclude_outside")
    antialiases = try call.bool("antialias")
    extrapolation = try call.double("extrapolation_value", 0)
    region = axes.map { _ in (0, 1) }
    let first = call.opset < 11 ? 1 : 2
    if call.opset >= 11, let given = try call.doubles(1), !given.isEmpty {
      try call.require(given.count == 2 * axes.count, "\(given.count) numbers of a region for \(axes.count) axes")
      region = axes.indices.map { (given[$0], given[$0 + axes.count]) }
    }
    sizes = []
    scales = try call.doubles(first) ?? []
    if scales.isEmpty {
      guard call.opset >= 11, let given = try call.list(3), given.count == axes.count, given.allSatisfy({ $0 > 0 })
      else { throw call.error("needs a scale or a size for each axis") }
      let exact = axes.indices.map { Double(given[$0]) / Double(max(x.shape[axes[$0]], 1)) }
      switch try call.text("keep_aspect_ratio_policy", "stretch") {
      case "stretch":
        scales = exact
        sizes = given
      case let policy:
        let scale = policy == "not_larger" ? exact.min() ?? 1 : exact.max() ?? 1
        scales = axes.map { _ in scale }
        for axis in axes {
          let size = (Double(x.shape[axis]) * scale + 0.5).rounded(.down)
          try call.require(size < 0x1p40, "a size of \(size)")
          sizes.append(Int(size))
        }
      }
    } else {
      try call.require(scales.count == axes.count, "\(scales.count) scales for \(axes.count) axes")
      sizes = try outputSizes()
    }
    try call.require(axes.allSatisfy { x.shape[$0] > 0 }, "cannot resize nothing: \(x.spec)")
  }

  private func outputSizes() throws -> [Int] {
    try axes.indices.map { i in
      var extent = Double(x.shape[axes[i]])
      if coordinates == "tf_crop_and_resize" { extent *= region[i].end - region[i].start }
      let size = (extent * scales[i]).rounded(.down)
      try call.require(scales[i] > 0 && size.isFinite && size > 0 && size < 0x1p40, "scale \(scales[i]) of \(x.spec)")
      return Int(size)
    }
  }

  func run() throws -> Tensor {
    var target = x.shape.array
    for (axis, size) in zip(axes, sizes) { target[axis] = size }
    try call.shape(target, x.dtype)
    var y = x.dtype == .float64 ? x : x.to(.float32)
    if let fast = fastest(y) { return fast.to(x.dtype) }
    var outside: [(axis: Int, flags: [Bool])] = []
    for (i, axis) in axes.enumerated() {
      let n = x.shape[axis]
      if sizes[i] == n, scales[i] == 1, coordinates != "tf_crop_and_resize" { continue }
      if mode == "nearest" {
        let places = (0..<sizes[i]).map { nearestPlace(position($0, i), n) }
        y = y.indexSelect(dim: axis, index: Tensor(places, shape: [places.count]))
      } else {
        try call.shape([sizes[i], n], .float64)
        var rows = [Double](repeating: 0, count: sizes[i] * n)
        for o in 0..<sizes[i] { weights(position(o, i), n, scales[i]) { rows[o * n + $0] += $1 } }
        let map = Tensor(rows, shape: [sizes[i], n]).to(y.dtype)
        y = y.movedim(axis, -1).matmul(map.t()).movedim(-1, axis)
      }
      if coordinates == "tf_crop_and_resize" {
        outside.append((axis, (0..<sizes[i]).map { position($0, i) < 0 || position($0, i) > Double(n - 1) }))
      }
    }
    for (axis, flags) in outside where flags.contains(true) {
      var shape = Array(repeating: 1, count: x.rank)
      shape[axis] = flags.count
      let fill = Tensor.full([], .float(extrapolation), dtype: y.dtype)
      y = select(where: Tensor(flags, shape: Shape(shape)), fill, y)
    }
    return y.to(x.dtype)
  }

  /// The kernel of two spatial dimensions, where it computes the same.
  private func fastest(_ x: Tensor) -> Tensor? {
    guard x.rank == 4, !antialiases, !excludesOutside else { return nil }
    var target = [x.shape[0], x.shape[1], x.shape[2], x.shape[3]]
    for (i, axis) in axes.enumerated() {
      guard axis >= 2 || sizes[i] == x.shape[axis], Double(sizes[i]) == Double(x.shape[axis]) * scales[i] else {
        return nil
      }
      target[axis] = sizes[i]
    }
    let size = Array(target[2...])
    switch (mode, coordinates) {
    case ("linear", "half_pixel"), ("linear", "pytorch_half_pixel"):
      guard coordinates == "half_pixel" || size.allSatisfy({ $0 > 1 }) else { return nil }
      return x.interpolate(size: size, mode: .bilinear, alignCorners: false)
    case ("linear", "align_corners"): return x.interpolate(size: size, mode: .bilinear, alignCorners: true)
    case ("nearest", "asymmetric") where nearest == "floor": return x.interpolate(size: size, mode: .nearest)
    default: return nil
    }
  }

  /// Where output place `o` of axis number `i` lies in the input.
  private func position(_ o: Int, _ i: Int) -> Double {
    let n = Double(x.shape[axes[i]])
    let (size, scale, place) = (Double(sizes[i]), scales[i], Double(o))
    switch coordinates {
    case "asymmetric": return place / scale
    case "align_corners":
      let exact = n * scale  // not rounded, as ONNX has it
      return exact == 1 ? 0 : place * (n - 1) / (exact - 1)
    case "pytorch_half_pixel": return size > 1 ? (place + 0.5) / scale - 0.5 : 0
    case "tf_half_pixel_for_nn": return (place + 0.5) / scale
    case "half_pixel_symmetric":
      let offset = n / 2 * (1 - size / (n * scale))
      return offset + (place + 0.5) / scale - 0.5
    case "tf_crop_and_resize":
      let (start, end) = region[i]
      if size == 1 { return 0.5 * (start + end) * (n - 1) }
      return start * (n - 1) + place * (end - start) * (n - 1) / (size - 1)
    default: return (place + 0.5) / scale - 0.5
    }
  }

  private func nearestPlace(_ position: Double, _ n: Int) -> Int {
    let rounded =
      switch nearest {
      case "floor": position.rounded(.down)
      case "ceil": position.rounded(.up)
      case "round_prefer_ceil": (position + 0.5).rounded(.down)
      default: (position - 0.5).rounded(.up)
      }
    return Int(min(max(rounded, 0), Double(n - 1)))
  }

  /// The weights of the input places around `position`; places beyond the border count as the border.
  private func weights(_ position: Double, _ n: Int, _ scale: Double, _ add: (Int, Double) -> Void) {
    guard position.isFinite, abs(position) < 0x1p40 else { return add(0, 1) }
    let isCubic = mode == "cubic"
    let shrink = antialiases ? min(scale, 1) : 1
    let reach = (isCubic ? 2 : 1) / shrink
    let base = Int(position.rounded(.down))
    let low = antialiases ? Int((position - reach).rounded(.down)) : base - (isCubic ? 1 : 0)
    let high = antialiases ? Int((position + reach).rounded(.up)) : base + (isCubic ? 2 : 1)
    var places: [(Int, Double)] = []
    for place in low...max(low, min(high, low + 4 * n + 8)) {
      let distance = abs(Double(place) - position) * shrink
      var weight = isCubic ? cubicWeight(distance) : max(0, 1 - distance)
      if excludesOutside, place < 0 || place >= n { weight = 0 }
      if weight != 0 { places.append((place, weight)) }
    }
    let sum = antialiases || excludesOutside ? places.reduce(0) { $0 + $1.1 } : 1
    for (place, weight) in places { add(min(max(place, 0), n - 1), weight / sum) }
  }

  private func cubicWeight(_ t: Double) -> Double {
    let a = cubic
    if t <= 1 { return ((a + 2) * t - (a + 3)) * t * t + 1 }
    if t < 2 { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a }
    return 0
  }
}
