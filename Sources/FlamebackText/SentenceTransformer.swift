import Flameback
import FlamebackFiles
import FoundationEssentials

func fileExists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

/// A model that turns texts into vectors whose angles tell how alike the texts are.
///
///     let model = try SentenceTransformer.load("all-MiniLM-L6-v2")
///     let vectors = try model.encode(["A cat sits.", "A feline rests."])
///
/// SeeAlso: sentence_transformers.SentenceTransformer
public final class SentenceTransformer {
  public let tokenizer: Tokenizer
  public let model: BertModel
  public let pooling: Pooling
  /// Whether vectors are scaled to length 1.
  public let normalizes: Bool

  /// How the vectors of the tokens become one. SeeAlso: sentence_transformers.models.Pooling
  public enum Pooling: String, Sendable, CaseIterable { case cls, mean, max, meanSqrtLen = "mean_sqrt_len_tokens" }

  public init(tokenizer: Tokenizer, model: BertModel, pooling: Pooling = .mean, normalizes: Bool = true) {
    self.tokenizer = tokenizer
    self.model = model
    self.pooling = pooling
    self.normalizes = normalizes
  }

  /// Reads a folder as sentence-transformers writes it: `modules.json`, the model, the tokenizer, `1_Pooling`.
  /// A folder with a model alone gets mean pooling without normalisation, as there.
  public static func load(_ folder: String) throws -> SentenceTransformer {
    var modelFolder = folder
    var pooling = Pooling.mean
    var normalizes = false
    if fileExists("\(folder)/modules.json") {
      let list = try ConfigNode(contentsOf: "\(folder)/modules.json")
      for node in try list.elements() {
        let name = try node.member("type").string().split(separator: ".").last.map(String.init) ?? ""
        let path = try node.string("path") ?? ""
        guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
          throw node.failure("a path that leaves the folder: \(path)")
        }
        let place = path.isEmpty ? folder : "\(folder)/\(path)"
        switch name {
        case "Transformer": modelFolder = place
        case "Pooling": pooling = try Pooling(contentsOf: "\(place)/config.json")
        case "Normalize": normalizes = true
        default: throw node.failure("an unknown module: '\(name)'")
        }
      }
    }
    var tokenizer = try Tokenizer(contentsOf: "\(modelFolder)/tokenizer.json")
    let model = try BertModel.load(modelFolder)
    var length = model.configuration.maxPositionEmbeddings
    let settings = "\(modelFolder)/sentence_bert_config.json"
    if fileExists(settings) {
      let node = try ConfigNode(contentsOf: settings)
      length = min(length, try node.count("max_seq_length", length))
      if try node.bool("do_lower_case", false) {
        tokenizer.normalizer = NormalizerSequence([LowercaseNormalizer()] + (tokenizer.normalizer.map { [$0] } ?? []))
      }
    }
    tokenizer.truncation = Truncation(maxLength: length)
    tokenizer.padding = nil
    return SentenceTransformer(tokenizer: tokenizer, model: model, pooling: pooling, normalizes: normalizes)
  }

  /// One vector a text, `[texts, hidden]`. Texts of equal length are computed together, without padding.
  ///
  /// SeeAlso: sentence_transformers.SentenceTransformer.encode
  public func encode(_ texts: [String], batchSize: Int = 32) throws(TokenizerError) -> Tensor {
    let encodings = try tokenizer.encode(texts)
    let width = model.configuration.hiddenSize
    if let token = encodings.lazy.flatMap(\.ids).first(where: { $0 >= model.configuration.vocabSize }) {
      throw TokenizerError("token \(token) is beyond the model's vocabulary of \(model.configuration.vocabSize)")
    }
    return noGrad {
      let order = encodings.indices.sorted { (encodings[$0].count, $0) < (encodings[$1].count, $1) }
      var vectors: [Tensor] = []
      for start in stride(from: 0, to: order.count, by: max(1, batchSize)) {
        let batch = order[start..<min(start + max(1, batchSize), order.count)].map { encodings[$0] }
        vectors.append(pooled(batch))
      }
      guard !vectors.isEmpty else { return Tensor.zeros([0, width]) }
      var places = [Int](repeating: 0, count: order.count)
      for (place, text) in order.enumerated() { places[text] = place }
      let sorted = vectors.count == 1 ? vectors[0] : Tensor.cat(vectors)
      return sorted.indexSelect(dim: 0, index: Tensor(places, shape: [places.count]))
    }
  }

  /// The vectors of the tokens, `[batch, length, hidden]`, and of the sentences, `[batch, hidden]`, of padded ids
  /// `[batch, length]`; `attentionMask` is 0 for padding. SeeAlso: sentence_transformers.SentenceTransformer.forward
  public func callAsFunction(
    _ inputIDs: Tensor, attentionMask: Tensor, tokenTypeIDs: Tensor? = nil
  ) -> (tokens: Tensor, sentences: Tensor) {
    let tokens = model(inputIDs, attentionMask: attentionMask, tokenTypeIDs: tokenTypeIDs)
    let mask = attentionMask.unsqueeze(-1).to(tokens.dtype)
    let count = mask.sum(dim: 1).clamp(min: 1e-9)
    let vectors =
      switch pooling {
      case .cls: tokens.select(dim: 1, index: 0)
      case .mean: (tokens * mask).sum(dim: 1) / count
      case .max: tokens.maskedFill(mask .== 0, -1e9).amax(dim: 1)
      case .meanSqrtLen: (tokens * mask).sum(dim: 1) / count.sqrt()
      }
    return (tokens, normalizes ? vectors.normalize(dim: 1) : vectors)
  }

  /// The vectors of texts in the order of their lengths.
  private func pooled(_ batch: [Encoding]) -> Tensor {
    var groups: [PackedSequences.Group] = []
    var ids: [Int] = []
    var types: [Int] = []
    var positions: [Int] = []
    for text in batch {
      if let last = groups.last, last.length == text.count {
        groups[groups.count - 1].count += 1
      } else {
        groups.append(.init(start: ids.count, count: 1, length: text.count))
      }
      ids += text.ids
      types += text.typeIDs
      positions += 0..<text.count
    }
    func vector(_ values: [Int]) -> Tensor { Tensor(values, shape: [values.count]) }
    let hidden = model(
      packed: vector(ids), positions: vector(positions), types: types.contains { $0 != 0 } ? vector(types) : nil,
      PackedSequences(groups: groups))
    let width = model.configuration.hiddenSize
    let parts = groups.map { group -> Tensor in
      let rows = hidden.narrow(dim: 0, start: group.start, length: group.count * group.length)
      let tokens = rows.view([group.count, group.length, width])
      if group.length == 0 { return Tensor.zeros([group.count, width]) }
      switch pooling {
      case .cls: return tokens.select(dim: 1, index: 0)
      case .mean: return tokens.mean(dim: 1)
      case .max: return tokens.amax(dim: 1)
      case .meanSqrtLen: return tokens.sum(dim: 1) / Double(group.length).squareRoot()
      }
    }
    let vectors = parts.count == 1 ? parts[0] : Tensor.cat(parts)
    return normalizes ? vectors.normalize(dim: 1) : vectors
  }
}

extension SentenceTransformer.Pooling {
  /// Reads a `1_Pooling/config.json`, of which exactly one mode must be on.
  init(contentsOf path: String) throws(FileError) {
    let node = try ConfigNode(contentsOf: path)
    if let word = try node.string("pooling_mode") {
      guard let mode = Self(rawValue: word) else { throw node.failure("an unknown pooling_mode: '\(word)'") }
      self = mode
      return
    }
    let names = ["cls_token": Self.cls, "mean_tokens": .mean, "max_tokens": .max, "mean_sqrt_len_tokens": .meanSqrtLen]
    var modes: [Self] = []
    for (key, value) in try node.members() where key.hasPrefix("pooling_mode_") {
      guard try value.bool() else { continue }
      guard let mode = names[String(key.dropFirst("pooling_mode_".count))] else {
        throw node.failure("an unknown pooling mode: '\(key)'")
      }
      modes.append(mode)
    }
    guard modes.count == 1 else { throw node.failure("\(modes.count) pooling modes, where one is supported") }
    self = modes[0]
  }
}
