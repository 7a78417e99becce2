import Flameback
import FlamebackCore

extension Operator {
  static let pools: [String: Operator] = [
    "MaxPool": Operator { try maxPool($0) },
    "AveragePool": .one { call in
      let x = try call(0)
      let (window, sizes) = try pool(call, x)
      let counts = try call.bool("count_include_pad")
      let sum = try windowSum(call, x, window, sizes)
      // What counts: the elements, and the padding if it is told to; never what rounding up adds.
      let ones = Tensor.ones([1, 1] + x.shape.dropFirst(2), dtype: x.dtype)
      let weights = counts ? try padded(call, ones, window.before, window.after, 1) : ones
      var rest = window
      if counts {
        rest.before = window.before.map { _ in 0 }
        rest.after = rest.before
      }
      return sum / (try windowSum(call, weights, rest, sizes))
    },
    "LpPool": .one { call in
      let x = try call(0)
      let (window, sizes) = try pool(call, x)
      let p = try call.int("p").map(Double.init) ?? 2
      return try windowSum(call, x.abs().pow(p), window, sizes).pow(1 / p)
    },
    "GlobalAveragePool": .one { call in
      let x = try spatial(call)
      return x.mean(dim: Array(2..<x.rank), keepDim: true)
    },
    "GlobalMaxPool": .one { call in
      let x = try spatial(call)
      return x.amax(dim: Array(2..<x.rank), keepDim: true)
    },
    "GlobalLpPool": .one { call in
      let x = try spatial(call)
      let p = try call.int("p").map(Double.init) ?? 2
      return x.abs().pow(p).sum(dim: Array(2..<x.rank), keepDim: true).pow(1 / p)
    },
    "MaxUnpool": .one([2]) { call in
      let (x, index) = (try call(0), try call(1))
      let n = x.rank - 2
      try call.require((1...3).contains(n) && index.shape == x.shape, "\(x.spec) and \(index.spec)")
      let kernel = try call.sizes("kernel_shape", n, 1)
      let stride = try call.sizes("strides", n, 1)
      let pads = try call.sizes("pads", 2 * n, 0, atLeast: 0)
      let inner = (0..<n).map { (x.shape[$0 + 2] - 1) * stride[$0] + kernel[$0] - pads[$0] - pads[n + $0] }
      let own: [Int] = [x.shape[0], x.shape[1]] + inner
      let target: [Int] = try call.list(2) ?? own
      try call.require(target.count == x.rank, "output shape \(target) does not fit \(x.spec)")
      try call.shape(own, x.dtype)
      try call.shape(target, x.dtype)
      // The indices count in the shape without the output shape's additions.
      let flat = Tensor.zeros([own.reduce(1, *)], dtype: x.dtype)
      let placed = flat.scatter(dim: 0, index: index.to(.int64).reshape(-1), src: x.reshape(-1)).reshape(own)
      let after = (0..<x.rank).map { max(0, target[$0] - own[$0]) }
      return try padded(call, placed, Array(repeating: 0, count: n), Array(after.dropFirst(2)), 0)
    },
  ]

  private static func spatial(_ call: Call) throws -> Tensor {
    let x = try call(0)
    try call.require(x.rank > 2, "needs spatial dimensions, got \(x.spec)")
    return x
  }

  /// The window of a pool, and the sizes of its output.
  private static func pool(_ call: Call, _ x: Tensor) throws -> (Window, [Int]) {
    let n = x.rank - 2
    try call.require(
      (1...3).contains(n) && call.node.attributes["kernel_shape"] != nil, "needs a kernel, got \(x.spec)")
    let input = x.shape.dropFirst(2).map { $0 }
    let window = try Window(call, kernel: call.sizes("kernel_shape", n, 1), input: input)
    let up = try call.bool("ceil_mode")
    let sizes = try (0..<n).map { d in
      let room = input[d] + window.before[d] + window.after[d] - window.reach(d)
      try call.require(room >= 0, "the kernel is larger than the padded input: \(x.spec)")
      var size = (room + (up ? window.stride[d] - 1 : 0)) / window.stride[d] + 1
      // A window that would begin behind the input and its padding in front does not count.
      if up, (size - 1) * window.stride[d] >= input[d] + window.before[d] { size -= 1 }
      return size
    }
    try call.shape([x.shape[0], x.shape[1]] + zip(input, zip(window.before, window.after)).map { $0 + $1.0 + $1.1 })
    return (window, sizes)
  }

  private static func padded(
    _ call: Call, _ x: Tensor, _ before: [Int], _ after: [Int], _ value: Scalar
  ) throws -> Tensor { try pad(call, x, [0, 0] + before, [0, 0] + after, "constant", value) }

