import FlamebackCore
import FlamebackKernels

extension Primitives.MatrixMultiply: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (a, b) = (inputs[0], inputs[1])
    let dtype = a.dtype
    if dtype.isComplex { throw OpError(name, "complex numbers cannot be written") }
    let shape = try infer(inputs.map { TensorSpec(shape: $0.shape, dtype: $0.dtype) })[0].shape
    if a.rank == 2, b.rank == 2, dtype.isFloatingPoint {
      var attributes: [(String, ExportAttribute)] = []
      if !alpha.isOne { attributes.append(("alpha", .float(alpha.double))) }
      if inputs.count > 2, !beta.isOne { attributes.append(("beta", .float(beta.double))) }
      return [nodes.node("Gemm", inputs.map { $0 }, attributes, dtype, shape: shape)]
    }
    func scaled(_ value: ExportValue, _ factor: Scalar) -> ExportValue {
      factor.isOne ? value : nodes.node("Mul", [value, nodes.number(factor, dtype)], [], dtype, shape: value.shape)
    }
    let product = scaled(nodes.node("MatMul", [a, b], [], dtype, shape: shape), alpha)
    if inputs.count < 3 { return [product] }
    return [nodes.node("Add", [product, scaled(inputs[2], beta)], [], dtype, shape: shape)]
  }
}

extension Primitives.BatchNorm: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    // Statistics of the batch are written as the sums they are (`decomposed`).
    if training { throw OpError(name, "measures the batch: switch the model to evaluation with eval()") }
    let x = inputs[0]
    func parameter(_ place: Int?, _ standard: Double) -> ExportValue {
      place.map { inputs[$0] }
        ?? nodes.constant(.filled(.float(standard), TensorSpec(shape: [x.shape[1]], dtype: x.dtype)))
    }
    let weight = parameter(hasWeight ? 3 : nil, 1)
    let bias = parameter(hasBias ? (hasWeight ? 4 : 3) : nil, 0)
    return [
      nodes.node(
        "BatchNormalization", [x, weight, bias, inputs[1], inputs[2]], [("epsilon", .float(eps))], x.dtype)
    ]
  }
}

extension Primitives.LayerNorm: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let x = inputs[0]
    // The last dimensions that have n elements together: as many as the weight has, else the fewest.
    var axis = x.rank
    var count = 1
    while axis > 0, count < n || (hasWeight && x.rank - axis < inputs[1].rank) {
      axis -= 1
      count *= x.shape[axis]
    }
    guard count == n, axis < x.rank else { throw OpError(name, "normalises over no whole dimensions") }
    try nodes.requireFixed(x, axis..<x.rank, op: name)
    let sizes = Shape(x.shape.dropFirst(axis))
    let weight =
      hasWeight ? inputs[1] : nodes.constant(.filled(.float(1), TensorSpec(shape: sizes, dtype: x.dtype)))
    let attributes: [(String, ExportAttribute)] = [("axis", .int(axis - x.rank)), ("epsilon", .float(eps))]
    let statistics = TensorSpec(shape: x.shape, dtype: Normalization.statistics(x.dtype))
    let spec = TensorSpec(shape: x.shape, dtype: x.dtype)
    guard rms else {
      let bias = hasBias ? inputs[hasWeight ? 2 : 1] : nil
      return nodes.node("LayerNormalization", [x, weight, bias], attributes, outputs: [spec, statistics, statistics])
    }
    if nodes.opset >= 23 { return [nodes.node("RMSNormalization", [x, weight], attributes, outputs: [spec])[0]] }
    let square = nodes.node("Mul", [x, x], [], x.dtype, shape: x.shape)
    let axes = nodes.ints(Array(axis..<x.rank))
    let mean = nodes.node("ReduceMean", [square, axes], [("keepdims", .int(1))], x.dtype)
    let shifted = nodes.node("Add", [mean, nodes.number(.float(eps), x.dtype)], [], x.dtype)
    let root = nodes.node("Sqrt", [shifted], [], x.dtype)
    let normal = nodes.node("Div", [x, root], [], x.dtype, shape: x.shape)
    return [hasWeight ? nodes.node("Mul", [normal, weight], [], x.dtype, shape: x.shape) : normal]
  }
}

extension Primitives.FusedAttention: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (q, k, v) = (inputs[0], inputs[1], inputs[2])
    let dtype = q.dtype
    var order = Array(0..<k.rank)
    order.swapAt(k.rank - 1, k.rank - 2)
    let turned = nodes.node("Transpose", [k], [("perm", .ints(order))], dtype)
    let scaled = nodes.node("Mul", [q, nodes.number(.float(scale), dtype)], [], dtype, shape: q.shape)
    var scores = nodes.node("MatMul", [scaled, turned], [], dtype)
    if isCausal {
      // −∞ above the diagonal.
      let rows = nodes.node("Shape", [q], [("start", .int(-2)), ("end", .int(-1))], .int64, shape: [1])
      let keys = nodes.node("Shape", [k], [("start", .int(-2)), ("end", .int(-1))], .int64, shape: [1])
      let sizes = nodes.node("Concat", [rows, keys], [("axis", .int(0))], .int64, shape: [2])
      let value = Tensor.filled(.float(-.infinity), TensorSpec(shape: [1], dtype: dtype))
      let full = nodes.node("ConstantOfShape", [sizes], [("value", .tensor(value))], dtype)
      let mask = nodes.node("Trilu", [full, nodes.number(1, .int64)], [("upper", .int(1))], dtype)
      scores = nodes.node("Add", [scores, mask], [], dtype)
    } else if inputs.count > 3 {
      scores = nodes.node("Add", [scores, inputs[3]], [], dtype)
    }
    let weights = nodes.node("Softmax", [scores], [("axis", .int(-1))], dtype)
    let shape = try infer(inputs.map { TensorSpec(shape: $0.shape, dtype: $0.dtype) })[0].shape
    let rows = shape.count - 2
    if rowDim == rows { return [nodes.node("MatMul", [weights, v], [], dtype, shape: shape)] }
    let result = nodes.node("MatMul", [weights, v], [], dtype)
    var placed = Array(0..<shape.count)
    placed.insert(placed.remove(at: rows), at: rowDim)
    return [nodes.node("Transpose", [result], [("perm", .ints(placed))], dtype, shape: shape)]
  }
}
