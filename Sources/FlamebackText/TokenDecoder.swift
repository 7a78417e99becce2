import FlamebackFiles

/// A step from tokens back to text; at the end the parts are joined. SeeAlso: tokenizers.decoders
public protocol TokenDecoder: Sendable {
  func decode(_ tokens: [String]) -> [String]
}

/// The decoders that `tokenizer.json` knows.
enum StandardDecoder: TokenDecoder {
  indirect case sequence([any TokenDecoder])
  case wordPiece(prefix: String, cleanup: Bool)
  case bpe(suffix: String)
  case byteLevel
  case byteFallback
  case fuse
  case metaspace(MetaspacePreTokenizer)
  case replace(TextPattern, String)
  case strip(Unicode.Scalar, start: Int, stop: Int)
  case ctc(pad: String, delimiter: String, cleanup: Bool)

  func decode(_ tokens: [String]) -> [String] {
    switch self {
    case .sequence(let steps): return steps.reduce(tokens) { $1.decode($0) }
    case .wordPiece(let prefix, let cleanup):
      return tokens.enumerated().map { i, token in
        var text = token
        if i > 0 {
          text =
            startsWith(token, prefix)
            ? String(token.unicodeScalars.dropFirst(prefix.unicodeScalars.count)) : " " + token
        }
        return cleanup ? Self.cleaned(text) : text
      }
    case .bpe(let suffix):
      return tokens.enumerated().map { i, token in
        replacing(token, suffix, i == tokens.count - 1 ? "" : " ")
      }
    case .byteLevel:
      var bytes: [UInt8] = []
      for token in tokens {
        let own = token.unicodeScalars.map { ByteLevel.byte($0) }
        // A token outside the alphabet stands for itself.
        bytes += own.contains(nil) ? Array(token.utf8) : own.map { $0! }
      }
      return [String(decoding: bytes, as: UTF8.self)]
    case .byteFallback: return Self.joinedBytes(tokens)
    case .fuse: return [tokens.joined()]
    case .metaspace(let space):
      return tokens.enumerated().map { i, token in
        var text = ""
        for scalar in token.unicodeScalars {
          if scalar != space.replacement {
            text.unicodeScalars.append(scalar)
          } else if i > 0 || space.prependScheme == .never {
            text += " "
          }
        }
        return text
      }
    case .replace(let pattern, let content):
      let normalizer = ReplaceNormalizer(pattern, with: content)
      return tokens.map { token in
        var text = AlignedText(token)
        normalizer.normalize(&text)
        return text.string
      }
    case .strip(let scalar, let start, let stop):
      return tokens.map { token in
        var scalars = token.unicodeScalars[...]
        for _ in 0..<start where scalars.first == scalar { scalars.removeFirst() }
        for _ in 0..<stop where scalars.last == scalar { scalars.removeLast() }
        return String(scalars)
      }
    case .ctc(let pad, let delimiter, let cleanup):
      var result: [String] = []
      for (i, token) in tokens.enumerated() where i == 0 || token != tokens[i - 1] {
        var text = replacing(token, pad, "")
        if cleanup { text = replacing(Self.cleaned(text), delimiter, " ") }
        if !text.isEmpty { result.append(text) }
      }
      return result
    }
  }

  private func startsWith(_ text: String, _ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }

  private func replacing(_ text: String, _ part: String, _ by: String) -> String { Self.replacing(text, part, by) }

  private static func replacing(_ text: String, _ part: String, _ by: String) -> String {
    var text = AlignedText(text)
    ReplaceNormalizer(.text(part), with: by).normalize(&text)
    return text.string
  }

  /// Spaces before signs and in English contractions go.
  private static func cleaned(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: " ")) else { return text }
    let pairs = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
      (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    return pairs.reduce(text) { replacing($0, $1.0, $1.1) }
  }

  /// `<0xE2>` and its neighbours as characters; what is no UTF-8 becomes one � a byte.
  private static func joinedBytes(_ tokens: [String]) -> [String] {
    var result: [String] = []
    var bytes: [UInt8] = []
    func flush() {
      if bytes.isEmpty { return }
      if let text = String(validating: bytes, as: UTF8.self) {
        result.append(text)
      } else {
        result += [String](repeating: "\u{FFFD}", count: bytes.count)
      }
      bytes = []
    }
    for token in tokens {
      let text = Array(token.utf8)
      if text.count == 6, token.hasPrefix("<0x"), text[5] == UInt8(ascii: ">"),
        let byte = UInt8(String(decoding: text[3..<5], as: UTF8.self), radix: 16)
      {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }
}

extension ConfigNode {
  /// The decoder that the node describes.
  func decoder() throws(FileError) -> any TokenDecoder {
    let type = try member("type").string()
    switch type {
    case "Sequence":
      var steps: [any TokenDecoder] = []
      for step in try member("decoders").elements() { steps.append(try step.decoder()) }
      return StandardDecoder.sequence(steps)
    case "WordPiece":
      return StandardDecoder.wordPiece(prefix: try string("prefix") ?? "##", cleanup: try bool("cleanup", true))
    case "BPEDecoder": return StandardDecoder.bpe(suffix: try string("suffix") ?? "</w>")
    case "ByteLevel": return StandardDecoder.byteLevel
    case "ByteFallback": return StandardDecoder.byteFallback
    case "Fuse": return StandardDecoder.fuse
    case "Metaspace": return StandardDecoder.metaspace(try metaspace())
    case "Replace": return StandardDecoder.replace(try pattern(), try member("content").string())
    case "Strip":
      return StandardDecoder.strip(
        try member("content").scalar(), start: try count("start", 0), stop: try count("stop", 0))
    case "CTC":
      return StandardDecoder.ctc(
        pad: try string("pad_token") ?? "<pad>", delimiter: try string("word_delimiter_token") ?? "|",
        cleanup: try bool("cleanup", true))
    default: throw failure("an unknown decoder: '\(type)'")
    }
  }
}
