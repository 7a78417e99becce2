import Glibc

/// PyTorch's `.pt`, `.pth` and `.bin` files: the zip format and the older one of five pickles in a row.
public enum PyTorchFile {
  /// What the file holds. Tensors stay mapped: their bytes are read when they are touched.
  ///
  /// TorchScript archives give their modules' attributes, without the code. SeeAlso: torch.load
  public static func load(_ path: String, verify: Verification = .now) throws(FileError) -> PickleValue {
    try load(FileBytes(mapping: path), verify: verify)
  }

  public static func load(_ file: FileBytes, verify: Verification = .now) throws(FileError) -> PickleValue {
    if file.bytes.starts(with: [0x50, 0x4B]) { return try load(ZipArchive(file), verify: verify) }
    if file.bytes.starts(with: [0x80, 0x02]) { return try loadLegacy(file) }
    throw FileError(path: file.path, "it is no PyTorch file")
  }

  static func load(_ archive: ZipArchive, verify: Verification) throws(FileError) -> PickleValue {
    let path = archive.path
    guard let pickle = archive.records.first(where: { $0.name.hasSuffix("/data.pkl") }) else {
      throw FileError(path: path, "the archive has no data.pkl")
    }
    let folder = String(pickle.name.dropLast("data.pkl".count))
    let content = try archive.read(pickle)
    var machine = Unpickler(content.bytes, owner: content, path: path, place: "record data.pkl")
    machine.allowsUnknownClasses = archive[folder + "constants.pkl"] != nil
    let root = try machine.run()

    var isBig = false
    if let order = archive[folder + "byteorder"] {
      let word = String(decoding: try archive.read(order, limit: 64).array, as: UTF8.self)
      guard word == "little" || word == "big" else {
        throw FileError(path: path, place: "record byteorder", "an unknown byte order: \(word.prefix(20))")
      }
      isBig = word == "big"
    }
    var storages: [String: RawStorage] = [:]
    for (key, reference) in machine.storages.sorted(by: { $0.key < $1.key }) {
      guard let record = archive[folder + "data/" + key] else {
        throw FileError(path: path, place: "record data/\(key)", "the archive does not have it")
      }
      guard record.size >= reference.byteCount else {
        throw FileError(
          path: path, place: "record data/\(key)",
          "\(record.size) bytes where the pickle says \(reference.byteCount)")
      }
      var storage = try archive.read(record, verify: verify == .never ? .never : .whenRead)
      if isBig && reference.type.partSize > 1 {
        if verify != .never { try storage.verify() }
        storage = RawStorage(Npy.byteSwapped(storage.bytes, part: reference.type.partSize))
      }
      storages[key] = storage
    }
    if verify == .now { try RawStorage.verify(Array(storages.values)) }
    return try machine.result(root, storages: storages)
  }

  /// Five pickles in a row (magic, protocol, system, object, storage keys), then the storages' bytes.
  private static func loadLegacy(_ file: FileBytes) throws(FileError) -> PickleValue {
    let path = file.path
    let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    var prologue = Unpickler(file.bytes, owner: file, path: path, place: "")
    guard case .object(let index) = try prologue.run(), case .bigInt = prologue.arena[index].kind,
      case .object(let digits) = prologue.arena[index].items[0], case .owned(let word) = prologue.arena[digits].kind,
      word == magic, case .int(1001) = try prologue.run()
    else { throw FileError(path: path, place: "byte 0", "it is no PyTorch file") }
    let systemValue = try prologue.run()  // before `result`, which reads what it leaves
    let system = try prologue.result(systemValue, storages: [:])
    guard system["little_endian"]?.bool ?? true else {
      throw FileError(path: path, "files of big-endian machines in the old format are not read")
    }
    var machine = Unpickler(file.bytes, owner: file, at: prologue.at, path: path, place: "")
    let root = try machine.run()
    var trailer = Unpickler(file.bytes, owner: file, at: machine.at, path: path, place: "")
    let keyList = try trailer.run()
    let keys = try trailer.result(keyList, storages: [:])
    var at = trailer.at
    var storages: [String: RawStorage] = [:]
    for key in keys.items ?? [] {
      guard let name = key.string ?? key.int.map(String.init), let reference = machine.storages[name] else {
        throw FileError(path: path, place: "byte \(at)", "a storage that no tensor uses")
      }
      guard let count = file.load(Int64.self, at: at), count >= 0,
        Int(count) <= (file.count - at - 8) / reference.type.byteSize,
        case let size = Int(count) * reference.type.byteSize, size >= reference.byteCount
      else { throw FileError(path: path, place: "storage \(name)", "the file ends inside it") }
      at += 8
      storages[name] = RawStorage(UnsafeRawBufferPointer(rebasing: file.bytes[at..<(at + size)]), owner: file)
      at += size
    }
    return try machine.result(root, storages: storages)
  }

  /// Writes a file that `torch.load(weights_only=True)` reads, atomically.
  ///
  /// Tensors that share a storage still share it after loading; of a storage with one tensor only that tensor's
  /// elements are written. SeeAlso: torch.save
  public static func save(_ value: PickleValue, to path: String) throws(FileError) {
    var pickler = Pickler(path: path)
    try pickler.write(value)
    let stem = path.pathStem
    let folder = stem.isEmpty ? "archive" : stem
    var zip = try ZipWriter(path, alignment: 64)
    try zip.add("\(folder)/data.pkl", pickler.bytes)
    try zip.add("\(folder)/byteorder", Array("little".utf8))
    for (key, storage) in pickler.storages.enumerated() {
      try storage.withBytes { bytes throws(FileError) in try zip.add("\(folder)/data/\(key)", bytes) }
    }
    try zip.add("\(folder)/version", Array("3\n".utf8))
    try zip.commit()
  }
}
