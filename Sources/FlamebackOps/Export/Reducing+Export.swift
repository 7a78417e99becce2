import FlamebackCore
import FlamebackKernels

extension ReducedDims {
  /// A node that reduces over these dimensions.
  fileprivate func node(
    _ op: String, _ x: ExportValue, to nodes: NodeWriter, keepDim: Bool? = nil, dtype: DType? = nil
  ) -> ExportValue {
    let keep = keepDim ?? self.keepDim
    let dtype = dtype ?? x.dtype
    let shape = ReducedDims(dims, keepDim: keep).resultShape(of: x.shape)
    if dims.isEmpty, x.rank > 0 {
      return nodes.node(op, [x], [("keepdims", .int(keep ? 1 : 0))], dtype, shape: shape)
    }
    // Before version 18 only sums took the axes as an input.
    return nodes.node(
      op, [x, nodes.ints(dims)], [("keepdims", .int(keep ? 1 : 0))], dtype, shape: shape)
  }
}

extension Primitives.Sum: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = nodes.cast(inputs[0], to: resultDType(inputs[0].dtype))
    switch kind {
    case .sum: return [dims.node("ReduceSum", x, to: nodes)]
    case .mean: return [dims.node("ReduceMean", x, to: nodes)]
    default: throw OpError(name, "ONNX has no operator for it")
    }
  }
}

extension Primitives.Test: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let truth = nodes.cast(nodes.cast(inputs[0], to: .bool), to: kind == .countNonzero ? .int64 : .int32)
    let op = kind == .countNonzero ? "ReduceSum" : kind == .any ? "ReduceMax" : "ReduceMin"
    return [nodes.cast(dims.node(op, truth, to: nodes), to: resultDType(inputs[0].dtype))]
  }
}

extension Primitives.Extremum: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    [dims.node(kind == .maximum ? "ReduceMax" : "ReduceMin", inputs[0], to: nodes)]
  }
}

/// The place of an extreme value along one dimension or in all elements.
private func argument(
  _ op: String, _ x: ExportValue, _ dims: ReducedDims, _ name: String, to nodes: NodeWriter
) throws(OpError) -> ExportValue {
  if dims.dims.count == 1, let dim = dims.dims.first {
    let attributes: [(String, ExportAttribute)] = [("axis", .int(dim)), ("keepdims", .int(dims.keepDim ? 1 : 0))]
    return nodes.node(op, [x], attributes, .int64, shape: dims.resultShape(of: x.shape))
  }
  guard dims.dims.count == x.rank, !dims.keepDim else { throw OpError(name, "over several dimensions") }
  let flat = nodes.node("Reshape", [x, nodes.ints([-1])], [], x.dtype, shape: [x.shape.elementCount])
  return nodes.node(op, [flat], [("axis", .int(0)), ("keepdims", .int(0))], .int64, shape: [])
}

extension Primitives.ExtremumWithIndex: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let isMaximum = kind == .argMaximum || kind == .maximum
    return [
      dims.node(isMaximum ? "ReduceMax" : "ReduceMin", inputs[0], to: nodes),
      try argument(isMaximum ? "ArgMax" : "ArgMin", inputs[0], dims, name, to: nodes),
    ]
  }
}

extension Primitives.ArgExtremum: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    [try argument(kind == .argMaximum ? "ArgMax" : "ArgMin", inputs[0], dims, name, to: nodes)]
  }
}

extension Primitives.Prod: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    [dims.node("ReduceProd", nodes.cast(inputs[0], to: resultDType(inputs[0].dtype)), to: nodes)]
  }
}

extension Primitives.LogSumExp: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    [dims.node("ReduceLogSumExp", inputs[0], to: nodes)]
  }
}

extension Primitives.Variance: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    let mean = dims.node("ReduceMean", x, to: nodes, keepDim: true)
    let centred = nodes.node("Sub", [x, mean], [], x.dtype, shape: x.shape)
    let squares = nodes.node("Mul", [centred, centred], [], x.dtype, shape: x.shape)
    var result: ExportValue
    if correction == 0 {
      result = dims.node("ReduceMean", squares, to: nodes)
    } else {
      let reduced = dims.dims.isEmpty ? Array(0..<x.rank) : dims.dims
      try nodes.requireFixed(x, reduced, op: name)
      let divisor = max(0, Double(dims.count(of: x.shape)) - correction)
      let sum = dims.node("ReduceSum", squares, to: nodes)
      result = nodes.node("Div", [sum, nodes.number(.float(divisor), x.dtype)], [], x.dtype, shape: sum.shape)
    }
    if isRoot { result = nodes.node("Sqrt", [result], [], x.dtype, shape: result.shape) }
    return withMean ? [result, dims.node("ReduceMean", x, to: nodes)] : [result]
  }
}

extension Primitives.VectorNorm: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = nodes.cast(inputs[0], to: resultDType(inputs[0].dtype))
    if order == 1 { return [dims.node("ReduceL1", x, to: nodes)] }
    if order == 2 { return [dims.node("ReduceL2", x, to: nodes)] }
    let size = nodes.node("Abs", [x], [], x.dtype, shape: x.shape)
    if order.isInfinite { return [dims.node(order > 0 ? "ReduceMax" : "ReduceMin", size, to: nodes)] }
    guard order != 0 else { throw OpError(name, "ONNX has no operator for the norm of order 0") }
    let power = nodes.node("Pow", [size, nodes.number(.float(order), x.dtype)], [], x.dtype, shape: x.shape)
    let sum = dims.node("ReduceSum", power, to: nodes)
    return [nodes.node("Pow", [sum, nodes.number(.float(1 / order), x.dtype)], [], x.dtype, shape: sum.shape)]
  }
}

extension Primitives.RunningSum: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let target = try infer([TensorSpec(shape: inputs[0].shape, dtype: inputs[0].dtype)])[0].dtype
    let x = nodes.cast(inputs[0], to: target)
    let axis = nodes.number(.int(dim), .int64)
    return [nodes.node("CumSum", [x, axis], [("reverse", .int(reverse ? 1 : 0))], x.dtype, shape: x.shape)]
  }
}

extension Primitives.Softmax: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    [nodes.node(log ? "LogSoftmax" : "Softmax", [inputs[0]], [("axis", .int(dim))], inputs[0].dtype)]
  }
}
