import FlamebackCore
import FlamebackKernels

/// How ONNX says "to the end".
private let end = Int(Int64.max)

extension Primitives.View: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let sizes = try nodes.sizes(of: self, infers: true) { $0.shape.array }
    // A size of 0 would mean "as before".
    let attributes: [(String, ExportAttribute)] = shape.contains(0) ? [("allowzero", .int(1))] : []
    return [nodes.node("Reshape", [inputs[0], sizes], attributes, inputs[0].dtype, shape: shape)]
  }
}

extension Primitives.Permute: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let shape = Shape(order.map { inputs[0].shape[$0] })
    return [nodes.node("Transpose", [inputs[0]], [("perm", .ints(order))], inputs[0].dtype, shape: shape)]
  }
}

extension Primitives.Slice: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let starts = try nodes.sizes(of: self) { [$0.start] }
    let isWhole = start + (length - 1) * step + step >= x.shape[dim] && x.isDynamic(dim) && length > 0
    let ends =
      isWhole
      ? nodes.ints([end])
      : try nodes.sizes(of: self) { [$0.length == 0 ? $0.start : $0.start + ($0.length - 1) * $0.step + 1] }
    var shape = x.shape
    shape[dim] = length
    return [nodes.node("Slice", [x, starts, ends, nodes.ints([dim]), nodes.ints([step])], [], x.dtype, shape: shape)]
  }
}

extension Primitives.EmbedView: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    guard let slice = view as? Primitives.Slice, slice.step == 1 else {
      throw OpError(name, "ONNX has no operator for it")
    }
    let x = inputs[0]
    var part = x.shape
    part[slice.dim] = slice.length
    guard inputs[1].shape == part else { throw OpError(name, "values that are broadcast") }
    // What lies before, the new part, what lies behind.
    let starts = try nodes.sizes(of: self) { [($0.view as! Primitives.Slice).start] }
    let ends = try nodes.sizes(of: self) {
      [($0.view as! Primitives.Slice).start + ($0.view as! Primitives.Slice).length]
    }
    let axis = nodes.ints([slice.dim])
    let before = nodes.node("Slice", [x, nodes.ints([0]), starts, axis], [], x.dtype, shape: x.shape)
    let after = nodes.node("Slice", [x, ends, nodes.ints([end]), axis], [], x.dtype, shape: x.shape)
    return [nodes.node("Concat", [before, inputs[1], after], [("axis", .int(slice.dim))], x.dtype, shape: x.shape)]
  }
}

extension Primitives.Select: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    var sizes = x.shape.array
    sizes.remove(at: dim)
    let isLast = x.isDynamic(dim) && index == x.shape[dim] - 1
    if isLast { nodes.followsAxes = true }
    let place = isLast ? nodes.ints([-1]) : try nodes.sizes(of: self) { [$0.index] }
    let picked = nodes.node("Gather", [x, place], [("axis", .int(dim))], x.dtype)
    return [nodes.node("Squeeze", [picked, nodes.ints([dim])], [], x.dtype, shape: Shape(sizes))]
  }
}

extension Primitives.BasicIndex: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    var value = inputs[0]
    let siblings = nodes.siblings
    defer { nodes.siblings = siblings }
    for (i, step) in steps.enumerated() {
      // Each step finds its counterparts among the steps of the other traces.
      let others = siblings.compactMap { ($0 as? Primitives.BasicIndex)?.steps[i] }
      switch step {
      case .select(let select):
        nodes.siblings = others.compactMap { if case .select(let other) = $0 { other } else { nil } }
        value = try select.export([value], to: nodes)[0]
      case .slice(let slice):
        nodes.siblings = others.compactMap { if case .slice(let other) = $0 { other } else { nil } }
        value = try slice.export([value], to: nodes)[0]
      case .newAxis(let dim):
        var shape = value.shape
        shape.insert(1, at: dim)
        value = nodes.node("Unsqueeze", [value, nodes.ints([dim])], [], value.dtype, shape: shape)
      }
    }
    nodes.followsAxes = true
    return [value]
  }
}

extension Primitives.Region: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let starts = try nodes.sizes(of: self) { $0.start }
    let ends = try nodes.sizes(of: self) { other in other.start.indices.map { other.start[$0] + other.shape[$0] } }
    return [nodes.node("Slice", [x, starts, ends], [], x.dtype, shape: shape)]
  }
}

extension Primitives.Split: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let pieces = try nodes.sizes(of: self) { $0.sizes }
    let specs = sizes.map { size in
      var shape = x.shape
      shape[dim] = size
      return TensorSpec(shape: shape, dtype: x.dtype)
    }
    return nodes.node("Split", [x, pieces], [("axis", .int(dim))], outputs: specs)
  }
}

extension Primitives.Unbind: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    try nodes.requireFixed(self, "the number of results") { [$0.count] }
    var shape = x.shape
    shape[dim] = 1
    var sizes = x.shape.array
    sizes.remove(at: dim)
    let pieces = nodes.node(
      "Split", [x, nodes.ints(Array(repeating: 1, count: count))], [("axis", .int(dim))],
      outputs: (0..<count).map { _ in TensorSpec(shape: shape, dtype: x.dtype) })
    return pieces.map { nodes.node("Squeeze", [$0, nodes.ints([dim])], [], x.dtype, shape: Shape(sizes)) }
  }
}

extension Primitives.Windows: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    try nodes.requireFixed(x, [dim], op: name)
    let count = (x.shape[dim] - size) / step + 1
    let places = (0..<count).flatMap { window in (0..<size).map { window * step + $0 } }
    let picked = nodes.node(
      "Gather", [x, nodes.constant(Tensor(places, shape: [count, size]))], [("axis", .int(dim))], x.dtype)
    // [.., count, size, ..] → size comes last
    let order = (0...x.rank).filter { $0 != dim + 1 } + [dim + 1]
    var shape = x.shape
    shape[dim] = count
    shape.append(size)
    return [nodes.node("Transpose", [picked], [("perm", .ints(order))], x.dtype, shape: shape)]
  }
}

extension Primitives.Cat: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    var shape = inputs[0].shape
    shape[dim] = inputs.reduce(0) { $0 + $1.shape[dim] }
    return [nodes.node("Concat", inputs.map { $0 }, [("axis", .int(dim))], inputs[0].dtype, shape: shape)]
  }
}

extension Primitives.ConstantPad: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    nodes.followsAxes = true  // padding is what does not change
    let after = (0..<x.rank).map { shape[$0] - start[$0] - x.shape[$0] }
    return [nodes.node("Pad", [x, nodes.ints(start + after), nodes.number(value, x.dtype)], [], x.dtype, shape: shape)]
  }
}

extension Primitives.Flip: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let from = nodes.ints(dims.map { _ in -1 })
    let to = nodes.ints(dims.map { _ in Int(Int64.min) + 1 })
    return [nodes.node("Slice", [x, from, to, nodes.ints(dims), from], [], x.dtype, shape: x.shape)]
  }
}

extension Primitives.Triangle: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let diagonal = nodes.number(.int(diagonal), .int64)
    return [nodes.node("Trilu", [x, diagonal], [("upper", .int(keepsLower ? 0 : 1))], x.dtype, shape: x.shape)]
  }
}
