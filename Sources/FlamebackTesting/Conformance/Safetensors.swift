import FlamebackFiles

/// The tensors of a case file: safetensors, read where they lie.
final class TensorFile {
  private let file: FileBytes
  private var entries: [String: (type: String, shape: [Int], range: Range<Int>)] = [:]

  init(_ path: String) throws {
    file = try FileBytes(mapping: path)
    guard file.count >= 8 else { throw CallError("\(path) is too short") }
    let length = Int(file.bytes.loadUnaligned(as: UInt64.self).littleEndian)
    guard length <= file.count - 8 else { throw CallError("\(path) is damaged") }
    let header = try JSON(parsing: UnsafeRawBufferPointer(rebasing: file.bytes[8..<(8 + length)]), path: path)
    for member in header.object ?? [:] where member.key != "__metadata__" {
      let offsets = (member.value["data_offsets"]?.array ?? []).compactMap(\.int)
      guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= file.count - 8 - length else {
        throw CallError("\(path): tensor \(member.key) lies outside the file")
      }
      entries[member.key] = (
        member.value["dtype"]?.string ?? "", (member.value["shape"]?.array ?? []).compactMap(\.int),
        (offsets[0] + 8 + length)..<(offsets[1] + 8 + length)
      )
    }
  }

  /// The bytes of a tensor and the number of elements that are stored (a complex number counts twice).
  func bytes(_ key: String) throws -> (bytes: UnsafeRawBufferPointer, shape: [Int]) {
    guard let entry = entries[key] else { throw CallError("there is no tensor '\(key)' in \(file.path)") }
    return (UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]), entry.shape)
  }
}
