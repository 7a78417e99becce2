import FlamebackCore
import FlamebackKernels

extension Convolution: Exportable {
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

extension TransposedConvolution: Exportable {
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

extension MaxPool: Exportable {
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

extension Planewise: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    if isTransposed { throw OpError(name, "ONNX has no operator for it") }
    let shape = Shape(x.shape.dropLast(map.input.count)) + Shape(map.output)
    switch self {
    case let op as Planewise<AveragePoolMap>: return try op.map.write(x, shape: shape, to: nodes)
    case let op as Planewise<AdaptiveAverageMap>:
      try nodes.requireFixed(op, "a pool of adapted size") { $0.map.output }
      if op.map.output.contains(where: { $0 != 1 }) {
        try nodes.requireFixed(op, "the input of an adaptive pool") { $0.map.input }
      }
      return try adaptive("AveragePool", x, op.map.input, op.map.output, shape, name, to: nodes)
    case let op as Planewise<InterpolationMap>: return try op.write(x, shape: shape, to: nodes)
    case let op as Planewise<PaddingMap>: return [try op.map.write(x, shape: shape, to: nodes)]
    default: throw OpError(name, "ONNX has no operator for it")
    }
  }
}

extension AveragePoolMap {
  fileprivate func write(_ x: ExportValue, shape: Shape, to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    guard divisor == nil else { throw OpError(Self.name, "ONNX has no divisor of one's own") }
    nodes.followsAxes = true
    let attributes = window.onnx + [("count_include_pad", ExportAttribute.int(countIncludePad ? 1 : 0))]
    return try batched(x, input.count, output, to: nodes) {
      [nodes.node("AveragePool", [$0], attributes, x.dtype, shape: shape)]
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

extension AdaptiveMaxPool: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    try nodes.requireFixed(self, "a pool of adapted size") { $0.size }
    if size.contains(where: { $0 != 1 }) { try nodes.requireFixed(x, (x.rank - size.count)..<x.rank, op: name) }
    let shape = Shape(x.shape.dropLast(size.count)) + Shape(size)
    return try adaptive("MaxPool", x, x.shape.suffix(size.count).map { $0 }, size, shape, name, to: nodes)
  }
}

extension Planewise where Map == InterpolationMap {
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

extension GridSample: Exportable {
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
