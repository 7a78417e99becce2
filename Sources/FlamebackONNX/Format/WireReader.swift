import FlamebackFiles

/// Reads protocol buffers' wire format field by field, without a schema and without copying.
///
/// Every read is bounded by the message it belongs to, so a file cannot make it allocate more than its own size.
struct WireReader {
  /// One field's value. Packed numbers, texts and messages are ranges of the file.
  enum Value {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case range(Range<Int>)
  }

  let file: FileBytes
  private(set) var position: Int
  private let end: Int

  init(_ file: FileBytes, _ range: Range<Int>? = nil) {
    self.file = file
    position = range?.lowerBound ?? 0
    end = range?.upperBound ?? file.count
  }

  func failure(_ message: String) -> FileError { FileError(path: file.path, place: "byte \(position)", message) }

  private mutating func varint() throws(FileError) -> UInt64 {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = file.bytes[position]
      position += 1
      result |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return result }
      shift += 7
      if shift > 63 { throw failure("a number of more than ten bytes") }
    }
    throw failure("the file ends inside a number")
  }

  private mutating func fixed<T: FixedWidthInteger>(_ type: T.Type) throws(FileError) -> T {
    let size = MemoryLayout<T>.size
    guard end - position >= size else { throw failure("the file ends inside a number") }
    defer { position += size }
    return T(littleEndian: file.bytes.loadUnaligned(fromByteOffset: position, as: T.self))
  }

  /// The next field, nil at the message's end.
  mutating func next() throws(FileError) -> (field: Int, value: Value)? {
    guard position < end else { return nil }
    let key = try varint()
    guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw failure("field number \(key >> 3) does not exist") }
    let field = Int(key >> 3)
    switch key & 7 {
    case 0: return (field, .varint(try varint()))
    case 1: return (field, .fixed64(try fixed(UInt64.self)))
    case 2:
      let count = try varint()
      guard count <= UInt64(end - position) else { throw failure("a field of \(count) bytes reaches beyond its end") }
      defer { position += Int(count) }
      return (field, .range(position..<(position + Int(count))))
    case 5: return (field, .fixed32(try fixed(UInt32.self)))
    default: throw failure("wire type \(key & 7) does not exist")
    }
  }
}

extension WireReader {
  func mismatch(_ field: Int) -> FileError { failure("field \(field) is of another kind than ONNX says") }

  /// A whole number; negative ones come as two's complement.
  func int(_ field: Int, _ value: Value) throws(FileError) -> Int {
    guard case .varint(let number) = value else { throw mismatch(field) }
    return Int(truncatingIfNeeded: number)
  }

  func float(_ field: Int, _ value: Value) throws(FileError) -> Float {
    guard case .fixed32(let bits) = value else { throw mismatch(field) }
    return Float(bitPattern: bits)
  }

  func range(_ field: Int, _ value: Value) throws(FileError) -> Range<Int> {
    guard case .range(let range) = value else { throw mismatch(field) }
    return range
  }

  func text(_ field: Int, _ value: Value) throws(FileError) -> String {
    let range = try range(field, value)
    guard let text = String(validating: UnsafeRawBufferPointer(rebasing: file.bytes[range]), as: UTF8.self) else {
      throw failure("field \(field) is no text (UTF-8)")
    }
    return text
  }

  func reader(_ field: Int, _ value: Value) throws(FileError) -> WireReader {
    WireReader(file, try range(field, value))
  }

  /// Appends a number, or a packed list of them.
  func appendInts(_ field: Int, _ value: Value, to list: inout [Int]) throws(FileError) {
    guard case .range(let range) = value else { return list.append(try int(field, value)) }
    var reader = WireReader(file, range)
    while reader.position < range.upperBound { list.append(Int(truncatingIfNeeded: try reader.varint())) }
  }

  /// Appends the bytes of one number of `size` bytes, or of a packed list of them.
  func appendFixed(_ field: Int, _ value: Value, size: Int, to bytes: inout [UInt8]) throws(FileError) {
    switch value {
    case .fixed32(let bits) where size == 4: withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
    case .fixed64(let bits) where size == 8: withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
    case .range(let range) where range.count % size == 0: bytes += file.bytes[range]
    default: throw mismatch(field)
    }
  }
}
