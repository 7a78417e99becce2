/// A token of a word: its id, and where it stands in the word.
public struct WordToken: Sendable, Equatable {
  public var id: Int
  /// In scalars of the word.
  public var range: Range<Int>

  public init(_ id: Int, _ range: Range<Int>) {
    self.id = id
    self.range = range
  }
}

/// What cuts words into tokens. SeeAlso: tokenizers.models
public protocol TokenModel: Sendable {
  func tokenize(_ word: AlignedText) throws(TokenizerError) -> [WordToken]
  func id(of token: String) -> Int?
  func token(of id: Int) -> String?
  /// All tokens by id.
  var vocabulary: [Int: String] { get }
}

/// A text that a tokenizer cannot encode.
public struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Whole words or nothing.
public struct WordLevel: TokenModel {
  let words: Vocabulary
  let unknown: Int?

  init(_ words: Vocabulary, unknown: Int?) {
    self.words = words
    self.unknown = unknown
  }

  public func tokenize(_ word: AlignedText) throws(TokenizerError) -> [WordToken] {
    guard let id = words.trie[word.utf8.bytes] ?? unknown else {
      throw TokenizerError("the vocabulary has neither '\(word.string)' nor a token for unknown words")
    }
    return [WordToken(id, 0..<word.count)]
  }

  public func id(of token: String) -> Int? { words.id(token) }
  public func token(of id: Int) -> String? { words.token(id) }
  public var vocabulary: [Int: String] { words.entries }
}

/// BERT's model: the longest token that a word begins with, then the longest that continues it, …
public struct WordPiece: TokenModel {
  let pieces: Vocabulary
  let unknown: Int?
  let maxInputCharsPerWord: Int
  /// Where in the trie those tokens begin that continue a word.
  private let continuation: Int?

  init(_ pieces: Vocabulary, unknown: Int?, continuingSubwordPrefix: String, maxInputCharsPerWord: Int) {
    self.pieces = pieces
    self.unknown = unknown
    self.maxInputCharsPerWord = maxInputCharsPerWord
    continuation = pieces.trie.node(continuingSubwordPrefix.utf8)
  }

  public func tokenize(_ word: AlignedText) throws(TokenizerError) -> [WordToken] {
    if word.count <= maxInputCharsPerWord {
      let (bytes, scalarAt) = word.utf8
      var tokens: [WordToken] = []
      var at = 0
      while at < bytes.count, let node = at == 0 ? ByteTrie.root : continuation,
        let (id, end) = pieces.trie.longest(bytes, from: at, node: node)
      {
        tokens.append(WordToken(id, Int(scalarAt[at])..<Int(scalarAt[end])))
        at = end
      }
      if at == bytes.count { return tokens }
    }
    guard let unknown else { throw TokenizerError("the vocabulary has no token for unknown words") }
    return [WordToken(unknown, 0..<word.count)]
  }

  public func id(of token: String) -> Int? { pieces.id(token) }
  public func token(of id: Int) -> String? { pieces.token(id) }
  public var vocabulary: [Int: String] { pieces.entries }
}
