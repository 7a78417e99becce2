/// Byte-pair encoding: neighbours are merged in the order in which the merges were learnt.
public struct BPE: TokenModel {
  struct Options: Sendable {
    var unknown: Int?
    var continuingSubwordPrefix = ""
    var endOfWordSuffix = ""
    var fusesUnknown = false
    var fallsBackToBytes = false
    var ignoresMerges = false
  }

  let tokens: Vocabulary
  let options: Options
  /// By both ids: rank << 32 | the id of the result.
  private var merges: NumberTable
  /// The tokens `<0x00>` … `<0xFF>`, where bytes stand in for unknown characters.
  private let byteTokens: [Int?]

  /// `merges` in the order of their ranks. Throws the rank of a merge whose parts or result are no tokens.
  init(_ tokens: Vocabulary, merges pairs: [(String, String)], _ options: Options) throws(BadMerge) {
    self.tokens = tokens
    self.options = options
    merges = NumberTable(capacity: pairs.count)
    let prefix = options.continuingSubwordPrefix.utf8.count
    for (rank, (a, b)) in pairs.enumerated() {
      guard let first = tokens.id(a), let second = tokens.id(b),
        let joined = tokens.trie[Array(a.utf8) + Array(b.utf8.dropFirst(prefix))]
      else { throw BadMerge(rank: rank) }
      merges.set(Self.key(first, second), rank << 32 | joined)
    }
    byteTokens = (0..<256).map { byte in
      let hex = String(byte, radix: 16, uppercase: true)
      return tokens.id("<0x\(hex.count == 1 ? "0" : "")\(hex)>")
    }
  }

  struct BadMerge: Error { let rank: Int }

  private static func key(_ a: Int, _ b: Int) -> UInt64 { UInt64(a) << 32 | UInt64(b) }

  public func id(of token: String) -> Int? { tokens.id(token) }
  public func token(of id: Int) -> String? { tokens.token(id) }
  public var vocabulary: [Int: String] { tokens.entries }

  public func tokenize(_ word: AlignedText) throws(TokenizerError) -> [WordToken] {
    if word.isEmpty { return [] }
    if options.ignoresMerges, let id = tokens.trie[word.utf8.bytes] { return [WordToken(id, 0..<word.count)] }
    return merged(symbols(word))
  }

  /// One symbol a character, or several where bytes stand in for it.
  private func symbols(_ word: AlignedText) -> [WordToken] {
    var symbols: [WordToken] = []
    symbols.reserveCapacity(word.count)
    var pending: WordToken?  // unknown characters not yet written
    func flush() {
      if let token = pending { symbols.append(token) }
      pending = nil
    }
    for (i, scalar) in word.scalars.enumerated() {
      var bytes = Array(UTF8.encode(scalar)!)
      if i > 0, !options.continuingSubwordPrefix.isEmpty { bytes = Array(options.continuingSubwordPrefix.utf8) + bytes }
      if i == word.count - 1 { bytes += Array(options.endOfWordSuffix.utf8) }
      if let id = tokens.trie[bytes] {
        flush()
        symbols.append(WordToken(id, i..<(i + 1)))
        continue
      }
      if options.fallsBackToBytes {
        let ids = bytes.compactMap { byteTokens[Int($0)] }
        if ids.count == bytes.count {
          // As the original does: unknown characters before stay pending.
          for id in ids { symbols.append(WordToken(id, i..<(i + 1))) }
          continue
        }
      }
      guard let unknown = options.unknown else { continue }
      if options.fusesUnknown, let token = pending {
        pending = WordToken(unknown, token.range.lowerBound..<(i + 1))
      } else {
        flush()
        pending = WordToken(unknown, i..<(i + 1))
      }
    }
    flush()
    return symbols
  }

  /// A possible merge; smaller ranks first, then the one further left.
  private struct Candidate: Comparable {
    var rank: Int
    var left: Int
    var joined: Int
    static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.left) < (b.rank, b.left) }
  }

  private func merged(_ symbols: [WordToken]) -> [WordToken] {
    if symbols.count < 2 { return symbols }
    var symbols = symbols
    // A list of the symbols still there; -1 ends it. An absorbed symbol has id -1.
    var next = Array(1...symbols.count)
    next[symbols.count - 1] = -1
    var previous = Array(-1..<(symbols.count - 1))
    var heap = Heap<Candidate>()
    func offer(_ left: Int) {
      guard left >= 0, next[left] >= 0, let merge = merges[Self.key(symbols[left].id, symbols[next[left]].id)] else {
        return
      }
      heap.insert(Candidate(rank: merge >> 32, left: left, joined: merge & 0xFFFF_FFFF))
    }
    for i in 0..<(symbols.count - 1) { offer(i) }
    while let candidate = heap.popMin() {
      let left = candidate.left
      // Its parts may have been merged with others meanwhile.
      guard symbols[left].id >= 0, next[left] >= 0,
        let merge = merges[Self.key(symbols[left].id, symbols[next[left]].id)],
        merge == candidate.rank << 32 | candidate.joined
      else { continue }
      let right = next[left]
      symbols[left] = WordToken(candidate.joined, symbols[left].range.lowerBound..<symbols[right].range.upperBound)
      symbols[right].id = -1
      next[left] = next[right]
      if next[right] >= 0 { previous[next[right]] = left }
      offer(previous[left])
      offer(left)
    }
    return symbols.filter { $0.id >= 0 }
  }
}

/// A binary heap, least element first.
struct Heap<Element: Comparable> {
  private var items: [Element] = []

  mutating func insert(_ element: Element) {
    items.append(element)
    var at = items.count - 1
    while at > 0, items[at] < items[(at - 1) / 2] {
      items.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func popMin() -> Element? {
    guard let first = items.first else { return nil }
    let last = items.removeLast()
    if items.isEmpty { return first }
    items[0] = last
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < items.count && items[child] < items[least] { least = child }
      if least == at { return first }
      items.swapAt(at, least)
      at = least
    }
  }
}
