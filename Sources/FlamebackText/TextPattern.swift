import Foundation

/// What a step looks for: a text, or a regular expression.
public struct TextPattern: Sendable {
  private enum Kind: Sendable {
    case text([Unicode.Scalar])
    case scanner(WordScanner)
    case regex(Expression)
  }

  /// Foundation's class is safe to use from several threads but not marked so everywhere.
  private struct Expression: @unchecked Sendable { let regex: NSRegularExpression }

  private let kind: Kind

  public static func text(_ text: String) -> TextPattern { TextPattern(kind: .text(Array(text.unicodeScalars))) }

  private init(kind: Kind) { self.kind = kind }

  /// The expressions of well-known models run in a scanner of their own, others in ICU's. Throws where ICU refuses.
  public init(regex: String) throws {
    if let scanner = WordScanner(regex: regex) {
      kind = .scanner(scanner)
    } else {
      kind = .regex(Expression(regex: try NSRegularExpression(pattern: Self.translated(regex))))
    }
  }

  /// From Oniguruma's manner to ICU's, whose `\s` lacks two of Unicode's spaces and whose `\h` is something else.
  static func translated(_ regex: String) -> String {
    var result = ""
    var depth = 0  // of character classes
    var escaped = false
    for character in regex {
      if escaped {
        escaped = false
        switch character {
        case "s": result += depth > 0 ? "\\s\\x0B\\x85" : "[\\s\\x0B\\x85]"
        case "S" where depth == 0: result += "[^\\s\\x0B\\x85]"
        case "h": result += depth > 0 ? "0-9a-fA-F" : "[0-9a-fA-F]"
        default: result += "\\\(character)"
        }
        continue
      }
      switch character {
      case "\\":
        escaped = true
        continue
      case "[": depth += 1
      case "]": depth = max(0, depth - 1)
      default: break
      }
      result.append(character)
    }
    return escaped ? result + "\\" : result
  }

  /// The matches from left to right; none is empty.
  public func matches(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    switch kind {
    case .scanner(let scanner): return scanner.matches(in: scalars)
    case .text(let text): return Self.matches(of: text, in: scalars)
    case .regex(let expression): return Self.matches(of: expression.regex, in: scalars)
    }
  }

  private static func matches(of text: [Unicode.Scalar], in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    guard let first = text.first else { return [] }
    var result: [Range<Int>] = []
    var at = 0
    while at + text.count <= scalars.count {
      if scalars[at] == first, scalars[at..<(at + text.count)].elementsEqual(text) {
        result.append(at..<(at + text.count))
        at += text.count
      } else {
        at += 1
      }
    }
    return result
  }

  private static func matches(of regex: NSRegularExpression, in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    // Foundation counts UTF-16 units.
    var scalarAt: [Int] = []
    scalarAt.reserveCapacity(scalars.count + 1)
    for (i, scalar) in scalars.enumerated() {
      scalarAt.append(i)
      if scalar.value > 0xFFFF { scalarAt.append(i) }
    }
    scalarAt.append(scalars.count)
    var result: [Range<Int>] = []
    for match in regex.matches(in: text, range: NSRange(location: 0, length: scalarAt.count - 1)) {
      let range = scalarAt[match.range.location]..<scalarAt[match.range.location + match.range.length]
      if !range.isEmpty { result.append(range) }
    }
    return result
  }
}
