/// A step that splits text into the words that the model cuts further. SeeAlso: tokenizers.pre_tokenizers
public protocol PreTokenizer: Sendable {
  /// Replaces each piece by its parts; empty parts are dropped afterwards.
  func split(_ pieces: inout [AlignedText])
}

/// One step after the other.
public struct PreTokenizerSequence: PreTokenizer {
  public var steps: [any PreTokenizer]
  public init(_ steps: [any PreTokenizer]) { self.steps = steps }
  public func split(_ pieces: inout [AlignedText]) { for step in steps { step.split(&pieces) } }
}

/// What becomes of the text that a split matches. SeeAlso: tokenizers.pre_tokenizers.Split
public enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"
}

extension AlignedText {
  /// The parts around and between `matches`.
  func parts(_ matches: [Range<Int>], _ behavior: SplitBehavior, invert: Bool = false) -> [AlignedText] {
    if matches.isEmpty, !invert || behavior != .removed { return [self] }
    var marked: [(range: Range<Int>, isMatch: Bool)] = []
    var at = 0
    for match in matches {
      if at < match.lowerBound { marked.append((at..<match.lowerBound, invert)) }
      marked.append((match, !invert))
      at = match.upperBound
    }
    if at < count { marked.append((at..<count, invert)) }
    var ranges: [Range<Int>] = []
    switch behavior {
    case .isolated: ranges = marked.map(\.range)
    case .removed: ranges = marked.filter { !$0.isMatch }.map(\.range)
    case .contiguous:
      var last: Bool?
      for (range, isMatch) in marked {
        if last == isMatch {
          ranges[ranges.count - 1] = ranges[ranges.count - 1].lowerBound..<range.upperBound
        } else {
          ranges.append(range)
        }
        last = isMatch
      }
    case .mergedWithPrevious:
      var wasMatch = false
      for (range, isMatch) in marked {
        if isMatch, !wasMatch, let last = ranges.last {
          ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
        } else {
          ranges.append(range)
        }
        wasMatch = isMatch
      }
    case .mergedWithNext:
      var wasMatch = false
      for (range, isMatch) in marked.reversed() {
        if isMatch, !wasMatch, let last = ranges.last {
          ranges[ranges.count - 1] = range.lowerBound..<last.upperBound
        } else {
          ranges.append(range)
        }
        wasMatch = isMatch
      }
      ranges.reverse()
    }
    return ranges.count == 1 && ranges[0].count == count ? [self] : ranges.map { self[$0] }
  }

  /// Every character of that class, alone.
  func matches(_ isMatch: (Unicode.Scalar) -> Bool) -> [Range<Int>] {
    scalars.indices.filter { isMatch(scalars[$0]) }.map { $0..<($0 + 1) }
  }
}

extension [AlignedText] {
  mutating func splitEach(_ body: (AlignedText) -> [AlignedText]) {
    self = flatMap { $0.isEmpty ? [] : body($0).filter { !$0.isEmpty } }
  }
}

/// Splits where a pattern matches.
public struct SplitPreTokenizer: PreTokenizer {
  public var pattern: TextPattern
  public var behavior: SplitBehavior
  public var invert: Bool

  public init(_ pattern: TextPattern, behavior: SplitBehavior = .isolated, invert: Bool = false) {
    self.pattern = pattern
    self.behavior = behavior
    self.invert = invert
  }

  public func split(_ pieces: inout [AlignedText]) {
    pieces.splitEach { $0.parts(pattern.matches(in: $0.scalars), behavior, invert: invert) }
  }
}

/// Splits at characters of a class.
public struct CharacterPreTokenizer: PreTokenizer {
  public enum Class: Sendable, Equatable {
    case space, punctuation, digit
    case only(Unicode.Scalar)
  }

  public var characters: Class
  public var behavior: SplitBehavior

  public init(_ characters: Class, _ behavior: SplitBehavior) {
    self.characters = characters
    self.behavior = behavior
  }

