import FlamebackFiles
import FlamebackKernels
import FoundationEssentials
import Glibc

extension Decoder {
  /// A file that holds one tensor and nothing else.
  static func tensor(_ file: FileBytes) throws(FileError) -> ONNXTensor {
    try Decoder(file: file).tensor(WireReader(file))
  }

  /// Where the elements of a tensor lie outside of the model's file.
  private struct External {
    var location = ""
    var offset = 0
    var length: Int?
  }

  func tensor(_ reader: WireReader) throws(FileError) -> ONNXTensor {
    var reader = reader
    var name = ""
    var code = 0
    var dims: [Int] = []
    var raw: Range<Int>?
    var ints: [Int] = []
    var fixed: [UInt8] = []
    var external: External?
    var isExternal = false
    while let (field, value) = try reader.next() {
      switch field {
      case 1: try reader.appendInts(field, value, to: &dims)
      case 2: code = try reader.int(field, value)
      case 4: try reader.appendFixed(field, value, size: 4, to: &fixed)
      case 5, 7, 11: try reader.appendInts(field, value, to: &ints)
      case 8: name = try reader.text(field, value)
      case 9: raw = try reader.range(field, value)
      case 10: try reader.appendFixed(field, value, size: 8, to: &fixed)
      case 13:
        var place = external ?? External()
        try self.external(reader.reader(field, value), into: &place)
        external = place
      case 14: isExternal = try reader.int(field, value) == 1
      default: break
      }
    }
    let place = name.isEmpty ? "a tensor" : "tensor '\(name)'"
    func failure(_ message: String) -> FileError { FileError(path: file.path, place: place, message) }
    guard let type = ONNXType(rawValue: code) else { throw failure("element type \(code) does not exist") }
    guard dims.count <= 64 else { throw failure("\(dims.count) dimensions") }
    guard dims.allSatisfy({ $0 >= 0 }) else { throw failure("a negative size: \(dims)") }
    guard let count = Shape(dims).checkedElementCount else { throw failure("more elements than memory: \(dims)") }
    guard let stored = type.stored else { return ONNXTensor(name: name, type: type, dims: dims) }
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: stored.byteSize)
    guard !overflow else { throw failure("more elements than memory: \(dims)") }
    let storage: RawStorage
    if isExternal {
      guard let external else { throw failure("external data without a location") }
      storage = try self.storage(external, byteCount, failure)
    } else if let raw {
      guard raw.count == byteCount else {
        throw failure("\(raw.count) bytes, but shape \(dims) of \(stored.rawValue) needs \(byteCount)")
      }
      storage = RawStorage(UnsafeRawBufferPointer(rebasing: file.bytes[raw]), owner: file)
    } else {
      let bytes = fixed.isEmpty ? Self.bytes(of: ints, stored) : fixed
      guard bytes.count == byteCount else {
        throw failure("\(bytes.count) bytes, but shape \(dims) of \(stored.rawValue) needs \(byteCount)")
      }
      storage = RawStorage(copying: bytes)
    }
    return ONNXTensor(name: name, raw: RawTensor(type: stored, shape: Shape(dims), storage: storage))
  }

  /// ONNX keeps small integers and halves (their bits) in fields of wider integers.
  private static func bytes(of ints: [Int], _ type: StoredType) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(ints.count * type.byteSize)
    for value in ints { withUnsafeBytes(of: value.littleEndian) { bytes += $0.prefix(type.byteSize) } }
    return bytes
  }

  private func external(_ reader: WireReader, into place: inout External) throws(FileError) {
    var reader = reader
    var (key, text) = ("", "")
    while let (field, value) = try reader.next() {
      switch field {
      case 1: key = try reader.text(field, value)
      case 2: text = try reader.text(field, value)
      default: break
      }
    }
    switch key {
    case "location": place.location = text
    case "offset", "length":
      guard let number = Int(text), number >= 0 else { throw reader.failure("external \(key) '\(text)' is no size") }
      if key == "offset" { place.offset = number } else { place.length = number }
    default: break
    }
  }

  /// Bytes of a file beside the model's. Paths that leave the folder, by links too, are refused.
  private func storage(
    _ external: External, _ byteCount: Int, _ failure: (String) -> FileError
  ) throws(FileError) -> RawStorage {
    let location = external.location
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard !location.isEmpty, !location.hasPrefix("/"), !parts.contains(".."), !parts.contains(""),
      !location.utf8.contains(0)
    else { throw failure("external data in '\(location)', which is not inside the model's folder") }
    let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent()
    let path = folder.appendingPathComponent(location).path
    guard let real = realpath(path, nil) else { throw failure("there is no external file '\(location)'") }
    defer { free(real) }
    guard let root = realpath(folder.path, nil) else { throw failure("there is no folder '\(folder.path)'") }
    defer { free(root) }
    let prefix = String(cString: root) == "/" ? "/" : String(cString: root) + "/"
    guard String(cString: real).hasPrefix(prefix) else {
      throw failure("external data in '\(location)', which is not inside the model's folder")
    }
    let data = try FileBytes(mapping: path)
    let length = external.length ?? byteCount
    guard length == byteCount else { throw failure("\(length) external bytes where the shape needs \(byteCount)") }
    guard external.offset <= data.count, length <= data.count - external.offset else {
      throw failure(
        "external bytes \(external.offset)..<\(external.offset)+\(length) lie beyond the \(data.count) of '\(location)'"
      )
    }
    let range = external.offset..<(external.offset + length)
    return RawStorage(UnsafeRawBufferPointer(rebasing: data.bytes[range]), owner: data)
  }
}
