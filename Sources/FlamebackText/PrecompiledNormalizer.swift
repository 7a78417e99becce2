import FlamebackFiles
import FoundationEssentials

/// SentencePiece's normalization: a table of replacements, compiled into a double array.
public struct PrecompiledNormalizer: Normalizer {
  private let units: [UInt32]
  /// The replacements, each ended by a zero byte.
  private let texts: [UInt8]

  /// From the content of `precompiled_charsmap`: the array's size in bytes, the array, the replacements.
  public init?(charsmap: [UInt8]) {
    guard charsmap.count >= 4 else { return nil }
    func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(charsmap[at + $1]) << (8 * UInt32($1)) } }
    let size = Int(word(0))
    guard size % 4 == 0, size <= charsmap.count - 4 else { return nil }
    units = (0..<(size / 4)).map { word(4 + 4 * $0) }
    texts = Array(charsmap[(4 + size)...])
  }

  init(reading node: ConfigNode) throws(FileError) {
    let text = try node.member("precompiled_charsmap").string()
    guard let data = Data(base64Encoded: text), let normalizer = PrecompiledNormalizer(charsmap: Array(data)) else {
      throw node.failure("'precompiled_charsmap' is damaged")
    }
    self = normalizer
  }

  public func normalize(_ text: inout AlignedText) {
    guard !units.isEmpty else { return }
    var result = AlignedText()
    result.reserve(text.count)
    var at = 0
    for character in text.string {
      let scalars = character.unicodeScalars
      let range = at..<(at + scalars.count)
      at = range.upperBound
      // The whole cluster is looked up only where it is short, as the original does.
      if character.utf8.count < 6, let replacement = replacement(character.utf8) {
        let origin = text.span(range)
        let span = AlignedText.Span(start: Int32(origin.lowerBound), end: Int32(origin.upperBound))
        for scalar in replacement.unicodeScalars { result.append(scalar, span) }
        continue
      }
      for (i, scalar) in scalars.enumerated() {
        let span = text.spans[range.lowerBound + i]
        if let replacement = replacement(UTF8.encode(scalar)!) {
          for scalar in replacement.unicodeScalars { result.append(scalar, span) }
        } else {
          result.append(scalar, span)
        }
      }
    }
    text.replace(result.scalars, result.spans)
  }

  /// The replacement of the shortest key that `key` begins with: the original takes the first that it finds.
  private func replacement(_ key: some Sequence<UInt8>) -> String? {
    var node = Int(Self.offset(units[0]))
    for byte in key {
      guard byte != 0 else { return nil }
      node ^= Int(byte)
      guard node < units.count, case let unit = units[node], unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
      node ^= Int(Self.offset(unit))
      guard node < units.count else { return nil }
      if unit >> 8 & 1 == 1 {
        let start = Int(units[node] & 0x7FFF_FFFF)
        guard start <= texts.count else { return nil }
        let end = texts[start...].firstIndex(of: 0) ?? texts.count
        return String(validating: texts[start..<end], as: UTF8.self)
      }
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & 1 << 9) >> 6) }
}
