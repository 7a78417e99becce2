import Flameback
import FlamebackCore

extension OperatorTable {
  /// Ways to fill parameters, and tools for parameters.
  static let initialization: [String: Entry] = [
    "nn.init.uniform_": fill { c, x in
      Init.uniform(
        &x, try c.double(1, "a", default: 0), try c.double(2, "b", default: 1), generator: try c.generator())
    },
    "nn.init.normal_": fill { c, x in
      Init.normal(
        &x, mean: try c.double(1, "mean", default: 0), std: try c.double(2, "std", default: 1),
        generator: try c.generator())
    },
    "nn.init.trunc_normal_": fill { c, x in
      Init.truncNormal(
        &x, mean: try c.double(1, "mean", default: 0), std: try c.double(2, "std", default: 1),
        a: try c.double(3, "a", default: -2), b: try c.double(4, "b", default: 2), generator: try c.generator())
    },
    "nn.init.constant_": fill { c, x in Init.constant(&x, try c.double(1, "val")) },
    "nn.init.ones_": fill { _, x in Init.ones(&x) },
    "nn.init.zeros_": fill { _, x in Init.zeros(&x) },
    "nn.init.eye_": fill { _, x in Init.eye(&x) },
    "nn.init.dirac_": fill { c, x in Init.dirac(&x, groups: try c.int(1, "groups", default: 1)) },
    "nn.init.xavier_uniform_": fill { c, x in
      Init.xavierUniform(&x, gain: try c.double(1, "gain", default: 1), generator: try c.generator())
    },
    "nn.init.xavier_normal_": fill { c, x in
      Init.xavierNormal(&x, gain: try c.double(1, "gain", default: 1), generator: try c.generator())
    },
    "nn.init.kaiming_uniform_": fill { c, x in
      let slope = try c.double(1, "a", default: 0)
      Init.kaimingUniform(
        &x, mode: try c.fanMode(2), nonlinearity: try c.nonlinearity(3, "leaky_relu", slope),
        generator: try c.generator())
    },
    "nn.init.kaiming_normal_": fill { c, x in
      let slope = try c.double(1, "a", default: 0)
      Init.kaimingNormal(
        &x, mode: try c.fanMode(2), nonlinearity: try c.nonlinearity(3, "leaky_relu", slope),
        generator: try c.generator())
    },
    "nn.init.orthogonal_": fill { c, x in
      Init.orthogonal(&x, gain: try c.double(1, "gain", default: 1), generator: try c.generator())
    },
    "nn.init.sparse_": fill { c, x in
      Init.sparse(
        &x, sparsity: try c.double(1, "sparsity"), std: try c.double(2, "std", default: 0.01),
        generator: try c.generator())
    },
    "nn.init.calculate_gain": { c in
      let slope = try c.double(1, "param", default: 0.01)
      let gain = Init.calculateGain(try c.nonlinearity(0, "linear", slope))
      return gain == gain.rounded() ? .int(Int(gain)) : .float(gain)
    },
    "nn.utils.clip_grad_norm_": { c in
      c.ignore("foreach")
      return .tensor(
        clipGradNorm(
          try c.tensors(0, "parameters"), maxNorm: try c.double(1, "max_norm"),
          normType: try c.double(2, "norm_type", default: 2), errorIfNonfinite: try c.bool(3, "error_if_nonfinite")))
    },
    "nn.utils.clip_grad_value_": { c in
      c.ignore("foreach")
      clipGradValue(try c.tensors(0, "parameters"), clipValue: try c.double(1, "clip_value"))
      return .none
    },
    "nn.utils.parameters_to_vector": { c in
      .tensor(parametersToVector(try c.tensors(0, "parameters")))
    },
    "nn.utils.rnn.pad_sequence": { c in
      .tensor(
        padSequence(
          try c.tensors(0, "sequences"), batchFirst: try c.bool(1, "batch_first"),
          paddingValue: try c.double(2, "padding_value", default: 0),
          paddingSide: PaddingSide(rawValue: try c.string(3, "padding_side", default: "right")) ?? .right))
    },
    "nn.utils.rnn.unpad_sequence": { c in
      .list(
        unpadSequence(
          try c.tensor(0, "padded_sequences"), lengths: try c.lengths(1), batchFirst: try c.bool(2, "batch_first")
        ).map(Value.tensor))
    },
    "nn.utils.rnn.pack_padded_sequence": { c in
      Call.value(
        of: packPaddedSequence(
          try c.tensor(0, "input"), lengths: try c.lengths(1), batchFirst: try c.bool(2, "batch_first"),
          enforceSorted: try c.bool(3, "enforce_sorted", default: true)))
    },
    "nn.utils.rnn.pack_sequence": { c in
      Call.value(
        of: packSequence(
          try c.tensors(0, "sequences"), enforceSorted: try c.bool(1, "enforce_sorted", default: true)))
    },
    "nn.utils.rnn.pad_packed_sequence": { c in
      guard let packed = try c.packed(0, "sequence") else { throw CallError("expected packed sequences") }
      let result = padPackedSequence(
        packed, batchFirst: try c.bool(1, "batch_first"), paddingValue: try c.double(2, "padding_value", default: 0),
        totalLength: try c.optionalInt(3, "total_length"))
      return .tensors(result.output, result.lengths)
    },
  ]

  private static func fill(_ body: @escaping @Sendable (Call, inout Tensor) throws -> Void) -> Entry {
    { call in
      var tensor = try call.tensor(0, "tensor")
      try body(call, &tensor)
      return .tensor(tensor)
    }
  }
}

extension Call {
  fileprivate func fanMode(_ position: Int) throws -> Init.FanMode {
    let name = try string(position, "mode", default: "fan_in")
    guard let mode = Init.FanMode(rawValue: name) else { throw CallError("mode \(name) not supported") }
    return mode
  }

  fileprivate func nonlinearity(_ position: Int, _ fallback: String, _ slope: Double) throws -> Init.Nonlinearity {
    let name = try string(position, "nonlinearity", default: fallback)
    switch name {
    case "tanh": return .tanh
    case "relu": return .relu
    case "selu": return .selu
    case "leaky_relu": return .leakyRelu(slope)
    case "linear", "sigmoid": return .linear
    case _ where name.hasPrefix("conv"): return .linear
    default: throw CallError("unsupported nonlinearity \(name)")
    }
  }

  fileprivate func lengths(_ position: Int) throws -> [Int] {
    isTensor(position, "lengths") ? try tensor(position, "lengths").scalars(Int.self) : try ints(position, "lengths")
  }
}
