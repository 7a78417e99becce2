/// A zip file (zip64 included): records stored or deflated, read from a mapped file.
///
/// The directory is checked when it is opened: sizes against the file, records against each other.
public struct ZipArchive: Sendable {
  public struct Record: Sendable {
    public let name: String
    public let size: Int
    public let compressedSize: Int
    public let crc32: UInt32
    public let isDeflated: Bool
    let headerOffset: Int
    /// Where the next record or the directory begins: the data must end before.
    var end: Int
  }

  public let file: FileBytes
  public private(set) var records: [Record] = []
  private var index: [String: Int] = [:]

  public var path: String { file.path }

  public init(_ path: String) throws(FileError) { try self.init(FileBytes(mapping: path)) }

  public init(_ file: FileBytes) throws(FileError) {
    self.file = file
    let path = file.path
    guard let end = ZipArchive.endRecord(file) else {
      throw FileError(path: path, "it is no zip archive, or it ends too early")
    }
    guard let diskEntries = file.load(UInt16.self, at: end + 8),
      var count = file.load(UInt16.self, at: end + 10).map(Int.init),
      var size = file.load(UInt32.self, at: end + 12).map(Int.init),
      var start = file.load(UInt32.self, at: end + 16).map(Int.init)
    else { throw FileError(path: path, place: "byte \(end)", "the directory's end is cut off") }
    var directoryEnd = end
    if count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
      let locator = end - 20
      guard file.load(UInt32.self, at: locator) == 0x0706_4B50, let at = file.load(UInt64.self, at: locator + 8),
        let record = Int(exactly: at), file.load(UInt32.self, at: record) == 0x0606_4B50,
        let count64 = file.load(UInt64.self, at: record + 32), let size64 = file.load(UInt64.self, at: record + 40),
        let start64 = file.load(UInt64.self, at: record + 48),
        let c = Int(exactly: count64), let s = Int(exactly: size64), let o = Int(exactly: start64)
      else { throw FileError(path: path, place: "byte \(end)", "the zip64 directory is damaged") }
      (count, size, start, directoryEnd) = (c, s, o, record)
    } else if Int(diskEntries) != count {
      throw FileError(path: path, place: "byte \(end)", "archives in several parts are not supported")
    }
    guard start <= directoryEnd, size <= directoryEnd - start, count <= size / 46 else {
      throw FileError(path: path, place: "byte \(end)", "the directory lies outside the file")
    }
    records.reserveCapacity(count)
    var at = start
    for _ in 0..<count {
      let record = try ZipArchive.directoryEntry(file, &at, limit: start + size)
      guard index.updateValue(records.count, forKey: record.name) == nil else {
        throw FileError(path: path, place: "record \(record.name)", "the name is taken twice")
      }
      records.append(record)
    }
    // Records lie side by side: bombs of overlapping records are refused before anything is unpacked.
    let order = records.indices.sorted { records[$0].headerOffset < records[$1].headerOffset }
    for (i, r) in order.enumerated() {
      let limit = i + 1 < order.count ? records[order[i + 1]].headerOffset : start
      records[r].end = limit
      let record = records[r]
      guard record.headerOffset <= limit - 30, record.compressedSize <= limit - record.headerOffset - 30 else {
        throw FileError(path: path, place: "record \(record.name)", "it reaches beyond its place in the file")
      }
    }
  }

  private static func endRecord(_ file: FileBytes) -> Int? {
    guard file.count >= 22 else { return nil }
    var at = file.count - 22
    let last = max(0, at - 0xFFFF)
    while at >= last {
      if file.bytes[at] == 0x50, file.load(UInt32.self, at: at) == 0x0605_4B50,
        let comment = file.load(UInt16.self, at: at + 20), at + 22 + Int(comment) == file.count
      {
        return at
      }
      at -= 1
    }
    return nil
  }

  private static func directoryEntry(_ file: FileBytes, _ at: inout Int, limit: Int) throws(FileError) -> Record {
    let path = file.path
    guard limit - at >= 46, file.load(UInt32.self, at: at) == 0x0201_4B50,
      let flags = file.load(UInt16.self, at: at + 8),
      let method = file.load(UInt16.self, at: at + 10), let crc = file.load(UInt32.self, at: at + 16),
      var compressed = file.load(UInt32.self, at: at + 20).map(Int.init),
      var size = file.load(UInt32.self, at: at + 24).map(Int.init),
      let nameSize = file.load(UInt16.self, at: at + 28).map(Int.init),
      let extraSize = file.load(UInt16.self, at: at + 30).map(Int.init),
      let commentSize = file.load(UInt16.self, at: at + 32).map(Int.init),
      var offset = file.load(UInt32.self, at: at + 42).map(Int.init),
      limit - at - 46 >= nameSize + extraSize + commentSize
    else { throw FileError(path: path, place: "byte \(at)", "the directory is damaged") }
    let nameBytes = UnsafeRawBufferPointer(rebasing: file.bytes[(at + 46)..<(at + 46 + nameSize)])
    guard let name = String(validating: nameBytes, as: UTF8.self) else {
      throw FileError(path: path, place: "byte \(at + 46)", "a record's name is not UTF-8")
    }
    var extra = at + 46 + nameSize
    let extraEnd = extra + extraSize
    while extraEnd - extra >= 4 {
      let id = file.load(UInt16.self, at: extra)!
      let length = Int(file.load(UInt16.self, at: extra + 2)!)
      guard length <= extraEnd - extra - 4 else { break }
      if id == 1 {
        var field = extra + 4
        func next() throws(FileError) -> Int {
          guard field + 8 <= extra + 4 + length, let value = Int(exactly: file.load(UInt64.self, at: field)!) else {
            throw FileError(path: path, place: "record \(name)", "its zip64 sizes are damaged")
          }
          field += 8
          return value
        }
        if size == 0xFFFF_FFFF { size = try next() }
        if compressed == 0xFFFF_FFFF { compressed = try next() }
        if offset == 0xFFFF_FFFF { offset = try next() }
      }
      extra += 4 + length
    }
    guard flags & 1 == 0 else { throw FileError(path: path, place: "record \(name)", "it is encrypted") }
    guard method == 0 || method == 8 else {
      throw FileError(path: path, place: "record \(name)", "an unknown compression method: \(method)")
    }
    guard method == 8 || size == compressed else {
      throw FileError(path: path, place: "record \(name)", "its two sizes differ: \(size), \(compressed)")
    }
    at = extraEnd + commentSize
    return Record(
      name: name, size: size, compressedSize: compressed, crc32: crc, isDeflated: method == 8, headerOffset: offset,
      end: offset)
  }

  public subscript(name: String) -> Record? { index[name].map { records[$0] } }

  /// The bytes of a record as they lie in the file.
  private func stored(_ record: Record) throws(FileError) -> UnsafeRawBufferPointer {
    let at = record.headerOffset
    guard file.load(UInt32.self, at: at) == 0x0403_4B50, let name = file.load(UInt16.self, at: at + 26),
      let extra = file.load(UInt16.self, at: at + 28),
      case let start = at + 30 + Int(name) + Int(extra), start <= record.end,
      record.compressedSize <= record.end - start
    else { throw FileError(path: path, place: "record \(record.name)", "its header is damaged") }
    return UnsafeRawBufferPointer(rebasing: file.bytes[start..<(start + record.compressedSize)])
  }

  /// The content of a record: a piece of the mapped file if it is stored, fresh memory if it is deflated.
  /// A deflated record must not exceed `limit`.
  public func read(
    _ record: Record, verify: Verification = .now, limit: Int = .max
  ) throws(FileError) -> RawStorage {
    let place = "record \(record.name)"
    let bytes = try stored(record)
    let content: UnsafeRawBufferPointer
    let owner: AnyObject
    if record.isDeflated {
      guard record.size <= limit else { throw FileError(path: path, place: place, "more than \(limit) bytes unpacked") }
      let unpacked = try Deflate.inflate(bytes, kind: .raw, size: record.size, path: path, place: place)
      (content, owner) = (unpacked.bytes, unpacked)
    } else {
      (content, owner) = (bytes, file)
    }
    let checksum = StorageChecksum(record.crc32, of: content, owner: owner, path: path, place: place)
    let storage = RawStorage(content, owner: owner, checksum: verify == .never ? nil : checksum)
    if verify == .now { try storage.verify() }
    return storage
  }
}

