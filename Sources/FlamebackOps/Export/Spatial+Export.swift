import FlamebackCore
import FlamebackKernels

extension Primitives.Convolution: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let shape = try infer(inputs.map { TensorSpec(shape: $0.shape, dtype: $0.dtype) })[0].shape
    let attributes: [(String, ExportAttribute)] = [
      ("kernel_shape", .ints(inputs[1].shape.dropFirst(2).map { $0 })), ("strides", .ints(geometry.stride)),
      ("pads", .ints(geometry.before + geometry.after)), ("dilations", .ints(geometry.dilation)),
      ("group", .int(geometry.groups)),
    ]
    return [nodes.node("Conv", inputs.map { $0 }, attributes, inputs[0].dtype, shape: shape)]
  }
}

extension Primitives.TransposedConvolution: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (x, weight) = (inputs[0], inputs[1])
    nodes.followsAxes = true  // the size follows the input; what is added to it does not change
    let kernel = weight.shape.dropFirst(2).map { $0 }
    let extra = kernel.indices.map { d in
      let span = (x.shape[d + 2] - 1) * geometry.stride[d] + geometry.dilation[d] * (kernel[d] - 1) + 1
      return size[d] - (span - geometry.before[d] - geometry.after[d])
    }
    let attributes: [(String, ExportAttribute)] = [
      ("kernel_shape", .ints(kernel)), ("strides", .ints(geometry.stride)),
      ("pads", .ints(geometry.before + geometry.after)), ("dilations", .ints(geometry.dilation)),
      ("output_padding", .ints(extra)), ("group", .int(geometry.groups)),
    ]
    let shape = Shape([x.shape[0], weight.shape[1] * geometry.groups] + size)
    return [nodes.node("ConvTranspose", inputs.map { $0 }, attributes, x.dtype, shape: shape)]
  }
}

extension PoolWindow {
  fileprivate var onnx: [(String, ExportAttribute)] {
    [
      ("kernel_shape", .ints(kernel)), ("strides", .ints(stride)), ("pads", .ints(padding + padding)),
      ("ceil_mode", .int(ceilMode ? 1 : 0)),
    ]
  }
}

/// Pools take batches; the leading dimensions of a plane map may be one or two.
private func batched(
  _ x: ExportValue, _ n: Int, _ size: [Int], to nodes: NodeWriter, _ body: (ExportValue) -> [ExportValue]
) throws(OpError) -> [ExportValue] {
  if x.rank == n + 2 { return body(x) }
  guard x.rank == n + 1 else { throw OpError("pool", "needs one or two dimensions before the spatial ones") }
  let added = nodes.node("Unsqueeze", [x, nodes.ints([0])], [], x.dtype, shape: [1] + x.shape)
  return body(added).map {
    nodes.node("Squeeze", [$0, nodes.ints([0])], [], $0.dtype, shape: Shape(x.shape.prefix(1)) + Shape(size))
  }
}

extension Primitives.MaxPool: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let n = size.count
    let shape = Shape(x.shape.dropLast(n)) + Shape(size)
    let attributes = window.onnx + [("dilations", ExportAttribute.ints(window.dilation))]
    if withIndices { try nodes.requireFixed(x, (x.rank - n)..<x.rank, op: name) }
    let plane = x.shape.suffix(n).reduce(1, *)
    return try batched(x, n, size, to: nodes) { x in
      guard withIndices else { return [nodes.node("MaxPool", [x], attributes, x.dtype, shape: shape)] }
      let results = nodes.node(
        "MaxPool", [x], attributes,
        outputs: [TensorSpec(shape: shape, dtype: x.dtype), TensorSpec(shape: shape, dtype: .int64)])
      // ONNX counts through the whole tensor, not through a plane.
      let places = nodes.node("Mod", [results[1], nodes.number(.int(plane), .int64)], [], .int64, shape: shape)
      return [results[0], places]
    }
  }
}

extension Primitives.Planewise: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    if let op = self as? Primitives.Planewise<ImageColumns> { return try op.write(x, to: nodes) }
    if isTransposed { throw OpError(name, "ONNX has no operator for it") }
    let shape = Shape(x.shape.dropLast(map.input.count)) + Shape(map.output)
    switch self {
    case let op as Primitives.Planewise<AveragePoolMap>: return try op.map.write(x, shape: shape, to: nodes)
    case let op as Primitives.Planewise<AdaptiveAverageMap>:
      try nodes.requireFixed(op, "a pool of adapted size") { $0.map.output }
      if op.map.output.contains(where: { $0 != 1 }) {
        try nodes.requireFixed(op, "the input of an adaptive pool") { $0.map.input }
      }
      guard zip(op.map.input, op.map.output).allSatisfy({ $0 % $1 == 0 }) else { return [op.map.write(x, to: nodes)] }
      return try adaptive("AveragePool", x, op.map.input, op.map.output, shape, name, to: nodes)
    case let op as Primitives.Planewise<InterpolationMap>: return try op.write(x, shape: shape, to: nodes)
    case let op as Primitives.Planewise<PaddingMap>: return [try op.map.write(x, shape: shape, to: nodes)]
    default: throw OpError(name, "ONNX has no operator for it")
    }
  }
}

