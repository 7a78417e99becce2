import FlamebackFiles

/// What puts special tokens around texts. SeeAlso: tokenizers.processors
public protocol PostProcessor: Sendable {
  /// How many tokens it adds.
  func addedTokens(isPair: Bool) -> Int
  func process(_ first: Encoding, _ second: Encoding?, addSpecialTokens: Bool) -> Encoding
}

/// A pattern of special tokens and texts, such as `[CLS] A [SEP] B [SEP]`.
public struct TemplateProcessing: PostProcessor {
  public enum Piece: Sendable, Equatable {
    /// The first or the second text.
    case sequence(isSecond: Bool, typeID: Int)
    case special(ids: [Int], tokens: [String], typeID: Int)
  }

  public var single: [Piece]
  public var pair: [Piece]

  public init(single: [Piece], pair: [Piece]) {
    self.single = single
    self.pair = pair
  }

  public func addedTokens(isPair: Bool) -> Int {
    (isPair ? pair : single).reduce(0) { if case .special(let ids, _, _) = $1 { $0 + ids.count } else { $0 } }
  }

  public func process(_ first: Encoding, _ second: Encoding?, addSpecialTokens: Bool) -> Encoding {
    var result = Encoding()
    for piece in second == nil ? single : pair {
      switch piece {
      case .sequence(let isSecond, let typeID):
        guard var text = isSecond ? second : first else { continue }
        text.setTypeID(typeID)
        result.append(text)
      case .special(let ids, let tokens, let typeID):
        guard addSpecialTokens else { continue }
        for (id, token) in zip(ids, tokens) { result.append(id, token, typeID: typeID, isSpecial: true) }
      }
    }
    return result
  }

  /// BERT's `[CLS] A [SEP] B [SEP]`.
  static func bert(cls: (String, Int), sep: (String, Int)) -> TemplateProcessing {
    func special(_ token: (String, Int), _ type: Int) -> Piece {
      .special(ids: [token.1], tokens: [token.0], typeID: type)
    }
    let single = [special(cls, 0), .sequence(isSecond: false, typeID: 0), special(sep, 0)]
    return TemplateProcessing(
      single: single, pair: single + [.sequence(isSecond: true, typeID: 1), special(sep, 1)])
  }

  /// RoBERTa's `<s> A </s></s> B </s>`.
  static func roberta(cls: (String, Int), sep: (String, Int)) -> TemplateProcessing {
    func special(_ token: (String, Int)) -> Piece { .special(ids: [token.1], tokens: [token.0], typeID: 0) }
    let single = [special(cls), .sequence(isSecond: false, typeID: 0), special(sep)]
    return TemplateProcessing(
      single: single, pair: single + [special(sep), .sequence(isSecond: true, typeID: 0), special(sep)])
  }
}

/// Leaves the spaces that byte-level tokens begin with out of their offsets.
public struct ByteLevelOffsets: PostProcessor {
  public var trimsOffsets: Bool
  public var addsPrefixSpace: Bool

  public init(trimsOffsets: Bool = true, addsPrefixSpace: Bool = true) {
    self.trimsOffsets = trimsOffsets
    self.addsPrefixSpace = addsPrefixSpace
  }

  public func addedTokens(isPair: Bool) -> Int { 0 }

  public func process(_ first: Encoding, _ second: Encoding?, addSpecialTokens: Bool) -> Encoding {
    var result = trimmed(first)
    if let second { result.append(trimmed(second)) }
    return result
  }

  func trimmed(_ encoding: Encoding) -> Encoding {
    guard trimsOffsets else { return encoding }
    var result = encoding
    for (i, token) in encoding.tokens.enumerated() {
      func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "Ġ" || scalar.isSpace
      }
      let scalars = Array(token.unicodeScalars)
      var leading = scalars.prefix(while: isSpace).count
      let trailing = scalars.reversed().prefix(while: isSpace).count
      var range = encoding.offsets[i]
      // A space that the tokenizer put in front is not in the text.
      if leading > 0, range.lowerBound == 0, addsPrefixSpace { leading -= 1 }
      let start = min(range.lowerBound + leading, range.upperBound)
      range = start..<max(start, range.upperBound - trailing)
      result.offsets[i] = range
    }
    return result
  }
}

