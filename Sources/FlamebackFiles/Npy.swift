import FlamebackKernels

/// NumPy's array files.
public enum Npy {
  /// The array in an `.npy` file; its elements stay mapped. SeeAlso: numpy.load
  public static func read(_ path: String) throws(FileError) -> RawTensor {
    try read(FileBytes(mapping: path))
  }

  public static func read(_ file: FileBytes) throws(FileError) -> RawTensor {
    try read(RawStorage(file), path: file.path, place: "")
  }

  static func read(_ source: RawStorage, path: String, place: String) throws(FileError) -> RawTensor {
    let bytes = source.bytes
    func failure(_ message: String) -> FileError { FileError(path: path, place: place, message) }
    guard bytes.count >= 10, bytes.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) else {
      throw failure("not a NumPy array file")
    }
    let version = bytes[6]
    guard (1...3).contains(version), bytes.count >= (version == 1 ? 10 : 12) else {
      throw failure("an unknown version of NumPy's format: \(version)")
    }
    let prefix = version == 1 ? 10 : 12
    let size =
      version == 1
      ? Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self).littleEndian)
      : Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self).littleEndian)
    guard size <= min(bytes.count - prefix, 1 << 20) else { throw failure("the header is cut off") }
    let text = String(decoding: bytes[prefix..<(prefix + size)], as: UTF8.self)
    guard let header = NpyHeader(text) else { throw failure("the header cannot be read: \(text.prefix(80))") }
    guard let (type, swapped) = header.elementType else {
      let why = header.descr.contains("O") ? "arrays of Python objects are not read" : "an unknown element type"
      throw failure("\(why): \(header.descr)")
    }
    let shape = Shape(header.shape)
    guard shape.allSatisfy({ $0 >= 0 }), let count = shape.checkedElementCount,
      case let (need, over) = count.multipliedReportingOverflow(by: type.byteSize), !over
    else { throw failure("an impossible shape: \(shape)") }
    guard need == bytes.count - prefix - size else {
      throw failure("\(type.rawValue) \(shape) needs \(need) bytes, \(bytes.count - prefix - size) are there")
    }
    let data = UnsafeRawBufferPointer(rebasing: bytes[(prefix + size)...])
    var storage = source.part((prefix + size)..<bytes.count)
    if swapped {
      try source.verify()
      storage = RawStorage(byteSwapped(data, part: type.partSize))
    }
    var strides = shape.contiguousStrides
    if header.fortranOrder {
      var stride = 1
      for d in 0..<shape.count {
        strides[d] = stride
        stride &*= max(shape[d], 1)
      }
    }
    return RawTensor(type: type, shape: shape, strides: strides, storage: storage)
  }

  static func byteSwapped(_ source: UnsafeRawBufferPointer, part: Int) -> FileBytes {
    FileBytes(count: source.count, path: "") { out in
      for start in stride(from: 0, to: source.count - part + 1, by: part) {
        for i in 0..<part { out[start + i] = source[start + part - 1 - i] }
      }
    }
  }

  /// Writes one array atomically. SeeAlso: numpy.save
  public static func write(_ tensor: RawTensor, to path: String) throws(FileError) {
    let file = try AtomicFile(path)
    try file.write(header(tensor, path: path))
    try tensor.withContiguousBytes { bytes throws(FileError) in try file.write(bytes) }
    try file.commit()
  }

  static func header(_ tensor: RawTensor, path: String) throws(FileError) -> [UInt8] {
    guard let descr = NpyHeader.descr(tensor.type) else {
      throw FileError(path: path, "NumPy has no \(tensor.type.rawValue)")
    }
    let sizes = tensor.shape.map { "\($0)" }.joined(separator: ", ") + (tensor.shape.count == 1 ? "," : "")
    var text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(sizes)), }"
    while (10 + text.utf8.count + 1) % 64 != 0 { text += " " }
    text += "\n"
    var bytes: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]
    bytes.put(UInt16(text.utf8.count))
    return bytes + Array(text.utf8)
  }

  /// The named arrays of an `.npz` archive, in its order. SeeAlso: numpy.load
  public static func readArchive(_ path: String) throws(FileError) -> [(name: String, tensor: RawTensor)] {
    try readArchive(FileBytes(mapping: path))
  }

  public static func readArchive(_ file: FileBytes) throws(FileError) -> [(name: String, tensor: RawTensor)] {
    try readArchive(ZipArchive(file), verify: .now)
  }

  static func readArchive(
    _ archive: ZipArchive, verify: Verification
  ) throws(FileError) -> [(name: String, tensor: RawTensor)] {
    var result: [(name: String, tensor: RawTensor)] = []
    for record in archive.records where record.name.hasSuffix(".npy") {
      let data = try archive.read(record, verify: verify)
      result.append(
        (String(record.name.dropLast(4)), try read(data, path: archive.path, place: "record \(record.name)")))
    }
    return result
  }

  /// Writes named arrays as an `.npz` archive. SeeAlso: numpy.savez, numpy.savez_compressed
  public static func writeArchive(
    _ tensors: [(name: String, tensor: RawTensor)], compressed: Bool = false, to path: String
  ) throws(FileError) {
    var zip = try ZipWriter(path)
    for (name, tensor) in tensors {
      let content = try header(tensor, path: path) + tensor.bytes
      try zip.add(name + ".npy", content, deflated: compressed)
    }
    try zip.commit()
  }
}

