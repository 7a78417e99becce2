import FlamebackFiles

/// The sizes of a BERT encoder, as Hugging Face's `config.json` gives them. SeeAlso: transformers.BertConfig
public struct BertConfiguration: Sendable, Equatable {
  public var vocabSize = 30522
  public var hiddenSize = 768
  public var numHiddenLayers = 12
  public var numAttentionHeads = 12
  public var intermediateSize = 3072
  public var hiddenAct = "gelu"
  public var hiddenDropoutProb = 0.1
  public var attentionProbsDropoutProb = 0.1
  public var maxPositionEmbeddings = 512
  public var typeVocabSize = 2
  public var layerNormEps = 1e-12
  public var padTokenID = 0

  public init() {}

  /// Reads a `config.json`. Other architectures than BERT and sizes that do not fit each other are errors.
  public init(contentsOf path: String) throws(FileError) {
    let node = try ConfigNode(contentsOf: path)
    if let type = try node.string("model_type"), type != "bert" {
      throw node.failure("a model of type '\(type)', where 'bert' is supported")
    }
    if let kind = try node.string("position_embedding_type"), kind != "absolute" {
      throw node.failure("position embeddings of type '\(kind)', where 'absolute' is supported")
    }
    if try node.bool("is_decoder", false) { throw node.failure("a decoder, where encoders are supported") }
    vocabSize = try node.count("vocab_size", vocabSize)
    hiddenSize = try node.count("hidden_size", hiddenSize)
    numHiddenLayers = try node.count("num_hidden_layers", numHiddenLayers)
    numAttentionHeads = try node.count("num_attention_heads", numAttentionHeads)
    intermediateSize = try node.count("intermediate_size", intermediateSize)
    maxPositionEmbeddings = try node.count("max_position_embeddings", maxPositionEmbeddings)
    typeVocabSize = try node.count("type_vocab_size", typeVocabSize)
    padTokenID = try node.count("pad_token_id", padTokenID)
    hiddenAct = try node.string("hidden_act") ?? hiddenAct
    hiddenDropoutProb = try node["hidden_dropout_prob"]?.double() ?? hiddenDropoutProb
    attentionProbsDropoutProb = try node["attention_probs_dropout_prob"]?.double() ?? attentionProbsDropoutProb
    layerNormEps = try node["layer_norm_eps"]?.double() ?? layerNormEps
    guard numAttentionHeads > 0, hiddenSize > 0, hiddenSize % numAttentionHeads == 0 else {
      throw node.failure("hidden_size \(hiddenSize) is no multiple of num_attention_heads \(numAttentionHeads)")
    }
    guard Self.activations.contains(hiddenAct) else { throw node.failure("an unknown hidden_act: '\(hiddenAct)'") }
    // Memory for the weights is taken before their file is looked at.
    let sizes = [vocabSize, hiddenSize, intermediateSize, maxPositionEmbeddings, typeVocabSize]
    guard numHiddenLayers <= 1000, sizes.allSatisfy({ $0 <= 1 << 24 }), padTokenID < vocabSize,
      (0..<1).contains(hiddenDropoutProb), (0..<1).contains(attentionProbsDropoutProb)
    else { throw node.failure("sizes beyond any model") }
  }

  static let activations: Set<String> = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish"]
}
