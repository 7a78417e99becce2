import Flameback
import FlamebackFiles
import FlamebackKernels

/// Which rows of a packed matrix are which sequences: neighbouring sequences of one length form a group, so that texts of
/// different lengths need no padding.
struct PackedSequences {
  struct Group {
    var start: Int
    var count: Int
    var length: Int
  }

  var groups: [Group]
  /// `[count, 1, 1, length]`: true where a token counts. Only for a single group.
  var mask: Tensor?
}

/// BERT's encoder, with Hugging Face's state-dict keys. SeeAlso: transformers.BertModel
public final class BertModel: Module {
  public let configuration: BertConfiguration
  public let embeddings: BertEmbeddings
  public let encoder: BertEncoder
  public let pooler: BertPooler?

  public init(_ configuration: BertConfiguration, addPoolingLayer: Bool = true) {
    self.configuration = configuration
    embeddings = BertEmbeddings(configuration)
    encoder = BertEncoder(configuration)
    pooler = addPoolingLayer ? BertPooler(configuration) : nil
  }

  /// The last layer's output, `[batch, length, hidden]`, of ids `[batch, length]`. `attentionMask` is 0 for padding.
  public func callAsFunction(_ inputIDs: Tensor, attentionMask: Tensor? = nil, tokenTypeIDs: Tensor? = nil) -> Tensor {
    guard inputIDs.rank == 2, inputIDs.shape[1] <= configuration.maxPositionEmbeddings else {
      report(
        OpError(
          "BertModel",
          "ids must be [batch, length] with at most \(configuration.maxPositionEmbeddings) tokens, "
            + "got \(inputIDs.spec)"))
      return inputIDs
    }
    let (batch, length) = (inputIDs.shape[0], inputIDs.shape[1])
    let positions = Tensor.onesLike(inputIDs).cumsum(dim: 1) - 1  // follows the length in a trace, too
    let mask = attentionMask.map { ($0 .!= 0).unsqueeze(1).unsqueeze(1) }
    let hidden = callAsFunction(
      packed: inputIDs.flatten(), positions: positions.flatten(), types: tokenTypeIDs?.flatten(),
      PackedSequences(groups: [.init(start: 0, count: batch, length: length)], mask: mask))
    return hidden.view([batch, length, configuration.hiddenSize])
  }

  func callAsFunction(packed ids: Tensor, positions: Tensor, types: Tensor?, _ sequences: PackedSequences) -> Tensor {
    encoder(embeddings(ids, positions, types), sequences)
  }

  /// Reads `config.json` and `model.safetensors` (or `pytorch_model.bin`) of a folder; in evaluation mode.
  ///
  /// SeeAlso: transformers.BertModel.from_pretrained
  public static func load(_ folder: String) throws -> BertModel {
    let configuration = try BertConfiguration(contentsOf: "\(folder)/config.json")
    let (state, path) = try weights(folder)
    let hasPooler = state["pooler.dense.weight"] != nil
    let model = skipInit { BertModel(configuration, addPoolingLayer: hasPooler) }
    do { try model.load(state) } catch let mismatch as StateMismatch { throw FileError(path: path, "\(mismatch)") }
    model.eval()
    return model
  }

  /// The encoder's weights among those of a file: without the heads of other tasks, under today's names.
  private static func weights(_ folder: String) throws -> (StateDict, path: String) {
    let names = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"]
    let path = "\(folder)/\(names.first { fileExists("\(folder)/\($0)") } ?? names[0])"
    let file = try StateDict(contentsOf: path)
    let prefix = file.keys.contains { $0.hasPrefix("bert.embeddings.") } ? "bert." : ""
    var state = StateDict()
    for (key, tensor) in file where key.hasPrefix(prefix) {
      var key = String(key.dropFirst(prefix.count))
      let part = key.prefix { $0 != "." }
      guard ["embeddings", "encoder", "pooler"].contains(part), !key.hasSuffix("position_ids") else { continue }
      if key.hasSuffix("LayerNorm.gamma") { key = String(key.dropLast(5)) + "weight" }
      if key.hasSuffix("LayerNorm.beta") { key = String(key.dropLast(4)) + "bias" }
      state[key] = tensor
    }
    return (state, path)
  }
}

/// The sum of word, position and type vectors, normalised.
public final class BertEmbeddings: Module {
  public let wordEmbeddings: Embedding
  public let positionEmbeddings: Embedding
  public let tokenTypeEmbeddings: Embedding
  public let layerNorm: LayerNorm
  public let dropout: Dropout

  public override class var stateKeys: [String: String] { ["layerNorm": "LayerNorm"] }

  init(_ c: BertConfiguration) {
    wordEmbeddings = Embedding(c.vocabSize, c.hiddenSize, paddingIdx: c.padTokenID)
    positionEmbeddings = Embedding(c.maxPositionEmbeddings, c.hiddenSize)
    tokenTypeEmbeddings = Embedding(c.typeVocabSize, c.hiddenSize)
    layerNorm = LayerNorm(c.hiddenSize, eps: c.layerNormEps)
    dropout = Dropout(c.hiddenDropoutProb)
  }

