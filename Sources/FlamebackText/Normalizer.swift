/// A step that rewrites text before it is split. SeeAlso: tokenizers.normalizers
public protocol Normalizer: Sendable {
  func normalize(_ text: inout AlignedText)
}

/// One normalizer after the other.
public struct NormalizerSequence: Normalizer {
  public var steps: [any Normalizer]
  public init(_ steps: [any Normalizer]) { self.steps = steps }
  public func normalize(_ text: inout AlignedText) { for step in steps { step.normalize(&text) } }
}

/// What BERT does: cleans, sets ideographs apart, strips accents, lowers.
public struct BertNormalizer: Normalizer {
  public var cleanText: Bool
  public var handleChineseChars: Bool
  /// nil: as `lowercase`.
  public var stripAccents: Bool?
  public var lowercase: Bool

  public init(
    cleanText: Bool = true, handleChineseChars: Bool = true, stripAccents: Bool? = nil, lowercase: Bool = true
  ) {
    self.cleanText = cleanText
    self.handleChineseChars = handleChineseChars
    self.stripAccents = stripAccents
    self.lowercase = lowercase
  }

  public func normalize(_ text: inout AlignedText) {
    if cleanText || handleChineseChars {
      text.transform { scalar, put in
        if cleanText {
          let isLineSpace = scalar == "\t" || scalar == "\n" || scalar == "\r"
          if !isLineSpace, scalar.value == 0xFFFD || scalar.isOther { return }
          if scalar.isSpace { return put(" ") }
        }
        if handleChineseChars, scalar.isIdeograph {
          put(" ")
          put(scalar)
          put(" ")
        } else {
          put(scalar)
        }
      }
    }
    if stripAccents ?? lowercase {
      text.normalize(.nfd)
      text.removeAll(where: \.isNonspacingMark)
    }
    if lowercase { LowercaseNormalizer().normalize(&text) }
  }
}

/// Small letters, character by character.
public struct LowercaseNormalizer: Normalizer {
  public init() {}
  public func normalize(_ text: inout AlignedText) {
    text.transform { scalar, put in
      if scalar.isASCII {
        put(scalar.value >= 0x41 && scalar.value <= 0x5A ? Unicode.Scalar(scalar.value | 0x20)! : scalar)
      } else {
        for lower in scalar.properties.lowercaseMapping.unicodeScalars { put(lower) }
      }
    }
  }
}

/// One of Unicode's normal forms.
public struct FormNormalizer: Normalizer {
  public var form: UnicodeForm
  public init(_ form: UnicodeForm) { self.form = form }
  public func normalize(_ text: inout AlignedText) { text.normalize(form) }
}

/// Removes all combining marks; useful behind NFD.
public struct StripAccentsNormalizer: Normalizer {
  public init() {}
  public func normalize(_ text: inout AlignedText) { text.removeAll(where: \.isMark) }
}

/// Removes white space at the ends.
public struct StripNormalizer: Normalizer {
  public var left: Bool
  public var right: Bool

  public init(left: Bool = true, right: Bool = true) {
    self.left = left
    self.right = right
  }

  public func normalize(_ text: inout AlignedText) {
    var range = 0..<text.count
    while left, !range.isEmpty, text.scalars[range.lowerBound].isSpace { range.removeFirst() }
    while right, !range.isEmpty, text.scalars[range.upperBound - 1].isSpace { range.removeLast() }
    if range.count != text.count { text.replace(Array(text.scalars[range]), Array(text.spans[range])) }
  }
}

/// Puts a text in front of any that is not empty.
public struct PrependNormalizer: Normalizer {
  public var text: String
  public init(_ text: String) { self.text = text }
  public func normalize(_ text: inout AlignedText) { text.prepend(Array(self.text.unicodeScalars)) }
}

/// Replaces what a pattern matches.
public struct ReplaceNormalizer: Normalizer {
  public var pattern: TextPattern
  public var content: String

  public init(_ pattern: TextPattern, with content: String) {
    self.pattern = pattern
    self.content = content
  }

  public func normalize(_ text: inout AlignedText) {
    let matches = pattern.matches(in: text.scalars)
    guard !matches.isEmpty else { return }
    let replacement = Array(content.unicodeScalars)
    var result = AlignedText()
    var at = 0
    for match in matches {
      while at < match.lowerBound {
        result.append(text.scalars[at], text.spans[at])
        at += 1
      }
      // As in the original, the new text stands for the last character of the old.
      for scalar in replacement { result.append(scalar, text.spans[match.upperBound - 1]) }
      at = max(at, match.upperBound)
    }
    while at < text.count {
      result.append(text.scalars[at], text.spans[at])
      at += 1
    }
    text.replace(result.scalars, result.spans)
  }
}

/// Each byte as a printable character, as GPT-2 does.
public struct ByteLevelNormalizer: Normalizer {
  public init() {}
  public func normalize(_ text: inout AlignedText) { ByteLevel.encode(&text) }
}

/// The cleaning of Google's NMT models.
public struct NmtNormalizer: Normalizer {
  public init() {}
  public func normalize(_ text: inout AlignedText) {
    text.transform { scalar, put in
      switch scalar.value {
      case 1...8, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
      case 9, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: put(" ")
      default: put(scalar)
      }
    }
  }
}
