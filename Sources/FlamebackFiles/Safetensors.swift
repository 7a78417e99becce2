import FlamebackKernels

/// A safetensors file: named tensors side by side, mapped and read only where touched.
///
/// Holes, overlaps, trailing bytes and sizes that do not fit are errors, as in the reference implementation.
public struct Safetensors: Sendable {
  /// A header larger than this is refused, as by the reference implementation.
  public static let headerLimit = 100_000_000

  public let path: String
  public let metadata: [String: String]
  /// The tensors in the order of the header.
  public let tensors: [(name: String, tensor: RawTensor)]
  private let index: [String: Int]

  public var names: [String] { tensors.map(\.name) }

  /// The tensor of that name. SeeAlso: safetensors.safe_open(…).get_tensor
  public subscript(name: String) -> RawTensor? { index[name].map { tensors[$0].tensor } }

  /// Opens a file. SeeAlso: safetensors.safe_open
  public init(_ path: String) throws(FileError) { try self.init(FileBytes(mapping: path)) }

  public init(_ file: FileBytes) throws(FileError) {
    path = file.path
    guard let headerSize = file.load(UInt64.self, at: 0) else {
      throw FileError(path: path, place: "byte 0", "a safetensors file has at least 8 bytes")
    }
    guard headerSize <= UInt64(Self.headerLimit) else {
      throw FileError(path: path, place: "byte 0", "a header of \(headerSize) bytes is beyond the limit")
    }
    let dataStart = 8 + Int(headerSize)
    guard dataStart <= file.count else {
      throw FileError(path: path, place: "byte 0", "a header of \(headerSize) bytes in a file of \(file.count)")
    }
    let header = UnsafeRawBufferPointer(rebasing: file.bytes[8..<dataStart])
    guard header.first == UInt8(ascii: "{") else {
      throw FileError(path: path, place: "byte 8", "the header is no JSON object")
    }
    guard case .object(let members) = try JSON(parsing: header, path: path) else {
      throw FileError(path: path, place: "byte 8", "the header is no JSON object")
    }
    let data = UnsafeRawBufferPointer(rebasing: file.bytes[dataStart...])
    var metadata: [String: String] = [:]
    var tensors: [(name: String, tensor: RawTensor)] = []
    var index: [String: Int] = [:]
    var ranges: [(begin: Int, end: Int, name: String)] = []
    for member in members {
      let place = "tensor '\(member.key)'"
      if member.key == "__metadata__" {
        guard case .object(let pairs) = member.value else {
          throw FileError(path: path, place: "__metadata__", "not an object")
        }
        for pair in pairs {
          guard case .string(let text) = pair.value else {
            throw FileError(path: path, place: "__metadata__", "the value of '\(pair.key)' is not a string")
          }
          metadata[pair.key] = text
        }
        continue
      }
      guard case .object(let fields) = member.value, let dtype = fields["dtype"]?.string,
        let sizes = fields["shape"]?.array, let offsets = fields["data_offsets"]?.array, offsets.count == 2
      else { throw FileError(path: path, place: place, "dtype, shape or data_offsets is missing") }
      guard let type = StoredType(safetensors: dtype) else {
        throw FileError(path: path, place: place, "an unknown dtype: \(dtype)")
      }
      var shape: [Int] = []
      for size in sizes {
        guard let size = size.int, size >= 0 else { throw FileError(path: path, place: place, "a size is no number") }
        shape.append(size)
      }
      guard let begin = offsets[0].int, let end = offsets[1].int, begin >= 0, begin <= end, end <= data.count else {
        throw FileError(path: path, place: place, "data_offsets lie outside the data of \(data.count) bytes")
      }
      guard let count = Shape(shape).checkedElementCount,
        case let (size, over) = count.multipliedReportingOverflow(by: type.byteSize), !over, size == end - begin
      else {
        throw FileError(path: path, place: place, "\(dtype) \(shape) does not have \(end - begin) bytes")
      }
      let storage = RawStorage(UnsafeRawBufferPointer(rebasing: data[begin..<end]), owner: file)
      let tensor = RawTensor(type: type, shape: Shape(shape), storage: storage)
      if let earlier = index[member.key] {
        tensors[earlier].tensor = tensor  // of repeated keys the last one counts
        ranges[earlier] = (begin, end, member.key)
      } else {
        index[member.key] = tensors.count
        tensors.append((member.key, tensor))
        ranges.append((begin, end, member.key))
      }
    }
    var covered = 0
    for range in ranges.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
      guard range.begin == covered else {
        let what = range.begin > covered ? "bytes before it belong to no tensor" : "it overlaps another tensor"
        throw FileError(path: path, place: "tensor '\(range.name)'", what)
      }
      covered = range.end
    }
    guard covered == data.count else {
      throw FileError(
        path: path, place: "byte \(dataStart + covered)", "\(data.count - covered) bytes follow the tensors")
    }
    self.metadata = metadata
    self.tensors = tensors
    self.index = index
  }

  /// Writes tensors atomically, largest element type first, then by name. SeeAlso: safetensors.torch.save_file
  public static func write(
    _ tensors: [(name: String, tensor: RawTensor)], metadata: [String: String] = ["format": "pt"], to path: String
  ) throws(FileError) {
    var header = JSONObject()
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { JSONObject.Member(key: $0.key, value: .string($0.value)) }
      header["__metadata__"] = .object(JSONObject(pairs))
    }
    var members = header.members
    var seen: Set<String> = ["__metadata__"]
    let sorted = tensors.sorted { a, b in
      (-a.tensor.type.byteSize, a.name) < (-b.tensor.type.byteSize, b.name)
    }
    var offset = 0
    for (name, tensor) in sorted {
      let place = "tensor '\(name)'"
      guard seen.insert(name).inserted else { throw FileError(path: path, place: place, "the name is taken twice") }
      guard let word = tensor.type.safetensorsName else {
        throw FileError(path: path, place: place, "safetensors has no \(tensor.type.rawValue)")
      }
      let fields: JSONObject = [
        "dtype": .string(word), "shape": .array(tensor.shape.map { .int($0) }),
        "data_offsets": [.int(offset), .int(offset + tensor.byteCount)],
      ]
      members.append(JSONObject.Member(key: name, value: .object(fields)))
      offset += tensor.byteCount
    }
    var text = Array(JSON.object(JSONObject(members)).text().utf8)
    while text.count % 8 != 0 { text.append(0x20) }
    let file = try AtomicFile(path)
    try file.write(withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text)
    for (_, tensor) in sorted {
      try tensor.withContiguousBytes { bytes throws(FileError) in try file.write(bytes) }
    }
    try file.commit()
  }
}

extension StoredType {
  private static let safetensorsNames: [(StoredType, String)] = [
    (.bool, "BOOL"), (.uint8, "U8"), (.int8, "I8"), (.int16, "I16"), (.uint16, "U16"), (.float16, "F16"),
    (.bfloat16, "BF16"), (.int32, "I32"), (.uint32, "U32"), (.float32, "F32"), (.float64, "F64"), (.int64, "I64"),
    (.uint64, "U64"), (.complex64, "C64"), (.float8E4M3FN, "F8_E4M3"), (.float8E5M2, "F8_E5M2"),
    (.float8E8M0FNU, "F8_E8M0"), (.float8E4M3FNUZ, "F8_E4M3FNUZ"), (.float8E5M2FNUZ, "F8_E5M2FNUZ"),
  ]

  init?(safetensors name: String) {
    guard let found = Self.safetensorsNames.first(where: { $0.1 == name }) else { return nil }
    self = found.0
  }

  var safetensorsName: String? { Self.safetensorsNames.first { $0.0 == self }?.1 }
}