  func callAsFunction(_ ids: Tensor, _ positions: Tensor, _ types: Tensor?) -> Tensor {
    // Without types every token is of the first.
    let type = types.map { tokenTypeEmbeddings($0) } ?? tokenTypeEmbeddings.weight.select(dim: 0, index: 0)
    return dropout(layerNorm(wordEmbeddings(ids) + type + positionEmbeddings(positions)))
  }
}

/// The layers one after the other.
public final class BertEncoder: Module {
  public let layer: [BertLayer]

  init(_ c: BertConfiguration) { layer = (0..<c.numHiddenLayers).map { _ in BertLayer(c) } }

  func callAsFunction(_ x: Tensor, _ sequences: PackedSequences) -> Tensor { layer.reduce(x) { $1($0, sequences) } }
}

/// Self-attention, then two linear layers, each with a shortcut and a norm behind it.
public final class BertLayer: Module {
  public let attention: BertAttention
  public let intermediate: BertIntermediate
  public let output: BertOutput

  init(_ c: BertConfiguration) {
    attention = BertAttention(c)
    intermediate = BertIntermediate(c)
    output = BertOutput(c, inFeatures: c.intermediateSize)
  }

  func callAsFunction(_ x: Tensor, _ sequences: PackedSequences) -> Tensor {
    let x = attention(x, sequences)
    return output(intermediate(x), x)
  }
}

/// Attention with its output layer.
public final class BertAttention: Module {
  public let selfAttention: BertSelfAttention
  public let output: BertOutput

  public override class var stateKeys: [String: String] { ["selfAttention": "self"] }

  init(_ c: BertConfiguration) {
    selfAttention = BertSelfAttention(c)
    output = BertOutput(c, inFeatures: c.hiddenSize)
  }

  func callAsFunction(_ x: Tensor, _ sequences: PackedSequences) -> Tensor { output(selfAttention(x, sequences), x) }
}

/// Several heads that look at all tokens of their sequence.
public final class BertSelfAttention: Module {
  public let query: Linear
  public let key: Linear
  public let value: Linear
  private let heads: Int
  private let dropout: Double

  init(_ c: BertConfiguration) {
    query = Linear(c.hiddenSize, c.hiddenSize)
    key = Linear(c.hiddenSize, c.hiddenSize)
    value = Linear(c.hiddenSize, c.hiddenSize)
    heads = c.numAttentionHeads
    dropout = c.attentionProbsDropoutProb
  }

  func callAsFunction(_ x: Tensor, _ sequences: PackedSequences) -> Tensor {
    let width = x.shape[1]
    let (q, k, v) = (query(x), key(x), value(x))
    let results = sequences.groups.map { group -> Tensor in
      func split(_ t: Tensor) -> Tensor {
        t.narrow(dim: 0, start: group.start, length: group.count * group.length)
          .view([group.count, group.length, heads, width / heads]).transpose(1, 2)
      }
      let out = split(q).scaledDotProductAttention(
        split(k), split(v), mask: sequences.mask, dropout: isTraining ? dropout : 0)
      return out.transpose(1, 2).reshape([group.count * group.length, width])
    }
    return results.count == 1 ? results[0] : Tensor.cat(results)
  }
}

/// The wider linear layer and its activation.
public final class BertIntermediate: Module {
  public let dense: Linear
  private let activation: String

  init(_ c: BertConfiguration) {
    dense = Linear(c.hiddenSize, c.intermediateSize)
    activation = c.hiddenAct
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let x = dense(x)
    return switch activation {
    case "relu": x.relu()
    case "silu", "swish": x.silu()
    case "gelu_new", "gelu_pytorch_tanh": x.gelu(approximate: .tanh)
    default: x.gelu()
    }
  }
}

/// A linear layer, dropout, the shortcut, the norm.
public final class BertOutput: Module {
  public let dense: Linear
  public let layerNorm: LayerNorm
  public let dropout: Dropout

  public override class var stateKeys: [String: String] { ["layerNorm": "LayerNorm"] }

  init(_ c: BertConfiguration, inFeatures: Int) {
    dense = Linear(inFeatures, c.hiddenSize)
    layerNorm = LayerNorm(c.hiddenSize, eps: c.layerNormEps)
    dropout = Dropout(c.hiddenDropoutProb)
  }

  func callAsFunction(_ x: Tensor, _ shortcut: Tensor) -> Tensor { layerNorm(dropout(dense(x)) + shortcut) }
}

/// The first token's vector through a linear layer and tanh.
public final class BertPooler: Module {
  public let dense: Linear

  init(_ c: BertConfiguration) { dense = Linear(c.hiddenSize, c.hiddenSize) }

  /// Of the last layer's output, `[batch, length, hidden]`.
  public func callAsFunction(_ hidden: Tensor) -> Tensor { dense(hidden.select(dim: 1, index: 0)).tanh() }
}
