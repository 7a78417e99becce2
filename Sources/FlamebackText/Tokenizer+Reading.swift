import FlamebackFiles

extension Tokenizer {
  /// Reads a `tokenizer.json`. A component of an unknown type is an error that names it and its place.
  ///
  /// SeeAlso: tokenizers.Tokenizer.from_file
  public init(contentsOf path: String) throws(FileError) { try self.init(reading: ConfigNode(contentsOf: path)) }

  /// Reads the text of a `tokenizer.json`; `path` is for messages.
  public init(json: JSON, path: String = "") throws(FileError) { try self.init(reading: ConfigNode(json, path: path)) }

  init(reading node: ConfigNode) throws(FileError) {
    guard node.json.object != nil else { throw node.failure("it is no tokenizer") }
    let normalizer = try node["normalizer"].map { node throws(FileError) in try node.normalizer() }
    let model = try node.member("model").tokenModel()
    var added: [AddedToken] = []
    for token in try node["added_tokens"]?.elements() ?? [] { added.append(try token.addedToken()) }
    self.init(
      model: model, normalizer: normalizer,
      preTokenizer: try node["pre_tokenizer"].map { node throws(FileError) in try node.preTokenizer() },
      postProcessor: try node["post_processor"].map { node throws(FileError) in try node.postProcessor() },
      decoder: try node["decoder"].map { node throws(FileError) in try node.decoder() }, addedTokens: added)
    truncation = try node["truncation"].map { node throws(FileError) in try node.truncation() }
    padding = try node["padding"].map { node throws(FileError) in try node.padding() }
  }
}

extension ConfigNode {
  fileprivate func truncation() throws(FileError) -> Truncation {
    let word = try string("strategy") ?? "LongestFirst"
    guard let strategy = Truncation.Strategy(rawValue: word) else { throw failure("an unknown strategy: '\(word)'") }
    return Truncation(maxLength: try member("max_length").count(), strategy: strategy, fromLeft: try isLeft())
  }

  fileprivate func padding() throws(FileError) -> Padding {
    var length: Int?
    let strategy = try member("strategy")
    if strategy.json.string != "BatchLongest" {
      guard let fixed = strategy["Fixed"] else { throw strategy.failure("neither 'BatchLongest' nor 'Fixed'") }
      length = try fixed.count()
      // Beyond any model: a file must not make every text that long.
      guard length! <= 1 << 20 else { throw fixed.failure("\(length!) is out of range") }
    }
    return Padding(
      length: length, fromLeft: try isLeft(), padToMultipleOf: try multiple(), id: try count("pad_id", 0),
      typeID: try count("pad_type_id", 0), token: try string("pad_token") ?? "[PAD]")
  }

  private func multiple() throws(FileError) -> Int? {
    guard let node = self["pad_to_multiple_of"] else { return nil }
    let value = try node.count()
    guard value <= 1 << 20 else { throw node.failure("\(value) is out of range") }
    return value
  }

  private func isLeft() throws(FileError) -> Bool {
    switch try string("direction") ?? "Right" {
    case "Left": return true
    case "Right": return false
    case let word: throw failure("an unknown direction: '\(word)'")
    }
  }

  fileprivate func tokenModel() throws(FileError) -> any TokenModel {
    // Old files leave the type of BPE out.
    let type = try string("type") ?? (self["merges"] != nil ? "BPE" : "WordPiece")
    switch type {
    case "WordPiece":
      let vocabulary = try vocabulary()
      return WordPiece(
        vocabulary, unknown: vocabulary.id(try string("unk_token") ?? "[UNK]"),
        continuingSubwordPrefix: try string("continuing_subword_prefix") ?? "##",
        maxInputCharsPerWord: try count("max_input_chars_per_word", 100))
    case "WordLevel":
      let vocabulary = try vocabulary()
      return WordLevel(vocabulary, unknown: vocabulary.id(try string("unk_token") ?? "[UNK]"))
    case "BPE": return try bpe()
    case "Unigram": return try unigram()
    default: throw failure("an unknown model: '\(type)'")
    }
  }

  private func vocabulary() throws(FileError) -> Vocabulary {
    var vocabulary = Vocabulary()
    for (token, node) in try member("vocab").members() { vocabulary.insert(token, try node.count()) }
    return vocabulary
  }

  private func bpe() throws(FileError) -> BPE {
    let vocabulary = try vocabulary()
    var merges: [(String, String)] = []
    let list = try member("merges")
    for node in try list.elements() {
      if let pair = node.json.array {
        guard pair.count == 2, let a = pair[0].string, let b = pair[1].string else { throw node.failure("no pair") }
        merges.append((a, b))
      } else {
        // "a b"; older files may have further spaces in the second part's place.
        let text = try node.string()
        guard let space = text.utf8.firstIndex(of: UInt8(ascii: " ")) else { throw node.failure("no pair") }
        merges.append((String(text[..<space]), String(text[text.utf8.index(after: space)...])))
      }
    }
    if let dropout = try self["dropout"]?.double(), dropout != 0 {
      throw failure("dropout of merges is not supported")
    }
    var options = BPE.Options()
    if let unknown = try string("unk_token") {
      guard let id = vocabulary.id(unknown) else { throw failure("unk_token '\(unknown)' is not in the vocabulary") }
      options.unknown = id
    }
    options.continuingSubwordPrefix = try string("continuing_subword_prefix") ?? ""
    options.endOfWordSuffix = try string("end_of_word_suffix") ?? ""
    options.fusesUnknown = try bool("fuse_unk", false)
    options.fallsBackToBytes = try bool("byte_fallback", false)
    options.ignoresMerges = try bool("ignore_merges", false)
    do { return try BPE(vocabulary, merges: merges, options) } catch {
      let (a, b) = merges[error.rank]
      throw list.failure("merge \(error.rank), '\(a)' and '\(b)', is not in the vocabulary")
    }
  }

  private func unigram() throws(FileError) -> Unigram {
    var pieces: [(piece: String, score: Double)] = []
    let list = try member("vocab")
    for node in try list.elements() {
      guard let pair = node.json.array, pair.count == 2, let piece = pair[0].string else {
        throw node.failure("no piece with its score")
      }
      let score = try ConfigNode(pair[1], path: path, place: node.place).double()
      pieces.append((piece, score))
    }
    guard !pieces.isEmpty, pieces.count <= Int32.max else { throw list.failure("no pieces") }
    let unknown = try self["unk_id"].map { node throws(FileError) -> Int in
      let id = try node.count()
      guard id < pieces.count else { throw node.failure("\(id) is no piece") }
      return id
    }
    return Unigram(pieces, unknown: unknown, fallsBackToBytes: try bool("byte_fallback", false))
  }
}
