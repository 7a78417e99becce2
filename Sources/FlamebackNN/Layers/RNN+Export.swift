import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A call of a recurrent network as ONNX's operators LSTM, GRU and RNN, one for each layer.
///
/// Inputs: x [time, batch, features] (or batch first), the initial states if given, then for each layer and direction
/// weight_ih, weight_hh and, if there are any, bias_ih and bias_hh.
struct RecurrentRegion: ExportableRegion {
  let name: String
  let mode: RecurrentMode
  let layers: Int
  let hiddenSize: Int
  let directions: Int
  let hasBias: Bool
  let batchFirst: Bool
  let hasState: Bool

  /// ONNX's order of the gates as places in PyTorch's: input, output, forget, cell of i f g o; update, reset, new of r z n.
  private var order: [Int] {
    switch mode {
    case .lstm: [0, 3, 1, 2]
    case .gru: [1, 0, 2]
    case .tanh, .relu: [0]
    }
  }

  func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let dtype = inputs[0].dtype
    var x = inputs[0]
    if batchFirst { x = nodes.node("Transpose", [x], [("perm", .ints([1, 0, 2]))], dtype) }
    var next = 1
    var states: [ExportValue] = []
    if hasState {
      states = Array(inputs[1..<(mode == .lstm ? 3 : 2)])
      next += states.count
    }
    var (lastH, lastC): ([ExportValue], [ExportValue]) = ([], [])
    for layer in 0..<layers {
      var parts: [[Tensor]] = []
      for _ in 0..<directions {
        var weights: [Tensor] = []
        for _ in 0..<(hasBias ? 4 : 2) {
          guard let tensor = nodes.tensor(inputs[next]) else {
            throw OpError(name, "weights must be parameters, not results")
          }
          weights.append(tensor)
          next += 1
        }
        parts.append(weights)
      }
      func joined(_ i: Int) -> Tensor { noGrad { Tensor.stack(parts.map { reordered($0[i]) }) } }
      let bias = hasBias ? noGrad { Tensor.cat([joined(2), joined(3)], dim: 1) } : nil
      // PyTorch's names for weights that have another layout in ONNX.
      func constant(_ tensor: Tensor) -> ExportValue {
        nodes.constant(tensor, name: "onnx::\(operatorName)_\(nodes.constants.count)")
      }
      let slices = states.map { state in
        nodes.node(
          "Slice", [state, nodes.ints([layer * directions]), nodes.ints([(layer + 1) * directions]), nodes.ints([0])],
          [], dtype)
      }
      let given: [ExportValue?] =
        [x, constant(joined(0)), constant(joined(1)), bias.map(constant), nil] + slices.map { $0 }
      var attributes: [(String, ExportAttribute)] = [("hidden_size", .int(hiddenSize))]
      if directions == 2 { attributes.append(("direction", .text("bidirectional"))) }
      if mode == .gru { attributes.append(("linear_before_reset", .int(1))) }
      if mode == .relu { attributes.append(("activations", .texts(Array(repeating: "Relu", count: directions)))) }
      let spec = TensorSpec(shape: [1, 1, 1, 1], dtype: dtype)
      let results = nodes.node(
        operatorName, given, attributes, outputs: Array(repeating: spec, count: mode == .lstm ? 3 : 2))
      // [time, directions, batch, hidden] → [time, batch, directions · hidden]
      let turned = nodes.node("Transpose", [results[0]], [("perm", .ints([0, 2, 1, 3]))], dtype)
      x = nodes.node("Reshape", [turned, nodes.ints([0, 0, -1])], [], dtype)
      lastH.append(results[1])
      if mode == .lstm { lastC.append(results[2]) }
    }
    func joined(_ parts: [ExportValue]) -> ExportValue {
      parts.count == 1 ? parts[0] : nodes.node("Concat", parts.map { $0 }, [("axis", .int(0))], dtype)
    }
    if batchFirst { x = nodes.node("Transpose", [x], [("perm", .ints([1, 0, 2]))], dtype) }
    return [x, joined(lastH)] + (mode == .lstm ? [joined(lastC)] : [])
  }

  private var operatorName: String {
    switch mode {
    case .lstm: "LSTM"
    case .gru: "GRU"
    case .tanh, .relu: "RNN"
    }
  }

  private func reordered(_ weight: Tensor) -> Tensor {
    let gates = weight.detached().chunk(mode.gates, dim: 0)
    return gates.count == 1 ? gates[0] : Tensor.cat(order.map { gates[$0] }, dim: 0)
  }
}

extension RecurrentNetwork {
  /// Calls `body`, and tells a trace what it is as a whole, where ONNX has an operator for it.
  func asOneOperator(_ x: Tensor, _ states: [Tensor], _ body: () -> [Tensor]) -> [Tensor] {
    guard x.rank == 3, projSize == 0, dropout == 0 || !isTraining, states.allSatisfy({ $0.rank == 3 }) else {
      return body()
    }
    return traceRegion(
      RecurrentRegion(
        name: typeName, mode: mode, layers: numLayers, hiddenSize: hiddenSize, directions: bidirectional ? 2 : 1,
        hasBias: hasBias, batchFirst: batchFirst, hasState: !states.isEmpty),
      inputs: [x] + states + parametersInOrder, body)
  }
}
