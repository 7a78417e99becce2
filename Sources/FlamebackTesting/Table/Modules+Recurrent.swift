import Flameback
import FlamebackCore

extension ModuleTable {
  static let recurrent: [String: Entry] = [
    "nn.RNN": { c in
      let layer = RNN(
        try c.int(0, "input_size"), try c.int(1, "hidden_size"), numLayers: try c.int(2, "num_layers", default: 1),
        nonlinearity: try c.nonlinearity(3), bias: try c.flag(4, "bias", default: true),
        batchFirst: try c.flag(5, "batch_first"), dropout: try c.double(6, "dropout", default: 0),
        bidirectional: try c.bool(7, "bidirectional"))
      return BuiltModule(layer) { call in
        let h = try call.optionalTensor(1, "hx")
        guard let packed = try call.packed() else {
          let result = layer(try call.tensor(0, "input"), h)
          return .tensors(result.output, result.h)
        }
        let result = layer(packed, h)
        return .tuple([Call.value(of: result.output), .tensor(result.h)])
      }
    },
    "nn.GRU": { c in
      let layer = GRU(
        try c.int(0, "input_size"), try c.int(1, "hidden_size"), numLayers: try c.int(2, "num_layers", default: 1),
        bias: try c.flag(3, "bias", default: true), batchFirst: try c.flag(4, "batch_first"),
        dropout: try c.double(5, "dropout", default: 0), bidirectional: try c.bool(6, "bidirectional"))
      return BuiltModule(layer) { call in
        let h = try call.optionalTensor(1, "hx")
        guard let packed = try call.packed() else {
          let result = layer(try call.tensor(0, "input"), h)
          return .tensors(result.output, result.h)
        }
        let result = layer(packed, h)
        return .tuple([Call.value(of: result.output), .tensor(result.h)])
      }
    },
    "nn.LSTM": { c in
      let layer = LSTM(
        try c.int(0, "input_size"), try c.int(1, "hidden_size"), numLayers: try c.int(2, "num_layers", default: 1),
        bias: try c.flag(3, "bias", default: true), batchFirst: try c.flag(4, "batch_first"),
        dropout: try c.double(5, "dropout", default: 0), bidirectional: try c.bool(6, "bidirectional"),
        projSize: try c.int(7, "proj_size", default: 0))
      return BuiltModule(layer) { call in
        let state = try call.states()
        guard let packed = try call.packed() else {
          let result = layer(try call.tensor(0, "input"), state)
          return .tuple([.tensor(result.output), .tensors(result.state.h, result.state.c)])
        }
        let result = layer(packed, state)
        return .tuple([Call.value(of: result.output), .tensors(result.state.h, result.state.c)])
      }
    },
    "nn.RNNCell": { c in
      let cell = RNNCell(
        try c.int(0, "input_size"), try c.int(1, "hidden_size"), bias: try c.truth(2, "bias"),
        nonlinearity: try c.nonlinearity(3))
      return BuiltModule(cell) { .tensor(cell(try $0.tensor(0, "input"), try $0.optionalTensor(1, "hx"))) }
    },
    "nn.GRUCell": { c in
      let cell = GRUCell(
        try c.int(0, "input_size"), try c.int(1, "hidden_size"), bias: try c.truth(2, "bias"))
      return BuiltModule(cell) { .tensor(cell(try $0.tensor(0, "input"), try $0.optionalTensor(1, "hx"))) }
    },
    "nn.LSTMCell": { c in
      let cell = LSTMCell(
        try c.int(0, "input_size"), try c.int(1, "hidden_size"), bias: try c.truth(2, "bias"))
      return BuiltModule(cell) { call in
        let result = cell(try call.tensor(0, "input"), try call.states())
        return .tensors(result.h, result.c)
      }
    },
  ]
}

extension Call {
  fileprivate func nonlinearity(_ position: Int) throws -> RecurrentNonlinearity {
    let name = try string(position, "nonlinearity", default: "tanh")
    guard let result = RecurrentNonlinearity(rawValue: name) else { throw CallError("unknown nonlinearity '\(name)'") }
    return result
  }

  /// A bool that must be one.
  fileprivate func flag(_ position: Int, _ name: String, default fallback: Bool = false) throws -> Bool {
    if isInt(position, name) { throw CallError("'\(name)' must be a bool") }
    return try bool(position, name, default: fallback)
  }

  /// A bool that may be anything, as Python takes it; true by default.
  fileprivate func truth(_ position: Int, _ name: String) throws -> Bool {
    isString(position, name) ? try !string(position, name).isEmpty : try bool(position, name, default: true)
  }

  /// The pair of states of an LSTM.
  fileprivate func states() throws -> (h: Tensor, c: Tensor)? {
    guard let tensors = try optionalTensors(1, "hx") else { return nil }
    guard tensors.count == 2 else { throw CallError("expected two states, got \(tensors.count)") }
    return (tensors[0], tensors[1])
  }

  /// Packed sequences given as the input; nil if it is a tensor.
  func packed(_ position: Int = 0, _ name: String = "input") throws -> PackedSequence? {
    guard case .object(_, let args, let kwargs)? = peek(position, name) else { return nil }
    _ = try given(position, name)
    let inner = Call("PackedSequence", args, kwargs)
    return PackedSequence(
      try inner.tensor(0, "data"), batchSizes: try inner.tensor(1, "batch_sizes").scalars(Int.self),
      sortedIndices: try inner.optionalTensor(2, "sorted_indices"),
      unsortedIndices: try inner.optionalTensor(3, "unsorted_indices"))
  }

  /// As recorded outputs have them: a tuple of the fields.
  static func value(of packed: PackedSequence) -> Value {
    .tuple([
      .tensor(packed.data), .tensor(Tensor(packed.batchSizes, shape: [packed.batchSizes.count])),
      .optional(packed.sortedIndices), .optional(packed.unsortedIndices),
    ])
  }
}
