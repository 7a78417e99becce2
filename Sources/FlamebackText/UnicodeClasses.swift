/// The classes of characters that tokenizers tell apart.
extension Unicode.Scalar {
  /// White_Space, as `\s` and Rust's `char::is_whitespace` have it.
  @inline(__always)
  var isSpace: Bool {
    if value < 0x80 { return value == 0x20 || (value >= 9 && value <= 13) }
    return properties.isWhitespace
  }

  /// `\p{L}`
  @inline(__always)
  var isLetter: Bool {
    if value < 0x80 { return value | 0x20 >= 0x61 && value | 0x20 <= 0x7A }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
    default: return false
    }
  }

  /// `\p{N}`
  @inline(__always)
  var isNumber: Bool {
    if value < 0x80 { return value >= 0x30 && value <= 0x39 }
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: return true
    default: return false
    }
  }

  /// `\w`
  var isWordCharacter: Bool {
    if value < 0x80 { return isLetter || isNumber || value == 0x5F }
    if properties.isAlphabetic || value == 0x200C || value == 0x200D { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }

  /// Punctuation of Unicode 8, and all of ASCII that is neither letter, digit, space nor control.
  var isPunctuation: Bool {
    if value < 0x80 { return value > 0x20 && value < 0x7F && !isLetter && !isNumber }
    switch properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return isKnown(inVersion: 8)
    default: return value == 0x166D || value == 0x111C9  // punctuation in that version
    }
  }

  /// Whether Unicode had the character in that version. The reference implementation's tables are of versions 8 and 9;
  /// models were trained on what these did, so later characters count as unknown where the tables are used.
  func isKnown(inVersion version: Int) -> Bool {
    // Latin letters, their accents and Hangul syllables are older.
    if value < 0x370 || (0xAC00...0xD7A3).contains(value) { return true }
    guard let age = properties.age else { return false }
    return age.major < version || (age.major == version && age.minor == 0)
  }

  /// A combining mark of Unicode 9.
  var isMark: Bool {
    if value < 0x300 { return false }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: return value != 0x111C9 && isKnown(inVersion: 9)
    default: return value == 0x1CF2 || value == 0x1CF3  // marks in that version
    }
  }

  /// A nonspacing mark of Unicode 8.
  var isNonspacingMark: Bool {
    if value < 0x300 { return false }
    switch value {
    case 0x1734, 0x1171E: return true  // of another class today
    case 0x1885, 0x1886, 0xA9BD, 0x111C9: return false
    default: return properties.generalCategory == .nonspacingMark && isKnown(inVersion: 8)
    }
  }

  /// Control, format and private-use characters of Unicode 8.
  var isOther: Bool {
    if value < 0x80 { return value < 0x20 || value == 0x7F }
    switch properties.generalCategory {
    case .control, .format, .privateUse, .surrogate: return isKnown(inVersion: 8)
    default: return false
    }
  }

  /// The ideographs that BERT sets apart with spaces.
  var isIdeograph: Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
