import Flameback
import FlamebackCore

extension ModuleTable {
  static let transformers: [String: Entry] = [
    "nn.MultiheadAttention": { c in
      let layer = MultiheadAttention(
        try c.int(0, "embed_dim"), try c.int(1, "num_heads"), dropout: try c.double(2, "dropout", default: 0),
        bias: try c.bool(3, "bias", default: true), addBiasKV: try c.bool(4, "add_bias_kv"),
        addZeroAttn: try c.bool(5, "add_zero_attn"), kdim: try c.optionalInt(6, "kdim"),
        vdim: try c.optionalInt(7, "vdim"), batchFirst: try c.bool(8, "batch_first"))
      return BuiltModule(layer) { call in
        let result = layer(
          try call.tensor(0, "query"), try call.tensor(1, "key"), try call.tensor(2, "value"),
          keyPaddingMask: try call.optionalTensor(3, "key_padding_mask"),
          needWeights: try call.bool(4, "need_weights", default: true),
          attnMask: try call.optionalTensor(5, "attn_mask"),
          averageAttnWeights: try call.bool(6, "average_attn_weights", default: true),
          isCausal: try call.bool(7, "is_causal"))
        return .tuple([.tensor(result.output), .optional(result.weights)])
      }
    },
    "nn.TransformerEncoderLayer": { c in
      let layer = TransformerEncoderLayer(
        try c.int(0, "d_model"), try c.int(1, "nhead"), dimFeedforward: try c.int(2, "dim_feedforward", default: 2048),
        dropout: try c.double(3, "dropout", default: 0.1), activation: try c.activation(4),
        layerNormEps: try c.double(5, "layer_norm_eps", default: 1e-5), batchFirst: try c.bool(6, "batch_first"),
        normFirst: try c.bool(7, "norm_first"), bias: try c.bool(8, "bias", default: true))
      return BuiltModule(layer) { call in
        .tensor(
          layer(
            try call.tensor(0, "src"), mask: try call.optionalTensor(1, "src_mask"),
            keyPaddingMask: try call.optionalTensor(2, "src_key_padding_mask"),
            isCausal: try call.bool(3, "is_causal")))
      }
    },
    "nn.TransformerDecoderLayer": { c in
      let layer = TransformerDecoderLayer(
        try c.int(0, "d_model"), try c.int(1, "nhead"), dimFeedforward: try c.int(2, "dim_feedforward", default: 2048),
        dropout: try c.double(3, "dropout", default: 0.1), activation: try c.activation(4),
        layerNormEps: try c.double(5, "layer_norm_eps", default: 1e-5), batchFirst: try c.bool(6, "batch_first"),
        normFirst: try c.bool(7, "norm_first"), bias: try c.bool(8, "bias", default: true))
      return BuiltModule(layer) { call in
        call.ignore("tgt_is_causal", "memory_is_causal")
        return .tensor(
          layer(
            try call.tensor(0, "tgt"), try call.tensor(1, "memory"), targetMask: try call.optionalTensor(2, "tgt_mask"),
            memoryMask: try call.optionalTensor(3, "memory_mask"),
            targetKeyPaddingMask: try call.optionalTensor(4, "tgt_key_padding_mask"),
            memoryKeyPaddingMask: try call.optionalTensor(5, "memory_key_padding_mask")))
      }
    },
    "nn.TransformerEncoder": { c in
      c.ignore("enable_nested_tensor", "mask_check")
      guard let layer = try c.module(0, "encoder_layer").module as? TransformerEncoderLayer else {
        throw CallError("expected an encoder layer")
      }
      let encoder = TransformerEncoder(
        layer, numLayers: try c.int(1, "num_layers"), norm: try c.optionalModule(2, "norm")?.module as? LayerNorm)
      return BuiltModule(encoder) { call in
        .tensor(
          encoder(
            try call.tensor(0, "src"), mask: try call.optionalTensor(1, "mask"),
            keyPaddingMask: try call.optionalTensor(2, "src_key_padding_mask"),
            isCausal: try call.optionalBool(3, "is_causal")))
      }
    },
    "nn.TransformerDecoder": { c in
      guard let layer = try c.module(0, "decoder_layer").module as? TransformerDecoderLayer else {
        throw CallError("expected a decoder layer")
      }
      let decoder = TransformerDecoder(
        layer, numLayers: try c.int(1, "num_layers"), norm: try c.optionalModule(2, "norm")?.module as? LayerNorm)
      return BuiltModule(decoder) { call in
        call.ignore("tgt_is_causal", "memory_is_causal")
        return .tensor(
          decoder(
            try call.tensor(0, "tgt"), try call.tensor(1, "memory"), targetMask: try call.optionalTensor(2, "tgt_mask"),
            memoryMask: try call.optionalTensor(3, "memory_mask"),
            targetKeyPaddingMask: try call.optionalTensor(4, "tgt_key_padding_mask"),
            memoryKeyPaddingMask: try call.optionalTensor(5, "memory_key_padding_mask")))
      }
    },
    "nn.Transformer": { c in
      let model = Transformer(
        dModel: try c.int(0, "d_model", default: 512), nhead: try c.int(1, "nhead", default: 8),
        numEncoderLayers: try c.int(2, "num_encoder_layers", default: 6),
        numDecoderLayers: try c.int(3, "num_decoder_layers", default: 6),
        dimFeedforward: try c.int(4, "dim_feedforward", default: 2048),
        dropout: try c.double(5, "dropout", default: 0.1), activation: try c.activation(6),
        layerNormEps: try c.double(9, "layer_norm_eps", default: 1e-5), batchFirst: try c.bool(10, "batch_first"),
        normFirst: try c.bool(11, "norm_first"), bias: try c.bool(12, "bias", default: true))
      return BuiltModule(model) { call in
        call.ignore("src_is_causal", "tgt_is_causal", "memory_is_causal")
        return .tensor(
          model(
            try call.tensor(0, "src"), try call.tensor(1, "tgt"), sourceMask: try call.optionalTensor(2, "src_mask"),
            targetMask: try call.optionalTensor(3, "tgt_mask"), memoryMask: try call.optionalTensor(4, "memory_mask"),
            sourceKeyPaddingMask: try call.optionalTensor(5, "src_key_padding_mask"),
            targetKeyPaddingMask: try call.optionalTensor(6, "tgt_key_padding_mask"),
            memoryKeyPaddingMask: try call.optionalTensor(7, "memory_key_padding_mask")))
      }
    },
  ]
}

extension Call {
  /// The activation of a transformer layer: a name, a function or a module.
  fileprivate func activation(_ position: Int) throws -> (Tensor) -> Tensor {
    if isString(position, "activation") {
      let name = try string(position, "activation")
      switch name {
      case "relu": return { $0.relu() }
      case "gelu": return { $0.gelu() }
      default: throw CallError("activation must be relu or gelu, not '\(name)'")
      }
    }
    if case .object? = peek(position, "activation") {
      let module = try self.module(position, "activation")
      guard let layer = module.module as? any UnaryLayer else { throw CallError("not an activation") }
      return { layer($0) }
    }
    guard let function = try function(position, "activation") else { return { $0.relu() } }
    return { x in (try? function([.tensor(x)]))?.tensor ?? fail("activation", "failed") }
  }
}