/// Writes a zip archive record by record; zip64 fields appear only where sizes need them.
public struct ZipWriter {
  private let file: AtomicFile
  private let alignment: Int
  private var directory: [UInt8] = []
  private var count = 0

  /// The records' data start at multiples of `alignment`.
  public init(_ path: String, alignment: Int = 1) throws(FileError) {
    file = try AtomicFile(path)
    self.alignment = alignment
  }

  /// Appends a record, deflated only if asked for.
  public mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer, deflated: Bool = false) throws(FileError) {
    let crc = Deflate.crc32(bytes)
    let packed = deflated ? Deflate.deflate(bytes, kind: .raw) : []
    let stored = deflated ? packed.count : bytes.count
    let offset = file.count
    let large = max(bytes.count, stored) >= 0xFFFF_FFFF
    let far = offset >= 0xFFFF_FFFF
    let nameBytes = Array(name.utf8)

    func common(_ out: inout [UInt8], extra: Int) {
      out.put(UInt16(large || far ? 45 : 20))
      out.put(UInt16(0x0800))  // the name is UTF-8
      out.put(UInt16(deflated ? 8 : 0))
      out.put(UInt16(0))  // no time, so that equal content gives equal files
      out.put(UInt16(0x21))  // 1980-01-01
      out.put(crc)
      out.put(large ? 0xFFFF_FFFF : UInt32(stored))
      out.put(large ? 0xFFFF_FFFF : UInt32(bytes.count))
      out.put(UInt16(nameBytes.count))
      out.put(UInt16(extra))
    }

    var extra: [UInt8] = []
    if large {
      extra.put(UInt16(1))
      extra.put(UInt16(16))
      extra.put(UInt64(bytes.count))
      extra.put(UInt64(stored))
    }
    let dataStart = offset + 30 + nameBytes.count + extra.count
    if dataStart % alignment != 0 {
      // The padding field of PyTorch's own writer.
      let padding = (alignment - (dataStart + 4) % alignment) % alignment
      extra.put(UInt16(0x4246))
      extra.put(UInt16(padding))
      extra += [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
    }
    var header: [UInt8] = []
    header.put(UInt32(0x0403_4B50))
    common(&header, extra: extra.count)
    try file.write(header + nameBytes + extra)
    if deflated { try file.write(packed) } else { try file.write(bytes) }

    var wide: [UInt8] = []
    if large || far {
      wide.put(UInt16(1))
      wide.put(UInt16((large ? 16 : 0) + (far ? 8 : 0)))
      if large {
        wide.put(UInt64(bytes.count))
        wide.put(UInt64(stored))
      }
      if far { wide.put(UInt64(offset)) }
    }
    directory.put(UInt32(0x0201_4B50))
    directory.put(UInt16(45))
    common(&directory, extra: wide.count)
    directory.put(UInt16(0))  // comment
    directory.put(UInt16(0))  // disk
    directory.put(UInt16(0))
    directory.put(UInt32(0))
    directory.put(far ? 0xFFFF_FFFF : UInt32(offset))
    directory += nameBytes + wide
    count += 1
  }

  public mutating func add(_ name: String, _ bytes: [UInt8], deflated: Bool = false) throws(FileError) {
    let memory = FileBytes(bytes)
    try add(name, memory.bytes, deflated: deflated)
    withExtendedLifetime(memory) {}
  }

  /// Writes the directory and puts the archive in the old file's place.
  public func commit() throws(FileError) {
    let start = file.count
    try file.write(directory)
    var end: [UInt8] = []
    if count >= 0xFFFF || start >= 0xFFFF_FFFF || directory.count >= 0xFFFF_FFFF {
      let record = file.count
      end.put(UInt32(0x0606_4B50))
      end.put(UInt64(44))
      end.put(UInt16(45))
      end.put(UInt16(45))
      end.put(UInt32(0))
      end.put(UInt32(0))
      end.put(UInt64(count))
      end.put(UInt64(count))
      end.put(UInt64(directory.count))
      end.put(UInt64(start))
      end.put(UInt32(0x0706_4B50))
      end.put(UInt32(0))
      end.put(UInt64(record))
      end.put(UInt32(1))
    }
    end.put(UInt32(0x0605_4B50))
    end.put(UInt32(0))
    end.put(UInt16(min(count, 0xFFFF)))
    end.put(UInt16(min(count, 0xFFFF)))
    end.put(UInt32(min(directory.count, 0xFFFF_FFFF)))
    end.put(UInt32(min(start, 0xFFFF_FFFF)))
    end.put(UInt16(0))
    try file.write(end)
    try file.commit()
  }
}

extension [UInt8] {
  /// Appends a number, little end first.
  mutating func put(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