/// One post-processor after the other.
public struct PostProcessorSequence: PostProcessor {
  public var steps: [any PostProcessor]
  public init(_ steps: [any PostProcessor]) { self.steps = steps }

  public func addedTokens(isPair: Bool) -> Int { steps.reduce(0) { $0 + $1.addedTokens(isPair: isPair) } }

  public func process(_ first: Encoding, _ second: Encoding?, addSpecialTokens: Bool) -> Encoding {
    // Offsets are trimmed while the texts are still apart; a template joins them.
    var (first, second) = (first, second)
    for (i, step) in steps.enumerated() {
      if let offsets = step as? ByteLevelOffsets {
        first = offsets.trimmed(first)
        second = second.map(offsets.trimmed)
        if i < steps.count - 1 || second == nil { continue }
      }
      first = step.process(first, second, addSpecialTokens: addSpecialTokens)
      second = nil
    }
    if let second { first.append(second) }
    return first
  }
}

extension ConfigNode {
  /// The post-processor that the node describes.
  func postProcessor() throws(FileError) -> any PostProcessor {
    let type = try member("type").string()
    switch type {
    case "Sequence":
      var steps: [any PostProcessor] = []
      for step in try member("processors").elements() { steps.append(try step.postProcessor()) }
      return PostProcessorSequence(steps)
    case "TemplateProcessing":
      return TemplateProcessing(single: try template("single"), pair: try template("pair"))
    case "BertProcessing": return TemplateProcessing.bert(cls: try token("cls"), sep: try token("sep"))
    case "RobertaProcessing":
      let template = TemplateProcessing.roberta(cls: try token("cls"), sep: try token("sep"))
      let offsets = ByteLevelOffsets(
        trimsOffsets: try bool("trim_offsets", true), addsPrefixSpace: try bool("add_prefix_space", true))
      return PostProcessorSequence([offsets, template])
    case "ByteLevel":
      return ByteLevelOffsets(
        trimsOffsets: try bool("trim_offsets", true), addsPrefixSpace: try bool("add_prefix_space", true))
    default: throw failure("an unknown post-processor: '\(type)'")
    }
  }

  /// `["[SEP]", 102]`
  private func token(_ name: String) throws(FileError) -> (String, Int) {
    let parts = try member(name).elements()
    guard parts.count == 2 else { throw failure("'\(name)' is no token with its id") }
    return (try parts[0].string(), try parts[1].count())
  }

  private func template(_ name: String) throws(FileError) -> [TemplateProcessing.Piece] {
    var pieces: [TemplateProcessing.Piece] = []
    for piece in try member(name).elements() {
      if let sequence = piece["Sequence"] {
        let id = try sequence.member("id").string()
        guard id == "A" || id == "B" else { throw sequence.failure("a text is A or B, not '\(id)'") }
        pieces.append(.sequence(isSecond: id == "B", typeID: try sequence.count("type_id", 0)))
      } else if let special = piece["SpecialToken"] {
        let id = try special.member("id").string()
        guard let token = try member("special_tokens")[id] else {
          throw special.failure("special_tokens does not have '\(id)'")
        }
        var ids: [Int] = []
        for id in try token.member("ids").elements() { ids.append(try id.count()) }
        var tokens: [String] = []
        for text in try token.member("tokens").elements() { tokens.append(try text.string()) }
        guard ids.count == tokens.count else { throw token.failure("\(ids.count) ids for \(tokens.count) tokens") }
        pieces.append(.special(ids: ids, tokens: tokens, typeID: try special.count("type_id", 0)))
      } else {
        throw piece.failure("neither a text nor a special token")
      }
    }
    return pieces
  }
}