  /// Padding behind that makes exactly `sizes` windows fit.
  private static func exactEnd(_ x: Tensor, _ window: Window, _ sizes: [Int]) -> [Int] {
    sizes.indices.map { d in
      max(0, (sizes[d] - 1) * window.stride[d] + window.reach(d) - x.shape[d + 2] - window.before[d])
    }
  }

  /// Sums over the windows, zeros around.
  private static func windowSum(_ call: Call, _ x: Tensor, _ window: Window, _ sizes: [Int]) throws -> Tensor {
    var y = try padded(call, x, window.before, exactEnd(x, window, sizes), 0)
    for (d, size) in sizes.enumerated() {  // what no window reaches
      y = y.narrow(dim: d + 2, start: 0, length: min(y.shape[d + 2], (size - 1) * window.stride[d] + window.reach(d)))
    }
    let n = sizes.count
    if window.dilation.allSatisfy({ $0 == 1 }) {
      let count = Double(window.kernel.reduce(1, *))
      let (kernel, stride) = (window.kernel, window.stride)
      switch n {
      case 1: return y.avgPool1d(kernel, stride: stride) * count
      case 2: return y.avgPool2d(kernel, stride: stride) * count
      default: return y.avgPool3d(kernel, stride: stride) * count
      }
    }
    let channels = y.shape[1]
    let ones = Tensor.ones([channels, 1] + window.kernel, dtype: y.dtype)
    switch n {
    case 1: return y.conv1d(ones, stride: window.stride, dilation: window.dilation, groups: channels)
    case 2: return y.conv2d(ones, stride: window.stride, dilation: window.dilation, groups: channels)
    default: return y.conv3d(ones, stride: window.stride, dilation: window.dilation, groups: channels)
    }
  }

  private static func maxPool(_ call: Call) throws -> [Tensor] {
    let x = try call(0)
    let (window, sizes) = try pool(call, x)
    let n = sizes.count
    let isWhole = x.dtype.isInteger
    let real = isWhole ? x.to(.float32) : x
    let after = exactEnd(x, window, sizes)
    let fits = zip(window.before, window.kernel).allSatisfy { 2 * $0 <= $1 }
    let roundsUp = try call.bool("ceil_mode")
    let isPlain = fits && !roundsUp && window.isSymmetric
    let source = isPlain ? real : try padded(call, real, window.before, after, .float(-.infinity))
    let padding = isPlain ? window.before : Array(repeating: 0, count: n)
    let (kernel, stride, dilation) = (window.kernel, window.stride, window.dilation)
    guard call.wants(1) else {
      let y =
        switch n {
        case 1: source.maxPool1d(kernel, stride: stride, padding: padding, dilation: dilation)
        case 2: source.maxPool2d(kernel, stride: stride, padding: padding, dilation: dilation)
        default: source.maxPool3d(kernel, stride: stride, padding: padding, dilation: dilation)
        }
      return [cut(y, sizes).to(x.dtype)]
    }
    let (y, places) =
      switch n {
      case 1: source.maxPool1dWithIndices(kernel, stride: stride, padding: padding, dilation: dilation)
      case 2: source.maxPool2dWithIndices(kernel, stride: stride, padding: padding, dilation: dilation)
      default: source.maxPool3dWithIndices(kernel, stride: stride, padding: padding, dilation: dilation)
      }
    // From places in the padded plane to places in the whole input.
    var rest = cut(places, sizes)
    var coordinates: [Tensor] = []
    for d in (0..<n).reversed() {
      coordinates.insert(rest.remainder(source.shape[d + 2]) - (isPlain ? 0 : window.before[d]), at: 0)
      rest = rest.floorDivide(source.shape[d + 2])
    }
    var index = Tensor.zeros([], dtype: .int64)
    let isColumnFirst = try call.bool("storage_order")
    for d in isColumnFirst ? Array((0..<n).reversed()) : Array(0..<n) {
      index = index * x.shape[d + 2] + coordinates[d]
    }
    let plane = x.shape.dropFirst(2).reduce(1, *)
    let planes = Tensor.arange(x.shape[0] * x.shape[1]).reshape(
      [x.shape[0], x.shape[1]] + Array(repeating: 1, count: n))
    return [cut(y, sizes).to(x.dtype), index + planes * plane]
  }

  private static func cut(_ y: Tensor, _ sizes: [Int]) -> Tensor {
    var y = y
    for (d, size) in sizes.enumerated() where y.shape[d + 2] != size {
      y = y.narrow(dim: d + 2, start: 0, length: size)
    }
    return y
  }
}
