import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let neural: [String: Entry] = [normalizations, losses, attention].reduce(into: [:]) {
    $0.merge($1) { first, _ in first }
  }

  private static let normalizations: [String: Entry] = [
    "nn.functional.layer_norm": { call in
      .tensor(
        try call.tensor(0, "input").layerNorm(
          try call.ints(1, "normalized_shape"), weight: try call.optionalTensor(2, "weight"),
          bias: try call.optionalTensor(3, "bias"), eps: try call.double(4, "eps", default: 1e-5)))
    },
    "nn.functional.rms_norm": { call in
      .tensor(
        try call.tensor(0, "input").rmsNorm(
          try call.ints(1, "normalized_shape"), weight: try call.optionalTensor(2, "weight"),
          eps: try call.optionalDouble(3, "eps")))
    },
    "nn.functional.group_norm": { call in
      .tensor(
        try call.tensor(0, "input").groupNorm(
          try call.int(1, "num_groups"), weight: try call.optionalTensor(2, "weight"),
          bias: try call.optionalTensor(3, "bias"), eps: try call.double(4, "eps", default: 1e-5)))
    },
    "nn.functional.batch_norm": { call in
      let result = try call.tensor(0, "input").batchNorm(
        runningMean: try call.optionalTensor(1, "running_mean"), runningVar: try call.optionalTensor(2, "running_var"),
        weight: try call.optionalTensor(3, "weight"), bias: try call.optionalTensor(4, "bias"),
        training: try call.bool(5, "training"), momentum: try call.double(6, "momentum", default: 0.1),
        eps: try call.double(7, "eps", default: 1e-5))
      if let mean = result.runningMean { try call.mutate(1, "running_mean", to: mean) }
      if let variance = result.runningVar { try call.mutate(2, "running_var", to: variance) }
      return .tensor(result.output)
    },
    "nn.functional.instance_norm": { call in
      let result = try call.tensor(0, "input").instanceNorm(
        runningMean: try call.optionalTensor(1, "running_mean"), runningVar: try call.optionalTensor(2, "running_var"),
        weight: try call.optionalTensor(3, "weight"), bias: try call.optionalTensor(4, "bias"),
        useInputStats: try call.bool(5, "use_input_stats", default: true),
        momentum: try call.double(6, "momentum", default: 0.1), eps: try call.double(7, "eps", default: 1e-5))
      if let mean = result.runningMean { try call.mutate(1, "running_mean", to: mean) }
      if let variance = result.runningVar { try call.mutate(2, "running_var", to: variance) }
      return .tensor(result.output)
    },
    "nn.functional.local_response_norm": { call in
      .tensor(
        try call.tensor(0, "input").localResponseNorm(
          try call.int(1, "size"), alpha: try call.double(2, "alpha", default: 1e-4),
          beta: try call.double(3, "beta", default: 0.75), k: try call.double(4, "k", default: 1)))
    },
    "nn.functional.normalize": { call in
      .tensor(
        try call.tensor(0, "input").normalize(
          p: try call.double(1, "p", default: 2), dim: try call.ints(2, "dim", default: [1]),
          eps: try call.double(3, "eps", default: 1e-12)))
    },
    "nn.functional.cosine_similarity": { call in
      .tensor(
        try call.tensor(0, "x1").cosineSimilarity(
          try call.tensor(1, "x2"), dim: try call.int(2, "dim", default: 1),
          eps: try call.double(3, "eps", default: 1e-8)))
    },
    "nn.functional.pairwise_distance": { call in
      .tensor(
        try call.tensor(0, "x1").pairwiseDistance(
          try call.tensor(1, "x2"), p: try call.double(2, "p", default: 2),
          eps: try call.double(3, "eps", default: 1e-6),
          keepDim: try call.bool(4, "keepdim")))
    },
    "nn.functional.pdist": { call in
      .tensor(try call.tensor(0, "input").pdist(p: try call.double(1, "p", default: 2)))
    },
    "cdist": { call in
      _ = try call.given(3, "compute_mode")  // a choice between PyTorch's algorithms
      return .tensor(
        try call.tensor(0, "x1").cdist(try call.tensor(1, "x2"), p: try call.double(2, "p", default: 2)))
    },
  ]

  private static let attention: [String: Entry] = [
    "nn.functional.scaled_dot_product_attention": { call in
      .tensor(
        try call.tensor(0, "query").scaledDotProductAttention(
          try call.tensor(1, "key"), try call.tensor(2, "value"), mask: try call.optionalTensor(3, "attn_mask"),
          dropout: try call.double(4, "dropout_p", default: 0), isCausal: try call.bool(5, "is_causal"),
          scale: try call.optionalDouble(nil, "scale"), enableGQA: try call.bool(nil, "enable_gqa")))
    },
    "nn.functional.multi_head_attention_forward": { call in
      let query = try call.tensor(0, "query")
      let embedding = try call.int(3, "embed_dim_to_check")
      guard query.shape[query.rank - 1] == embedding else {
        throw CallError("\(call.name)(): was expecting embedding dimension of \(embedding)")
      }
      let separate = try call.bool(nil, "use_separate_proj_weight")
      let common = try call.optionalTensor(5, "in_proj_weight")
      let weights = MultiHeadAttentionWeights(
        inProjection: separate ? nil : common, query: try call.optionalTensor(nil, "q_proj_weight"),
        key: try call.optionalTensor(nil, "k_proj_weight"), value: try call.optionalTensor(nil, "v_proj_weight"),
        inBias: try call.optionalTensor(6, "in_proj_bias"), keyBias: try call.optionalTensor(7, "bias_k"),
        valueBias: try call.optionalTensor(8, "bias_v"), outProjection: try call.tensor(11, "out_proj_weight"),
        outBias: try call.optionalTensor(12, "out_proj_bias"))
      let result = multiHeadAttention(
        query, try call.tensor(1, "key"), try call.tensor(2, "value"), heads: try call.int(4, "num_heads"),
        weights: weights, addZeroAttention: try call.bool(9, "add_zero_attn"),
        dropout: try call.double(10, "dropout_p"), training: try call.bool(13, "training", default: true),
        keyPaddingMask: try call.optionalTensor(14, "key_padding_mask"),
        needWeights: try call.bool(15, "need_weights", default: true), mask: try call.optionalTensor(16, "attn_mask"),
        isCausal: try call.bool(nil, "is_causal"),
        averageWeights: try call.bool(nil, "average_attn_weights", default: true),
        staticKey: try call.optionalTensor(nil, "static_k"), staticValue: try call.optionalTensor(nil, "static_v"))
      return .tuple([.tensor(result.output), .optional(result.weights)])
    },
  ]
}
