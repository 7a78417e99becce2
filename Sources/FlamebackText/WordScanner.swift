/// The splits of GPT-2, Llama 3 and their kin, scanned by hand, which is many times as fast as a regular expression.
struct WordScanner: Sendable {
  /// GPT-2's: one optional space before letters, numbers or signs.
  /// The newer: any one character before letters, line ends kept together, numbers in short groups.
  private let isNewer: Bool
  private let digits: Int

  /// The scanner for that expression; nil if it is not one of the known.
  init?(regex: String) {
    switch regex {
    case #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#,
      #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#:
      self.init(isNewer: false, digits: .max)
    case Self.newer(#"\p{N}{1,3}"#), Self.possessive: self.init(isNewer: true, digits: 3)
    case Self.newer(#"\p{N}"#): self.init(isNewer: true, digits: 1)
    case Self.newer(#"\p{N}+"#): self.init(isNewer: true, digits: .max)
    default: return nil
    }
  }

  private init(isNewer: Bool, digits: Int) {
    self.isNewer = isNewer
    self.digits = digits
  }

  static let gpt2 = WordScanner(isNewer: false, digits: .max)

  private static func newer(_ number: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + number
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }
  private static let possessive =
    #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#

  private enum Class { case letter, number, space, sign }

  private static func classOf(_ scalar: Unicode.Scalar) -> Class {
    scalar.isLetter ? .letter : scalar.isNumber ? .number : scalar.isSpace ? .space : .sign
  }

  /// The pieces; every character belongs to one.
  func matches(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    let classes = scalars.map(Self.classOf)
    var result: [Range<Int>] = []
    result.reserveCapacity(scalars.count / 4 + 1)
    var at = 0
    while at < scalars.count {
      let end = self.end(scalars, classes, at)
      result.append(at..<end)
      at = end
    }
    return result
  }

  private func run(_ classes: [Class], _ start: Int, of kind: Class, limit: Int = .max) -> Int {
    var at = start
    while at < classes.count, classes[at] == kind, at - start < limit { at += 1 }
    return at
  }

  private func end(_ scalars: [Unicode.Scalar], _ classes: [Class], _ at: Int) -> Int {
    func isLineEnd(_ i: Int) -> Bool { scalars[i] == "\n" || scalars[i] == "\r" }
    if scalars[at] == "'", let end = contraction(scalars, at) { return end }
    let next = at + 1 < scalars.count ? classes[at + 1] : nil
    if isNewer {
      if classes[at] == .letter { return run(classes, at, of: .letter) }
      if next == .letter, classes[at] != .number, !isLineEnd(at) { return run(classes, at + 1, of: .letter) }
      if classes[at] == .number { return run(classes, at, of: .number, limit: digits) }
      if classes[at] == .sign || (scalars[at] == " " && next == .sign) {
        var end = run(classes, classes[at] == .sign ? at : at + 1, of: .sign)
        while end < scalars.count, isLineEnd(end) { end += 1 }
        return end
      }
    } else {
      if classes[at] != .space { return run(classes, at, of: classes[at]) }
      if scalars[at] == " ", let next, next != .space { return run(classes, at + 1, of: next) }
    }
    let end = run(classes, at, of: .space)
    if isNewer, let last = (at..<end).last(where: isLineEnd) { return last + 1 }
    // The last space belongs to what follows it.
    return end < scalars.count && end - at > 1 ? end - 1 : end
  }

  /// `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d`
  private func contraction(_ scalars: [Unicode.Scalar], _ at: Int) -> Int? {
    func letter(_ i: Int) -> Unicode.Scalar? {
      guard i < scalars.count else { return nil }
      guard isNewer else { return scalars[i] }
      switch scalars[i].value {
      case 0x41...0x5A: return Unicode.Scalar(scalars[i].value | 0x20)
      case 0x17F: return "s"  // the long s is an s where case does not matter
      default: return scalars[i]
      }
    }
    switch (letter(at + 1), letter(at + 2)) {
    case ("s", _), ("t", _), ("m", _), ("d", _): return at + 2
    case ("r", "e"), ("v", "e"), ("l", "l"): return at + 3
    default: return nil
    }
  }
}
