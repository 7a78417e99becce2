import FlamebackCore
import FlamebackKernels

extension Primitives.Embedding: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let shape = inputs[1].shape + Shape(inputs[0].shape.dropFirst())
    return [nodes.node("Gather", [inputs[0], inputs[1]], [("axis", .int(0))], inputs[0].dtype, shape: shape)]
  }
}

extension Primitives.Gather: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let index = nodes.cast(inputs[1], to: .int64)
    return [
      nodes.node("GatherElements", [inputs[0], index], [("axis", .int(dim))], inputs[0].dtype, shape: index.shape)
    ]
  }
}

extension ScatterReduction {
  /// ONNX's word; nil where it has none.
  fileprivate var onnx: String? {
    switch self {
    case .sum: "add"
    case .prod: "mul"
    case .amax: "max"
    case .amin: "min"
    case .mean: nil
    }
  }
}

extension Primitives.Scatter: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    var attributes: [(String, ExportAttribute)] = [("axis", .int(dim))]
    if let reduction {
      guard let word = reduction.onnx, includeSelf else { throw OpError(name, "ONNX has no such reduction") }
      attributes.append(("reduction", .text(word)))
    }
    let index = nodes.cast(inputs[1], to: .int64)
    return [nodes.node("ScatterElements", [inputs[0], index, inputs[2]], attributes, inputs[0].dtype)]
  }
}

extension Primitives.IndexSelect: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    var shape = inputs[0].shape
    shape[dim] = inputs[1].shape.elementCount
    return [nodes.node("Gather", [inputs[0], inputs[1]], [("axis", .int(dim))], inputs[0].dtype, shape: shape)]
  }
}

extension Primitives.IndexRows: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (x, source) = (inputs[0], inputs[2])
    var attributes: [(String, ExportAttribute)] = [("axis", .int(dim))]
    if let reduction {
      guard let word = reduction.onnx, includeSelf else { throw OpError(name, "ONNX has no such reduction") }
      attributes.append(("reduction", .text(word)))
    }
    // The index of a slice stands for all its elements.
    let shape = (0..<source.rank).map { $0 == dim ? -1 : 1 }
    let column = nodes.node("Reshape", [nodes.cast(inputs[1], to: .int64), nodes.ints(shape)], [], .int64)
    let sizes = nodes.node("Shape", [source], [], .int64, shape: [source.rank])
    let index = nodes.node("Expand", [column, sizes], [], .int64, shape: source.shape)
    return [nodes.node("ScatterElements", [x, index, source], attributes, x.dtype, shape: x.shape)]
  }
}

extension IndexPlan {
  /// Indices side by side, as `GatherND` and `ScatterND` read them: [.., count of dims].
  fileprivate func joined(_ indices: [ExportValue], _ op: String, to nodes: NodeWriter) throws(OpError) -> ExportValue {
    guard dims == Array(0..<dims.count) else { throw OpError(op, "indices behind a whole dimension") }
    let columns = indices.map { index in
      nodes.node(
        "Unsqueeze", [nodes.cast(index, to: .int64), nodes.ints([-1])], [], .int64, shape: index.shape + [1])
    }
    return nodes.node(
      "Concat", columns.map { $0 }, [("axis", .int(-1))], .int64, shape: indices[0].shape + [dims.count])
  }
}

extension Primitives.Index: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (x, indices) = (inputs[0], Array(inputs.dropFirst()))
    let shape = plan.resultShape(of: x.shape, indices: indices[0].shape)
    if plan.dims.count == 1 {
      let index = nodes.cast(indices[0], to: .int64)
      return [nodes.node("Gather", [x, index], [("axis", .int(plan.dims[0]))], x.dtype, shape: shape)]
    }
    return [nodes.node("GatherND", [x, try plan.joined(indices, name, to: nodes)], [], x.dtype, shape: shape)]
  }
}

extension Primitives.IndexPut: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (x, indices) = (inputs[0], Array(inputs.dropFirst(2)))
    let index = try plan.joined(indices, name, to: nodes)
    let sizes = plan.resultShape(of: x.shape, indices: indices[0].shape)
    for d in 0..<x.rank { try nodes.requireFixed(x, [d], op: name) }
    let values = nodes.node("Expand", [inputs[1], nodes.ints(sizes.array)], [], x.dtype, shape: sizes)
    return [
      nodes.node(
        "ScatterND", [x, index, values], accumulates ? [("reduction", .text("add"))] : [], x.dtype, shape: x.shape)
    ]
  }
}

extension Primitives.Nonzero: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    throw OpError(name, "the shape of the result depends on the data")
  }
}

extension Primitives.MaskedSelect: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    throw OpError(name, "the shape of the result depends on the data")
  }
}

extension Primitives.Selection: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let count: Int
    var isLargest = false
    var attributes: [(String, ExportAttribute)] = [("axis", .int(dim))]
    switch kind {
    case .sort(let descending):
      count = x.shape[dim]
      isLargest = descending
    case .topk(let k, let largest, let sorted):
      count = k
      isLargest = largest
      attributes.append(("sorted", .int(sorted ? 1 : 0)))
    case .kth: throw OpError(name, "ONNX has no operator for it")
    }
    var size = nodes.ints([count])
    if case .sort = kind, x.isDynamic(dim) {
      size = nodes.node("Shape", [x], [("start", .int(dim)), ("end", .int(dim + 1))], .int64, shape: [1])
    }
    var shape = x.shape
    shape[dim] = count
    attributes.append(("largest", .int(isLargest ? 1 : 0)))
    return nodes.node(
      "TopK", [x, size], attributes,
      outputs: [TensorSpec(shape: shape, dtype: x.dtype), TensorSpec(shape: shape, dtype: .int64)])
  }
}
