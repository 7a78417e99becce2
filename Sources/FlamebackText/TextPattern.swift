import CText
import Glibc

/// What a step looks for: a text, or a regular expression.
public struct TextPattern: Sendable {
  private enum Kind: Sendable {
    case text([Unicode.Scalar])
    case scanner(WordScanner)
    case regex(Expression)
  }

  /// A compiled expression, which any number of threads may search with.
  private final class Expression: @unchecked Sendable {
    // Unchecked: nothing writes what Oniguruma has compiled.
    private let compiled: OpaquePointer

    init(_ regex: String) throws(TokenizerError) {
      let result = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(FB_REGEX_MESSAGE_SIZE)) { message in
        let pattern = Array(regex.utf8)
        return fb_regex_open(pattern, pattern.count, message.baseAddress!).map(Result.success)
          ?? Result<OpaquePointer, TokenizerError>.failure(TokenizerError(String(cString: message.baseAddress!)))
      }
      compiled = try result.get()
    }

    deinit { fb_regex_close(compiled) }

    func matches(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
      let (bytes, scalarAt) = AlignedText.utf8(scalars)
      var ranges: UnsafeMutablePointer<Int>?
      let count = fb_regex_matches(compiled, bytes, bytes.count, &ranges)
      precondition(count >= 0, "no memory left to search a text")
      defer { free(ranges) }
      return (0..<count).map { Int(scalarAt[ranges![2 * $0]])..<Int(scalarAt[ranges![2 * $0 + 1]]) }
    }
  }

  private let kind: Kind

  public static func text(_ text: String) -> TextPattern { TextPattern(kind: .text(Array(text.unicodeScalars))) }

  private init(kind: Kind) { self.kind = kind }

  /// The expressions of well-known models run in a scanner of their own, others in Oniguruma, whose manner of
  /// writing them counts. Throws Oniguruma's reason where it refuses.
  public init(regex: String) throws(TokenizerError) {
    if let scanner = WordScanner(regex: regex) {
      kind = .scanner(scanner)
    } else {
      kind = .regex(try Expression(regex))
    }
  }

  /// The matches from left to right; none is empty.
  public func matches(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    switch kind {
    case .scanner(let scanner): return scanner.matches(in: scalars)
    case .text(let text): return Self.matches(of: text, in: scalars)
    case .regex(let expression): return expression.matches(in: scalars)
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
}
