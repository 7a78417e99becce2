import Flameback
import FlamebackCore
import FlamebackOps

/// Padding as ONNX writes it: all sizes before, then all sizes after.
struct ExplicitPadding: ConvolutionPadding {
  let before: [Int]
  let after: [Int]

  func zeros(
    kernel: [Int], stride: [Int], dilation: [Int], op: String
  ) throws(OpError) -> (before: [Int], after: [Int]) { (before, after) }
}

/// How a window moves over the spatial dimensions of an input.
struct Window {
  let kernel: [Int]
  let stride: [Int]
  let dilation: [Int]
  var before: [Int]
  var after: [Int]

  /// Reads the attributes that convolutions and pools share; `input`: the spatial sizes.
  init(_ call: Call, kernel: [Int], input: [Int]) throws(OpError) {
    let n = kernel.count
    self.kernel = kernel
    stride = try call.sizes("strides", n, 1)
    dilation = try call.sizes("dilations", n, 1)
    before = Array(repeating: 0, count: n)
    after = before
    let mode = try call.text("auto_pad", "NOTSET")
    switch mode {
    case "NOTSET":
      let pads = try call.sizes("pads", 2 * n, 0, atLeast: 0)
      before = Array(pads[..<n])
      after = Array(pads[n...])
    case "VALID": break
    case "SAME_UPPER", "SAME_LOWER":
      for d in 0..<n {
        let output = (input[d] + stride[d] - 1) / stride[d]
        let total = max(0, (output - 1) * stride[d] + reach(d) - input[d])
        before[d] = mode == "SAME_UPPER" ? total / 2 : total - total / 2
        after[d] = total - before[d]
      }
    default: throw call.error("auto_pad '\(mode)' does not exist")
    }
  }

  /// How many elements a window spans in dimension `d`.
  func reach(_ d: Int) -> Int { (kernel[d] - 1) * dilation[d] + 1 }
  var isSymmetric: Bool { before == after }
  var padding: ExplicitPadding { ExplicitPadding(before: before, after: after) }
}

extension Operator {
  static let convolutions: [String: Operator] = [
    "Conv": .one { call in try convolution(call, call(0), call(1), call.optional(2)) },
    "ConvTranspose": .one { try transposedConvolution($0) },
  ]

  static func convolution(_ call: Call, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?) throws -> Tensor {
    let n = x.rank - 2
    try call.require((1...3).contains(n) && weight.rank == x.rank, "\(x.spec) × \(weight.spec)")
    let kernel = weight.shape.dropFirst(2).map { $0 }
    if let named = try call.ints("kernel_shape") {
      try call.require(named == kernel, "kernel_shape \(named) is not that of the weight \(weight.spec)")
    }
    let window = try Window(call, kernel: kernel, input: x.shape.dropFirst(2).map { $0 })
    let groups = try call.int("group", 1)
    try call.require(groups > 0, "group must be positive")
    let (stride, dilation, padding) = (window.stride, window.dilation, window.padding)
    switch n {
    case 1: return x.conv1d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    case 2: return x.conv2d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    default: return x.conv3d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    }
  }

  private static func transposedConvolution(_ call: Call) throws -> Tensor {
    let (x, weight) = (try call(0), try call(1))
    let n = x.rank - 2
    try call.require((1...3).contains(n) && weight.rank == x.rank, "\(x.spec) × \(weight.spec)")
    let kernel = weight.shape.dropFirst(2).map { $0 }
    let stride = try call.sizes("strides", n, 1)
    let dilation = try call.sizes("dilations", n, 1)
    var extra = try call.sizes("output_padding", n, 0, atLeast: 0)
    let groups = try call.int("group", 1)
    try call.require(groups > 0, "group must be positive")
    let pads = try call.sizes("pads", 2 * n, 0, atLeast: 0)
    var (before, after) = (Array(pads[..<n]), Array(pads[n...]))
    let mode = try call.text("auto_pad", "NOTSET")
    // Without any padding, and what is cut off.
    var full = (0..<n).map { (d: Int) -> Int in
      let span = (kernel[d] - 1) * dilation[d] + 1
      return (x.shape[d + 2] - 1) * stride[d] + span + extra[d]
    }
    var wanted: [Int]?
    if call.node.attributes["output_shape"] != nil {
      wanted = try call.sizes("output_shape", n, 1)
    } else if mode == "SAME_UPPER" || mode == "SAME_LOWER" {
      wanted = (0..<n).map { x.shape[$0 + 2] * stride[$0] }
    }
    if let wanted {
      for d in 0..<n {
        let total = max(0, full[d] - wanted[d])
        extra[d] += max(0, wanted[d] - full[d])
        full[d] = max(full[d], wanted[d])
        before[d] = mode == "SAME_UPPER" ? total / 2 : total - total / 2
        after[d] = total - before[d]
      }
    }
    let size = (0..<n).map { full[$0] - before[$0] - after[$0] }
    try call.require(size.allSatisfy { $0 > 0 }, "the padding leaves nothing of \(full)")
    try call.shape([x.shape[0], weight.shape[1]] + full, x.dtype)
    func run(_ bias: Tensor?, _ padding: [Int], _ extra: [Int]) -> Tensor {
      switch n {
      case 1:
        x.convTranspose1d(
          weight, bias, stride: stride, padding: padding, outputPadding: extra, groups: groups, dilation: dilation)
      case 2:
        x.convTranspose2d(
          weight, bias, stride: stride, padding: padding, outputPadding: extra, groups: groups, dilation: dilation)
      default:
        x.convTranspose3d(
          weight, bias, stride: stride, padding: padding, outputPadding: extra, groups: groups, dilation: dilation)
      }
    }
    let fits = (0..<n).allSatisfy { (d: Int) -> Bool in extra[d] < max(stride[d], dilation[d]) }
    if before == after, fits { return run(call.optional(2), before, extra) }
    var y = run(nil, Array(repeating: 0, count: n), Array(repeating: 0, count: n))
    y = y.constantPad((0..<n).reversed().flatMap { [0, extra[$0]] })
    for d in 0..<n { y = y.narrow(dim: d + 2, start: before[d], length: size[d]) }
    guard let bias = call.optional(2) else { return y }
    return y + bias.reshape([-1] + Array(repeating: 1, count: n))
  }
}