  public func split(_ pieces: inout [AlignedText]) {
    pieces.splitEach { piece in
      switch characters {
      case .space: piece.parts(piece.matches(\.isSpace), behavior)
      case .punctuation: piece.parts(piece.matches(\.isPunctuation), behavior)
      case .digit: piece.parts(piece.matches(\.isNumber), behavior)
      case .only(let scalar): piece.parts(piece.matches { $0 == scalar }, behavior)
      }
    }
  }
}

/// BERT's: white space goes, every sign stands alone.
public struct BertPreTokenizer: PreTokenizer {
  public init() {}
  public func split(_ pieces: inout [AlignedText]) {
    pieces.splitEach { piece in
      var parts: [AlignedText] = []
      var start = 0
      for (i, scalar) in piece.scalars.enumerated() where scalar.isSpace || scalar.isPunctuation {
        if start < i { parts.append(piece[start..<i]) }
        if !scalar.isSpace { parts.append(piece[i..<(i + 1)]) }
        start = i + 1
      }
      if start == 0 { return [piece] }
      if start < piece.count { parts.append(piece[start..<piece.count]) }
      return parts
    }
  }
}

/// `\w+|[^\w\s]+`
public struct WhitespacePreTokenizer: PreTokenizer {
  public init() {}
  public func split(_ pieces: inout [AlignedText]) {
    pieces.splitEach { piece in
      var parts: [AlignedText] = []
      var start = 0
      var kind: Int?
      for (i, scalar) in piece.scalars.enumerated() {
        let next = scalar.isSpace ? 0 : scalar.isWordCharacter ? 1 : 2
        if next == kind { continue }
        if let kind, kind != 0 { parts.append(piece[start..<i]) }
        (start, kind) = (i, next)
      }
      if let kind, kind != 0 { parts.append(piece[start..<piece.count]) }
      return parts
    }
  }
}

/// Pieces of so many characters.
public struct FixedLengthPreTokenizer: PreTokenizer {
  public var length: Int
  public init(_ length: Int) { self.length = max(1, length) }
  public func split(_ pieces: inout [AlignedText]) {
    pieces.splitEach { piece in
      stride(from: 0, to: piece.count, by: length).map { piece[$0..<min($0 + length, piece.count)] }
    }
  }
}

/// GPT-2's: words with their space in front, each byte as a printable character.
public struct ByteLevelPreTokenizer: PreTokenizer {
  public var addPrefixSpace: Bool
  public var usesRegex: Bool

  public init(addPrefixSpace: Bool = true, usesRegex: Bool = true) {
    self.addPrefixSpace = addPrefixSpace
    self.usesRegex = usesRegex
  }

  public func split(_ pieces: inout [AlignedText]) {
    pieces.splitEach { piece in
      var piece = piece
      if addPrefixSpace, piece.scalars.first != " " { piece.prepend([" "]) }
      let words = usesRegex ? piece.parts(WordScanner.gpt2.matches(in: piece.scalars), .isolated) : [piece]
      return words.map { word in
        var word = word
        ByteLevel.encode(&word)
        return word
      }
    }
  }
}

/// SentencePiece's: spaces become a visible character that begins a word.
public struct MetaspacePreTokenizer: PreTokenizer {
  /// Where a word begins though no space stands there.
  public enum PrependScheme: String, Sendable { case first, never, always }

  public var replacement: Unicode.Scalar
  public var prependScheme: PrependScheme
  public var splits: Bool

  public init(replacement: Unicode.Scalar = "▁", prependScheme: PrependScheme = .always, splits: Bool = true) {
    self.replacement = replacement
    self.prependScheme = prependScheme
    self.splits = splits
  }

  public func split(_ pieces: inout [AlignedText]) {
    pieces.splitEach { piece in
      var piece = piece
      piece.transform { scalar, put in put(scalar == " " ? replacement : scalar) }
      if prependScheme == .always || (prependScheme == .first && piece.isBeginning), piece.scalars.first != replacement
      {
        piece.prepend([replacement])
      }
      return splits ? piece.parts(piece.matches { $0 == replacement }, .mergedWithNext) : [piece]
    }
  }
}
