/// Writes protocol buffers' wire format into memory.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }

  mutating func int(_ field: Int, _ value: Int) {
    varint(UInt64(field << 3))
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func float(_ field: Int, _ value: Float) {
    varint(UInt64(field << 3 | 5))
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  mutating func data(_ field: Int, _ content: some Collection<UInt8>) {
    varint(UInt64(field << 3 | 2))
    varint(UInt64(content.count))
    bytes += content
  }

  /// A text; an empty one is left out, as proto3 does.
  mutating func text(_ field: Int, _ text: String) { if !text.isEmpty { data(field, text.utf8) } }

  mutating func message(_ field: Int, _ body: (inout WireWriter) -> Void) {
    var inner = WireWriter()
    body(&inner)
    data(field, inner.bytes)
  }

  mutating func ints(_ field: Int, _ values: some Collection<Int>) {
    var inner = WireWriter()
    for value in values { inner.varint(UInt64(bitPattern: Int64(value))) }
    data(field, inner.bytes)
  }

  mutating func floats(_ field: Int, _ values: some Collection<Float>) {
    var inner: [UInt8] = []
    for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { inner += $0 } }
    data(field, inner)
  }
}
