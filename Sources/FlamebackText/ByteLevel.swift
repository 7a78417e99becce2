/// GPT-2's alphabet: each byte has a character that can be printed.
enum ByteLevel {
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 256
    return (0..<256).map { byte -> Unicode.Scalar in
      switch byte {
      case 33...126, 161...172, 174...255: return Unicode.Scalar(UInt32(byte))!
      default:
        defer { next += 1 }
        return Unicode.Scalar(next)!
      }
    }
  }()

  private static let bytes: [UInt32: UInt8] = Dictionary(
    uniqueKeysWithValues: characters.enumerated().map { ($0.element.value, UInt8($0.offset)) })

  /// The byte that a character stands for.
  static func byte(_ scalar: Unicode.Scalar) -> UInt8? { bytes[scalar.value] }

  static func encode(_ text: inout AlignedText) {
    text.transform { scalar, put in
      if scalar.isASCII {
        put(characters[Int(scalar.value)])
      } else {
        for byte in UTF8.encode(scalar)! { put(characters[Int(byte)]) }
      }
    }
  }
}
