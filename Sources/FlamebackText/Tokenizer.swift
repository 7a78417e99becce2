import FlamebackFiles

/// Text to token ids and back, as Hugging Face's `tokenizer.json` describes it. SeeAlso: tokenizers.Tokenizer
///
///     let tokenizer = try Tokenizer(contentsOf: "model/tokenizer.json")
///     let ids = try tokenizer.encode("Hello there").ids
public struct Tokenizer: Sendable {
  public var normalizer: (any Normalizer)?
  public var preTokenizer: (any PreTokenizer)?
  public var model: any TokenModel
  public var postProcessor: (any PostProcessor)?
  public var decoder: (any TokenDecoder)?
  /// nil: texts may be of any length.
  public var truncation: Truncation?
  /// nil: encodings stay as long as they are.
  public var padding: Padding?
  private let added: AddedTokens

  public init(
    model: any TokenModel, normalizer: (any Normalizer)? = nil, preTokenizer: (any PreTokenizer)? = nil,
    postProcessor: (any PostProcessor)? = nil, decoder: (any TokenDecoder)? = nil, addedTokens: [AddedToken] = []
  ) {
    self.model = model
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.postProcessor = postProcessor
    self.decoder = decoder
    added = AddedTokens(addedTokens, normalizer: normalizer)
  }

  /// The tokens that are looked for in the text itself, by id.
  public var addedTokens: [Int: AddedToken] { added.tokens }

  public func id(of token: String) -> Int? { added.id(token) ?? model.id(of: token) }
  public func token(of id: Int) -> String? { added.tokens[id]?.content ?? model.token(of: id) }

  /// The number of tokens, added ones included.
  public var vocabularySize: Int {
    let own = model.vocabulary
    return own.count + added.tokens.keys.filter { own[$0] == nil }.count
  }

  /// The tokens of a text, or of a pair of texts. SeeAlso: tokenizers.Tokenizer.encode
  public func encode(_ text: String, _ pair: String? = nil, addSpecialTokens: Bool = true) throws(TokenizerError)
    -> Encoding
  {
    var batch = [try unpadded(text, pair, addSpecialTokens)]
    padding?.apply(&batch)
    return batch[0]
  }

  /// The tokens of several texts, made equally long if `padding` says so. SeeAlso: tokenizers.Tokenizer.encode_batch
  public func encode(_ texts: [String], addSpecialTokens: Bool = true) throws(TokenizerError) -> [Encoding] {
    var batch: [Encoding] = []
    batch.reserveCapacity(texts.count)
    for text in texts { batch.append(try unpadded(text, nil, addSpecialTokens)) }
    padding?.apply(&batch)
    return batch
  }

  private func unpadded(_ text: String, _ pair: String?, _ addSpecialTokens: Bool) throws(TokenizerError) -> Encoding {
    var first = try sequence(text, typeID: 0)
    var second: Encoding?
    if let pair { second = try sequence(pair, typeID: 1) }
    if let truncation {
      let extra = addSpecialTokens ? postProcessor?.addedTokens(isPair: pair != nil) ?? 0 : 0
      try truncation.apply(&first, &second, extra: extra)
    }
    if let postProcessor { return postProcessor.process(first, second, addSpecialTokens: addSpecialTokens) }
    if let second { first.append(second) }
    return first
  }

  private func sequence(_ text: String, typeID: Int) throws(TokenizerError) -> Encoding {
    guard text.utf8.count < Int32.max else { throw TokenizerError("a text beyond 2 GiB") }
    var result = Encoding()
    var word = 0
    for (piece, id) in added.split(AlignedText(text), normalizer) {
      if let id {
        result.append(id, piece.string, typeID: typeID, offset: piece.span(0..<piece.count), word: word)
        word += 1
        continue
      }
      var words = [piece]
      preTokenizer?.split(&words)
      for text in words where !text.isEmpty {
        for token in try model.tokenize(text) {
          result.append(
            token.id, model.token(of: token.id) ?? "", typeID: typeID, offset: text.span(token.range), word: word)
        }
        word += 1
      }
    }
    return result
  }

  /// The text of token ids; ids that are no tokens are left out. SeeAlso: tokenizers.Tokenizer.decode
  public func decode(_ ids: [Int], skipSpecialTokens: Bool = true) -> String {
    let tokens = ids.compactMap { id -> String? in
      if skipSpecialTokens, added.tokens[id]?.special == true { return nil }
      return token(of: id)
    }
    guard let decoder else { return tokens.joined(separator: " ") }
    return decoder.decode(tokens).joined()
  }
}
