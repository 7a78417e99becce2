import FlamebackFiles

extension ConfigNode {
  /// The normalizer that the node describes.
  func normalizer() throws(FileError) -> any Normalizer {
    let type = try member("type").string()
    switch type {
    case "Sequence":
      var steps: [any Normalizer] = []
      for step in try member("normalizers").elements() { steps.append(try step.normalizer()) }
      return NormalizerSequence(steps)
    case "BertNormalizer":
      return BertNormalizer(
        cleanText: try bool("clean_text", true), handleChineseChars: try bool("handle_chinese_chars", true),
        stripAccents: try self["strip_accents"].map { node throws(FileError) in try node.bool() },
        lowercase: try bool("lowercase", true))
    case "Lowercase": return LowercaseNormalizer()
    case "NFC", "NFD", "NFKC", "NFKD": return FormNormalizer(UnicodeForm(rawValue: type)!)
    case "StripAccents": return StripAccentsNormalizer()
    case "Strip": return StripNormalizer(left: try bool("strip_left", true), right: try bool("strip_right", true))
    case "Prepend": return PrependNormalizer(try member("prepend").string())
    case "Replace": return ReplaceNormalizer(try pattern(), with: try member("content").string())
    case "ByteLevel": return ByteLevelNormalizer()
    case "Nmt": return NmtNormalizer()
    case "Precompiled": return try PrecompiledNormalizer(reading: self)
    default: throw failure("an unknown normalizer: '\(type)'")
    }
  }

  /// The member `pattern`: a text or a regular expression.
  func pattern() throws(FileError) -> TextPattern {
    let node = try member("pattern")
    if let text = try node.string("String") { return .text(text) }
    guard let regex = try node.string("Regex") else { throw node.failure("neither 'String' nor 'Regex'") }
    do { return try TextPattern(regex: regex) } catch {
      throw node.failure("a regular expression that cannot be used (\(error)): \(regex)")
    }
  }
}
