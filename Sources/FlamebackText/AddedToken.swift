import FlamebackFiles

/// A token that is looked for in the text itself, before the model sees it. SeeAlso: tokenizers.AddedToken
public struct AddedToken: Sendable, Equatable {
  public var id: Int
  public var content: String
  /// Only where no letter touches it.
  public var singleWord = false
  /// Takes the white space before it along.
  public var lstrip = false
  /// Takes the white space behind it along.
  public var rstrip = false
  /// Looked for in the normalized text.
  public var normalized = false
  /// Left out by `decode(skipSpecialTokens: true)`.
  public var special = false
}

/// The added tokens, looked for longest first.
struct AddedTokens: Sendable {
  private(set) var tokens: [Int: AddedToken] = [:]
  private var ids: [[UInt8]: Int] = [:]
  private var raw = Finder()
  private var normalized = Finder()

  private struct Finder: Sendable {
    var trie = ByteTrie()
    var firstBytes: Set<UInt8> = []

    mutating func insert(_ text: String, _ id: Int) {
      guard let first = text.utf8.first else { return }
      trie.insert(text.utf8, Int32(id))
      firstBytes.insert(first)
    }
  }

  init(_ list: [AddedToken] = [], normalizer: (any Normalizer)? = nil) {
    for token in list {
      tokens[token.id] = token
      ids[Array(token.content.utf8)] = token.id
      if token.normalized {
        var text = AlignedText(token.content)
        normalizer?.normalize(&text)
        normalized.insert(text.string, token.id)
      } else {
        raw.insert(token.content, token.id)
      }
    }
  }

  func id(_ content: String) -> Int? { ids[Array(content.utf8)] }

  /// A piece of text; the id if it is an added token.
  typealias Piece = (text: AlignedText, id: Int?)

  /// Text cut at the added tokens, the rest of it normalized.
  func split(_ text: AlignedText, _ normalizer: (any Normalizer)?) -> [Piece] {
    var result: [Piece] = []
    for piece in split(text, raw) {
      guard piece.id == nil, !piece.text.isEmpty else {
        if piece.id != nil { result.append(piece) }
        continue
      }
      var piece = piece.text
      normalizer?.normalize(&piece)
      result += split(piece, normalized).filter { !$0.text.isEmpty || $0.id != nil }
    }
    return result
  }

  private func split(_ text: AlignedText, _ finder: Finder) -> [Piece] {
    if finder.firstBytes.isEmpty || text.isEmpty { return [(text, nil)] }
    let (bytes, scalarAt) = text.utf8
    var result: [Piece] = []
    var start = 0  // in scalars: what is not yet given out
    var at = 0
    while at < bytes.count {
      guard finder.firstBytes.contains(bytes[at]), let (id, end) = finder.trie.longest(bytes, from: at) else {
        at += 1
        continue
      }
      var range = Int(scalarAt[at])..<Int(scalarAt[end])
      at = end
      let token = tokens[id]!
      if token.singleWord {
        if range.lowerBound > 0, text.scalars[range.lowerBound - 1].isWordCharacter { continue }
        if range.upperBound < text.count, text.scalars[range.upperBound].isWordCharacter { continue }
      }
      if token.lstrip {
        var left = range.lowerBound
        while left > 0, text.scalars[left - 1].isSpace { left -= 1 }
        range = max(left, start)..<max(range.upperBound, start)
      }
      if token.rstrip {
        var right = range.upperBound
        while right < text.count, text.scalars[right].isSpace { right += 1 }
        range = range.lowerBound..<right
      }
      // White space that the token before took along cannot begin another one.
      guard range.lowerBound >= start else { continue }
      if start < range.lowerBound { result.append((text[start..<range.lowerBound], nil)) }
      result.append((text[range], id))
      start = range.upperBound
    }
    if start < text.count { result.append((text[start..<text.count], nil)) }
    return result
  }
}

extension ConfigNode {
  func addedToken() throws(FileError) -> AddedToken {
    AddedToken(
      id: try member("id").count(), content: try member("content").string(),
      singleWord: try bool("single_word", false), lstrip: try bool("lstrip", false), rstrip: try bool("rstrip", false),
      normalized: try bool("normalized", true), special: try bool("special", false))
  }
}