extension AdaptiveAverageMap {
  /// Windows of different sizes: a matrix of shares for each dimension.
  fileprivate func write(_ x: ExportValue, to nodes: NodeWriter) -> ExportValue {
    var y = x
    for d in input.indices {
      let (n, m) = (input[d], output[d])
      var shares = [Float](repeating: 0, count: n * m)
      for o in 0..<m {
        let window = (o * n / m)..<((o + 1) * n + m - 1) / m
        for i in window { shares[i * m + o] = 1 / Float(window.count) }
      }
      let axis = x.rank - input.count + d
      var order = Array(0..<x.rank)
      order.swapAt(axis, x.rank - 1)
      let matrix = nodes.cast(nodes.constant(Tensor(shares, shape: [n, m])), to: x.dtype)
      let turned = nodes.node("Transpose", [y], [("perm", .ints(order))], x.dtype)
      let product = nodes.node("MatMul", [turned, matrix], [], x.dtype)
      y = nodes.node("Transpose", [product], [("perm", .ints(order))], x.dtype)
    }
    return y
  }
}

extension Primitives.Planewise where Map == ImageColumns {
  /// Windows as columns: a convolution with one kernel for each place of the window. Back: `Col2Im`.
  fileprivate func write(_ x: ExportValue, to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (kernel, channels) = (map.kernel, map.channels)
    try nodes.requireFixed(self, "the image") { $0.map.size }
    let pads: (String, ExportAttribute) = ("pads", .ints(map.padding + map.padding))
    let strides: (String, ExportAttribute) = ("strides", .ints(map.stride))
    let dilations: (String, ExportAttribute) = ("dilations", .ints(map.dilation))
    let leading = Shape(x.shape.dropLast(isTransposed ? 2 : 3))
    guard leading.count == 1 else { throw OpError(name, "needs a batch") }
    if isTransposed {
      let shape = leading + map.input
      return [
        nodes.node(
          "Col2Im", [x, nodes.ints(map.size), nodes.ints(kernel)], [pads, strides, dilations], x.dtype, shape: shape)
      ]
    }
    let places = kernel[0] * kernel[1]
    var filters = [Float](repeating: 0, count: channels * places * places)
    for row in 0..<(channels * places) { filters[row * places + row % places] = 1 }
    let weight = nodes.cast(
      nodes.constant(Tensor(filters, shape: [channels * places, 1, kernel[0], kernel[1]])), to: x.dtype)
    let picked = nodes.node("Conv", [x, weight], [pads, strides, dilations, ("group", .int(channels))], x.dtype)
    let sizes = nodes.ints([0, channels * places, -1])
    return [nodes.node("Reshape", [picked, sizes], [], x.dtype, shape: leading + map.output)]
  }
}

extension Primitives.PlanePlacement: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    guard kind == .assign else { throw OpError(name, "ONNX has no operator for it") }
    let (x, places) = (inputs[0], inputs[1])
    try nodes.requireFixed(x, 0..<x.rank, op: name)
    let leading = x.shape.dropLast(size.count).map { $0 }
    let plane = size.reduce(1, *)
    let flat = nodes.ints(leading + [-1])
    let values = nodes.node("Reshape", [x, flat], [], x.dtype)
    let index = nodes.node("Reshape", [places, flat], [], .int64)
    let zeros = nodes.node("Expand", [nodes.number(.float(0), x.dtype), nodes.ints(leading + [plane])], [], x.dtype)
    let placed = nodes.node("ScatterElements", [zeros, index, values], [("axis", .int(leading.count))], x.dtype)
    return [nodes.node("Reshape", [placed, nodes.ints(leading + size)], [], x.dtype, shape: Shape(leading + size))]
  }
}

extension AveragePoolMap {
  fileprivate func write(_ x: ExportValue, shape: Shape, to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    nodes.followsAxes = true
    guard let divisor else {
      let attributes = window.onnx + [("count_include_pad", ExportAttribute.int(countIncludePad ? 1 : 0))]
      return try batched(x, input.count, output, to: nodes) {
        [nodes.node("AveragePool", [$0], attributes, x.dtype, shape: shape)]
      }
    }
    // A divisor of one's own: from the mean back to the sum.
    guard !window.ceilMode else { throw OpError(Self.name, "ONNX has no divisor for windows that stand out") }
    let factor = nodes.number(.float(Double(window.kernel.reduce(1, *)) / Double(divisor)), x.dtype)
    return try batched(x, input.count, output, to: nodes) {
      let mean = nodes.node("AveragePool", [$0], window.onnx + [("count_include_pad", .int(1))], x.dtype, shape: shape)
      return [nodes.node("Mul", [mean, factor], [], x.dtype, shape: shape)]
    }
  }
}

