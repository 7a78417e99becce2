import Flameback
import FlamebackCore

extension ModuleTable {
  static let layers: [String: Entry] = [
    simple, activations, convolutions, pooling, padding, normalization, resizing, derived,
  ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

  private static let simple: [String: Entry] = [
    "nn.Identity": { c in
      for i in 0..<c.positionalCount { _ = try c.value(i, "") }
      return BuiltModule(Identity())
    },
    "nn.Linear": { c in
      BuiltModule(
        Linear(try c.int(0, "in_features"), try c.int(1, "out_features"), bias: try c.bool(2, "bias", default: true)))
    },
    "nn.Bilinear": { c in
      let layer = Bilinear(
        try c.int(0, "in1_features"), try c.int(1, "in2_features"), try c.int(2, "out_features"),
        bias: try c.bool(3, "bias", default: true))
      return BuiltModule(layer) { .tensor(layer(try $0.tensor(0, "input1"), try $0.tensor(1, "input2"))) }
    },
    "nn.Flatten": { c in
      BuiltModule(
        Flatten(startDim: try c.int(0, "start_dim", default: 1), endDim: try c.int(1, "end_dim", default: -1)))
    },
    "nn.Unflatten": { c in
      BuiltModule(Unflatten(try c.int(0, "dim"), try c.ints(1, "unflattened_size")))
    },
    "nn.Embedding": { c in
      BuiltModule(
        Embedding(
          try c.int(0, "num_embeddings"), try c.int(1, "embedding_dim"),
          paddingIdx: try c.optionalInt(2, "padding_idx"),
          maxNorm: try c.optionalDouble(3, "max_norm"), normType: try c.double(4, "norm_type", default: 2),
          scaleGradByFreq: try c.bool(5, "scale_grad_by_freq")))
    },
    "nn.EmbeddingBag": { c in
      let mode = BagMode(rawValue: try c.string(5, "mode", default: "mean"))
      let layer = EmbeddingBag(
        try c.int(0, "num_embeddings"), try c.int(1, "embedding_dim"), maxNorm: try c.optionalDouble(2, "max_norm"),
        normType: try c.double(3, "norm_type", default: 2), scaleGradByFreq: try c.bool(4, "scale_grad_by_freq"),
        mode: mode ?? .mean, includeLastOffset: try c.bool(8, "include_last_offset"),
        paddingIdx: try c.optionalInt(9, "padding_idx"))
      return BuiltModule(layer) { call in
        .tensor(
          layer(
            try call.tensor(0, "input"), try call.optionalTensor(1, "offsets"),
            perSampleWeights: try call.optionalTensor(2, "per_sample_weights")))
      }
    },
  ]
}

extension Call {
  /// A number for all dimensions, or a list.
  func extent(_ position: Int?, _ name: String) throws -> any Sizes {
    isInt(position, name) ? try int(position, name) : try ints(position, name)
  }

  func extent(_ position: Int?, _ name: String, default fallback: Int) throws -> any Sizes {
    try optionalExtent(position, name) ?? fallback
  }

  func optionalExtent(_ position: Int?, _ name: String) throws -> (any Sizes)? {
    try value(position, name) == nil ? nil : try extent(position, name)
  }
}
