import FlamebackFiles

extension ConfigNode {
  /// The pre-tokenizer that the node describes.
  func preTokenizer() throws(FileError) -> any PreTokenizer {
    let type = try member("type").string()
    switch type {
    case "Sequence":
      var steps: [any PreTokenizer] = []
      for step in try member("pretokenizers").elements() { steps.append(try step.preTokenizer()) }
      return PreTokenizerSequence(steps)
    case "BertPreTokenizer": return BertPreTokenizer()
    case "Whitespace": return WhitespacePreTokenizer()
    case "WhitespaceSplit": return CharacterPreTokenizer(.space, .removed)
    case "Punctuation": return CharacterPreTokenizer(.punctuation, try behavior(.isolated))
    case "Digits":
      return CharacterPreTokenizer(.digit, try bool("individual_digits", false) ? .isolated : .contiguous)
    case "CharDelimiterSplit": return CharacterPreTokenizer(.only(try member("delimiter").scalar()), .removed)
    case "Split":
      return SplitPreTokenizer(try pattern(), behavior: try behavior(nil), invert: try bool("invert", false))
    case "ByteLevel":
      return ByteLevelPreTokenizer(
        addPrefixSpace: try bool("add_prefix_space", true), usesRegex: try bool("use_regex", true))
    case "Metaspace": return try metaspace()
    case "FixedLength": return FixedLengthPreTokenizer(try count("length", 5))
    default: throw failure("an unknown pre-tokenizer: '\(type)'")
    }
  }

  func metaspace() throws(FileError) -> MetaspacePreTokenizer {
    var scheme = MetaspacePreTokenizer.PrependScheme.always
    if let word = try string("prepend_scheme") {
      guard let known = MetaspacePreTokenizer.PrependScheme(rawValue: word) else {
        throw failure("an unknown prepend_scheme: '\(word)'")
      }
      scheme = known
    } else if try !bool("add_prefix_space", true) {
      scheme = .never  // files from before prepend_scheme
    }
    return MetaspacePreTokenizer(
      replacement: try self["replacement"].map { node throws(FileError) in try node.scalar() } ?? "▁",
      prependScheme: scheme, splits: try bool("split", true))
  }

  private func behavior(_ standard: SplitBehavior?) throws(FileError) -> SplitBehavior {
    guard let word = try string("behavior") ?? standard?.rawValue, let behavior = SplitBehavior(rawValue: word) else {
      throw failure("an unknown behavior: '\(try string("behavior") ?? "")'")
    }
    return behavior
  }
}
