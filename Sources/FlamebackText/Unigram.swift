/// SentencePiece's unigram model: of all ways to cut a word the most probable one.
public struct Unigram: TokenModel {
  private let pieces: Vocabulary
  private let scores: [Double]
  private let unknown: Int?
  private let unknownScore: Double
  private let byteTokens: [Int?]
  private let fallsBackToBytes: Bool

  /// `pieces` with their logarithmic probabilities; their places are the ids.
  init(_ pieces: [(piece: String, score: Double)], unknown: Int?, fallsBackToBytes: Bool) {
    var vocabulary = Vocabulary()
    for (id, entry) in pieces.enumerated() { vocabulary.insert(entry.piece, id) }
    self.pieces = vocabulary
    scores = pieces.map(\.score)
    self.unknown = unknown
    self.fallsBackToBytes = fallsBackToBytes
    unknownScore = (scores.min() ?? 0) - 10
    byteTokens = (0..<256).map { byte in
      let hex = String(byte, radix: 16, uppercase: true)
      return vocabulary.id("<0x\(hex.count == 1 ? "0" : "")\(hex)>")
    }
  }

  public func id(of token: String) -> Int? { pieces.id(token) }
  public func token(of id: Int) -> String? { pieces.token(id) }
  public var vocabulary: [Int: String] { pieces.entries }

  /// The best way to reach a byte.
  private struct Node {
    var score = 0.0
    var start = -1
    var id = -1
  }

  public func tokenize(_ word: AlignedText) throws(TokenizerError) -> [WordToken] {
    let (bytes, scalarAt) = word.utf8
    if bytes.isEmpty { return [] }
    var best = [Node](repeating: Node(), count: bytes.count + 1)
    var start = 0
    while start < bytes.count {
      let score = best[start].score
      var length = 1
      while scalarAt[start + length] == scalarAt[start] { length += 1 }
      func offer(_ end: Int, _ id: Int, _ score: Double) {
        if best[end].start < 0 || score > best[end].score { best[end] = Node(score: score, start: start, id: id) }
      }
      var hasCharacter = false
      var node = ByteTrie.root
      var at = start
      while at < bytes.count, let next = pieces.trie.child(node, bytes[at]) {
        node = next
        at += 1
        guard let id = pieces.trie.number(node) else { continue }
        offer(at, id, score + scores[id])
        if at == start + length { hasCharacter = true }
      }
      if !hasCharacter { offer(start + length, -1, score + unknownScore) }
      start += length
    }
    var cuts: [(range: Range<Int>, id: Int)] = []
    var end = bytes.count
    while end > 0 {
      let node = best[end]
      // Unknown neighbours are one.
      let isUnknown = node.id < 0 || node.id == unknown
      if isUnknown, let last = cuts.last, last.id < 0 {
        cuts[cuts.count - 1].range = node.start..<last.range.upperBound
      } else {
        cuts.append((node.start..<end, isUnknown ? -1 : node.id))
      }
      end = node.start
    }
    var tokens: [WordToken] = []
    for (range, id) in cuts.reversed() {
      let place = Int(scalarAt[range.lowerBound])..<Int(scalarAt[range.upperBound])
      // A fused stretch may be a token after all.
      if id >= 0 {
        tokens.append(WordToken(id, place))
      } else if let id = pieces.trie[bytes[range]] {
        tokens.append(WordToken(id, place))
      } else if fallsBackToBytes, case let ids = bytes[range].compactMap({ byteTokens[Int($0)] }),
        ids.count == range.count
      {
        tokens += ids.map { WordToken($0, place) }
      } else if let unknown {
        tokens.append(WordToken(unknown, place))
      } else {
        throw TokenizerError("the vocabulary has neither '\(word[place].string)' nor a token for unknown characters")
      }
    }
    return tokens
  }
}