/// The header of an `.npy` file: a Python dictionary of three known keys, read without evaluating anything.
struct NpyHeader {
  var descr = ""
  var fortranOrder = false
  var shape: [Int] = []

  init?(_ text: String) {
    var rest = Substring(text)
    func skip() { rest = rest.drop { $0 == " " || $0 == "\n" || $0 == "\t" } }
    func take(_ word: String) -> Bool {
      skip()
      guard rest.hasPrefix(word) else { return false }
      rest.removeFirst(word.count)
      return true
    }
    func quoted() -> String? {
      skip()
      guard let quote = rest.first, quote == "'" || quote == "\"" else { return nil }
      rest.removeFirst()
      guard let end = rest.firstIndex(of: quote) else { return nil }
      defer { rest = rest[rest.index(after: end)...] }
      return String(rest[..<end])
    }
    guard take("{") else { return nil }
    var seen: Set<String> = []
    while !take("}") {
      guard let key = quoted(), take(":"), seen.insert(key).inserted else { return nil }
      switch key {
      case "descr":
        guard let value = quoted() else { return nil }
        descr = value
      case "fortran_order":
        if take("True") { fortranOrder = true } else if !take("False") { return nil }
      case "shape":
        guard take("(") else { return nil }
        while !take(")") {
          skip()
          let digits = rest.prefix { $0.isNumber }
          guard let size = Int(digits) else { return nil }
          rest.removeFirst(digits.count)
          _ = take("L")  // Python 2
          shape.append(size)
          if !take(",") {
            guard take(")") else { return nil }
            break
          }
        }
      default: return nil
      }
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    skip()
    guard rest.isEmpty, seen.count == 3 else { return nil }
  }

  static let types: [(StoredType, String)] = [
    (.bool, "b1"), (.uint8, "u1"), (.int8, "i1"), (.int16, "i2"), (.uint16, "u2"), (.int32, "i4"), (.uint32, "u4"),
    (.int64, "i8"), (.uint64, "u8"), (.float16, "f2"), (.float32, "f4"), (.float64, "f8"), (.complex64, "c8"),
    (.complex128, "c16"),
  ]

  /// The type, and whether the bytes are big-endian.
  var elementType: (StoredType, Bool)? {
    guard let order = descr.first, "<>|=".contains(order),
      let type = Self.types.first(where: { $0.1 == descr.dropFirst() })?.0
    else { return nil }
    return (type, order == ">" && type.partSize > 1)
  }

  static func descr(_ type: StoredType) -> String? {
    types.first { $0.0 == type }.map { (type.byteSize == 1 ? "|" : "<") + $0.1 }
  }
}