/// A pool to a size of the output: over everything, or over equal windows.
private func adaptive(
  _ op: String, _ x: ExportValue, _ input: [Int], _ output: [Int], _ shape: Shape, _ name: String, to nodes: NodeWriter
) throws(OpError) -> [ExportValue] {
  if output.allSatisfy({ $0 == 1 }) {
    return try batched(x, input.count, output, to: nodes) {
      [nodes.node("Global\(op)", [$0], [], x.dtype, shape: shape)]
    }
  }
  guard zip(input, output).allSatisfy({ $0 % $1 == 0 }) else {
    throw OpError(name, "windows of different sizes: \(input) to \(output)")
  }
  let kernel = zip(input, output).map { $0 / $1 }
  return try batched(x, input.count, output, to: nodes) {
    [nodes.node(op, [$0], [("kernel_shape", .ints(kernel)), ("strides", .ints(kernel))], x.dtype, shape: shape)]
  }
}

extension Primitives.AdaptiveMaxPool: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    try nodes.requireFixed(self, "a pool of adapted size") { $0.size }
    if size.contains(where: { $0 != 1 }) { try nodes.requireFixed(x, (x.rank - size.count)..<x.rank, op: name) }
    let shape = Shape(x.shape.dropLast(size.count)) + Shape(size)
    return try adaptive("MaxPool", x, x.shape.suffix(size.count).map { $0 }, size, shape, name, to: nodes)
  }
}

extension Primitives.Planewise where Map == InterpolationMap {
  fileprivate func write(_ x: ExportValue, shape: Shape, to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let n = map.input.count
    let axes = Array((x.rank - n)..<x.rank)
    var attributes: [(String, ExportAttribute)] = []
    switch map.mode {
    case .nearest:
      attributes = [("mode", .text("nearest")), ("nearest_mode", .text("floor"))]
      attributes.append(("coordinate_transformation_mode", .text("asymmetric")))
    case .nearestExact:
      attributes = [("mode", .text("nearest")), ("nearest_mode", .text("round_prefer_ceil"))]
      attributes.append(("coordinate_transformation_mode", .text("half_pixel")))
    case .linear, .bilinear, .trilinear, .bicubic:
      attributes = [("mode", .text(map.mode == .bicubic ? "cubic" : "linear"))]
      let coordinates = map.alignCorners ? "align_corners" : map.mode == .bicubic ? "half_pixel" : "half_pixel"
      attributes.append(("coordinate_transformation_mode", .text(coordinates)))
      if map.mode == .bicubic { attributes.append(("cubic_coeff_a", .float(map.antialias ? -0.5 : -0.75))) }
      if map.antialias { attributes.append(("antialias", .int(1))) }
    case .area: throw OpError(name, "ONNX has no operator for it")
    }
    attributes.append(("axes", .ints(axes)))
    if let scale = map.scale, !scale.contains(0) {
      nodes.followsAxes = true
      let scales = nodes.constant(Tensor(scale.map(Float.init), shape: [n]))
      return [nodes.node("Resize", [x, nil, scales], attributes, x.dtype, shape: shape)]
    }
    let dynamic = axes.contains { x.isDynamic($0) }
    if dynamic, zip(map.output, map.input).allSatisfy({ $0 % $1 == 0 }) {
      // A whole multiple stays one when the input grows.
      let factors = zip(map.output, map.input).map { Float($0 / $1) }
      try nodes.requireFixed(self, "a factor") { other in zip(other.map.output, other.map.input).map { $0 / $1 } }
      return [
        nodes.node("Resize", [x, nil, nodes.constant(Tensor(factors, shape: [n]))], attributes, x.dtype, shape: shape)
      ]
    }
    let sizes = try nodes.sizes(of: self) { $0.map.output }
    return [nodes.node("Resize", [x, nil, nil, sizes], attributes, x.dtype, shape: shape)]
  }
}

extension PaddingMap {
  fileprivate func write(_ x: ExportValue, shape: Shape, to nodes: NodeWriter) throws(OpError) -> ExportValue {
    let word: String
    switch mode {
    case .reflect: word = "reflect"
    case .replicate: word = "edge"
    case .circular where nodes.opset >= 19: word = "wrap"
    default: throw OpError(Self.name, "ONNX \(nodes.opset) has no padding of this kind (\(mode.rawValue))")
    }
    let leading = Array(repeating: 0, count: x.rank - input.count)
    let pads = nodes.ints(leading + before + leading + after)
    return nodes.node("Pad", [x, pads], [("mode", .text(word))], x.dtype, shape: shape)
  }
}

extension Primitives.GridSample: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let shape = try infer(inputs.map { TensorSpec(shape: $0.shape, dtype: $0.dtype) })[0].shape
    let isOld = nodes.opset < 20
    let word =
      switch mode {
      case .bilinear: isOld ? "bilinear" : "linear"
      case .bicubic: isOld ? "bicubic" : "cubic"
      case .nearest: "nearest"
      }
    let attributes: [(String, ExportAttribute)] = [
      ("mode", .text(word)), ("padding_mode", .text(padding.rawValue)), ("align_corners", .int(alignCorners ? 1 : 0)),
    ]
    return [nodes.node("GridSample", [inputs[0], inputs[1]], attributes, inputs[0].dtype, shape: shape)]
  }
}
