/// What a text is for a model: token ids and what belongs to each. SeeAlso: tokenizers.Encoding
public struct Encoding: Sendable, Equatable {
  public var ids: [Int] = []
  /// Which sequence a token belongs to.
  public var typeIDs: [Int] = []
  public var tokens: [String] = []
  /// Where the tokens stand in the text, counted in Unicode scalars.
  public var offsets: [Range<Int>] = []
  /// Which word a token is part of; nil for special tokens.
  public var wordIDs: [Int?] = []
  /// 1 for tokens that the tokenizer put in.
  public var specialTokensMask: [Int] = []
  /// 0 for padding.
  public var attentionMask: [Int] = []

  public init() {}

  public var count: Int { ids.count }

  mutating func append(
    _ id: Int, _ token: String, typeID: Int = 0, offset: Range<Int> = 0..<0, word: Int? = nil, isSpecial: Bool = false
  ) {
    ids.append(id)
    typeIDs.append(typeID)
    tokens.append(token)
    offsets.append(offset)
    wordIDs.append(word)
    specialTokensMask.append(isSpecial ? 1 : 0)
    attentionMask.append(1)
  }

  mutating func append(_ other: Encoding) {
    ids += other.ids
    typeIDs += other.typeIDs
    tokens += other.tokens
    offsets += other.offsets
    wordIDs += other.wordIDs
    specialTokensMask += other.specialTokensMask
    attentionMask += other.attentionMask
  }

  func slice(_ range: Range<Int>) -> Encoding {
    var result = Encoding()
    result.ids = Array(ids[range])
    result.typeIDs = Array(typeIDs[range])
    result.tokens = Array(tokens[range])
    result.offsets = Array(offsets[range])
    result.wordIDs = Array(wordIDs[range])
    result.specialTokensMask = Array(specialTokensMask[range])
    result.attentionMask = Array(attentionMask[range])
    return result
  }

  mutating func setTypeID(_ id: Int) { typeIDs = [Int](repeating: id, count: count) }
}

/// How long an encoding may be. SeeAlso: tokenizers.Tokenizer.enable_truncation
public struct Truncation: Sendable, Equatable {
  public enum Strategy: String, Sendable {
    case longestFirst = "LongestFirst"
    case onlyFirst = "OnlyFirst"
    case onlySecond = "OnlySecond"
  }

  public var maxLength: Int
  public var strategy: Strategy
  /// Whether the beginning is cut off instead of the end.
  public var fromLeft: Bool

  public init(maxLength: Int, strategy: Strategy = .longestFirst, fromLeft: Bool = false) {
    self.maxLength = maxLength
    self.strategy = strategy
    self.fromLeft = fromLeft
  }

  /// Shortens a text or a pair so that `extra` special tokens still fit.
  func apply(_ first: inout Encoding, _ second: inout Encoding?, extra: Int) throws(TokenizerError) {
    let room = maxLength - extra
    let total = first.count + (second?.count ?? 0)
    guard total > room else { return }
    guard room > 0 || extra == 0 && room == 0 else {
      if room == 0 { return cut(&first, &second, 0, 0) }
      throw TokenizerError("\(maxLength) tokens leave no room for the \(extra) special ones")
    }
    let excess = total - room
    guard let pair = second else { return cut(&first, &second, first.count - excess, 0) }
    switch strategy {
    case .longestFirst:
      // The longer one is cut down to the other's length first; then both alike.
      var (a, b) = (first.count, pair.count)
      let swapped = a > b
      if swapped { swap(&a, &b) }
      if a > room { b = a } else { b = max(a, room - a) }
      if a + b > room {
        a = room / 2
        b = a + room % 2
      }
      cut(&first, &second, swapped ? b : a, swapped ? a : b)
    case .onlyFirst:
      guard excess < first.count else {
        throw TokenizerError("the first text is too short to be cut by \(excess) tokens")
      }
      cut(&first, &second, first.count - excess, pair.count)
    case .onlySecond:
      guard excess < pair.count else {
        throw TokenizerError("the second text is too short to be cut by \(excess) tokens")
      }
      cut(&first, &second, first.count, pair.count - excess)
    }
  }

  private func cut(_ first: inout Encoding, _ second: inout Encoding?, _ a: Int, _ b: Int) {
    func cut(_ encoding: Encoding, _ count: Int) -> Encoding {
      encoding.slice(fromLeft ? (encoding.count - count)..<encoding.count : 0..<count)
    }
    first = cut(first, a)
    second = second.map { cut($0, b) }
  }
}

/// What makes encodings equally long. SeeAlso: tokenizers.Tokenizer.enable_padding
public struct Padding: Sendable, Equatable {
  /// nil: to the longest of a batch.
  public var length: Int?
  public var fromLeft: Bool
  public var padToMultipleOf: Int?
  public var id: Int
  public var typeID: Int
  public var token: String

  public init(
    length: Int? = nil, fromLeft: Bool = false, padToMultipleOf: Int? = nil, id: Int = 0, typeID: Int = 0,
    token: String = "[PAD]"
  ) {
    self.length = length
    self.fromLeft = fromLeft
    self.padToMultipleOf = padToMultipleOf
    self.id = id
    self.typeID = typeID
    self.token = token
  }

  func apply(_ batch: inout [Encoding]) {
    var target = length ?? batch.map(\.count).max() ?? 0
    if let multiple = padToMultipleOf, multiple > 0 { target = (target + multiple - 1) / multiple * multiple }
    for i in batch.indices where batch[i].count < target {
      var filler = Encoding()
      for _ in batch[i].count..<target { filler.append(id, token, typeID: typeID, isSpecial: true) }
      filler.attentionMask = [Int](repeating: 0, count: filler.count)
      if fromLeft {
        filler.append(batch[i])
        batch[i] = filler
      } else {
        batch[i].append(filler)
      }
    }
  }
}
