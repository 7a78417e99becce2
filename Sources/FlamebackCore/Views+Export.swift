import FlamebackKernels

extension Primitives.Expand: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let extra = shape.count - x.rank
    // 1 keeps what is there: fewer sizes that follow dynamic axes.
    let kept = (0..<shape.count).map { $0 >= extra && x.shape[$0 - extra] == shape[$0] && shape[$0] != 1 }
    let sizes = try nodes.sizes(of: self) { other in kept.indices.map { kept[$0] ? 1 : other.shape[$0] } }
    return [nodes.node("Expand", [x, sizes], [], x.dtype, shape: shape)]
  }
}

extension Primitives.SumTo: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let extra = x.rank - shape.count
    let dims = (0..<x.rank).filter { $0 < extra || (shape[$0 - extra] == 1 && x.shape[$0] != 1) }
    var kept = x.shape
    for d in dims { kept[d] = 1 }
    let sum = nodes.node("ReduceSum", [x, nodes.ints(dims)], [("keepdims", .int(1))], x.dtype, shape: kept)
    nodes.followsAxes = true
    if extra == 0 { return [sum] }
    return [nodes.node("Squeeze", [sum, nodes.ints(Array(0..<extra))], [], x.dtype, shape: shape)]
  }
}

extension Primitives.Detach: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] { [inputs[0]] }
}

extension Primitives.Transfer: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] { [inputs[0]] }
}
