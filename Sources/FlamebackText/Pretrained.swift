import FlamebackFiles

/// Where the name of a model leads: a folder, or a repository of the hub whose files are fetched into the cache.
public enum Pretrained {
  /// The folder's path. `name` is a folder on this machine, or `org/name` of the hub.
  ///
  /// SeeAlso: transformers.AutoModel.from_pretrained
  public static func folder(
    _ name: String, revision: String = "main", hub: Hub = Hub(),
    progress: (@Sendable (_ name: String, _ done: Int, _ total: Int?) -> Void)? = nil
  ) throws(FileError) -> String {
    if fileExists(name) { return name }
    // A name that can only be a path is not asked for on the network.
    guard !name.hasPrefix("/"), !name.hasPrefix("."), !name.hasPrefix("~") else {
      throw FileError(path: name, "there is no such folder")
    }
    return try hub.snapshot(name, revision: revision, files: needed, progress: progress)
  }

  /// Configuration, tokenizer and one kind of weights; not the same model in other programs' formats.
  static func needed(_ names: [String]) -> [String] {
    let own = names.filter { !$0.hasPrefix("onnx/") && !$0.hasPrefix("openvino/") && !$0.hasPrefix(".") }
    let weights = own.filter { $0.hasSuffix(".safetensors") }
    return own.filter { $0.hasSuffix(".json") || $0.hasSuffix("vocab.txt") || $0.hasSuffix("merges.txt") }
      + (weights.isEmpty ? own.filter { $0.hasSuffix("pytorch_model.bin") } : weights)
  }
}

extension Tokenizer {
  /// The tokenizer of a folder or of a repository of the hub. SeeAlso: tokenizers.Tokenizer.from_pretrained
  public static func fromPretrained(
    _ name: String, revision: String = "main", hub: Hub = Hub()
  ) throws(FileError) -> Tokenizer {
    if fileExists(name) { return try Tokenizer(contentsOf: "\(name)/tokenizer.json") }
    return try Tokenizer(contentsOf: hub.file(name, "tokenizer.json", revision: revision))
  }
}

extension BertModel {
  /// The model of a folder or of a repository of the hub. SeeAlso: transformers.BertModel.from_pretrained
  public static func fromPretrained(
    _ name: String, revision: String = "main", hub: Hub = Hub()
  ) throws -> BertModel { try load(Pretrained.folder(name, revision: revision, hub: hub)) }
}

extension SentenceTransformer {
  /// The model of a folder or of a repository of the hub, such as `sentence-transformers/all-MiniLM-L6-v2`.
  ///
  /// SeeAlso: sentence_transformers.SentenceTransformer
  public static func fromPretrained(
    _ name: String, revision: String = "main", hub: Hub = Hub()
  ) throws -> SentenceTransformer { try load(Pretrained.folder(name, revision: revision, hub: hub)) }
}
