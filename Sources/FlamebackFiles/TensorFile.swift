import Glibc

/// A file of named tensors, of any format that is read here; which one is seen from its content.
///
/// Opening reads names and shapes only. A tensor's bytes are read when they are touched; where the format has checksums,
/// `RawStorage.verify` compares them.
public struct TensorFile: Sendable {
  public enum Format: String, Sendable, CaseIterable {
    case pytorch = "PyTorch"
    case pytorchLegacy = "PyTorch, before 1.6"
    case torchScript = "TorchScript"
    case safetensors
    case shardedSafetensors = "safetensors in several files"
    case npy = "NumPy array"
    case npz = "NumPy archive"
  }

  public let path: String
  public let format: Format
  /// The tensors under the paths that lead to them, such as `optimizer.state.0.exp_avg`.
  public let tensors: [(name: String, tensor: RawTensor)]
  /// What safetensors files say about themselves.
  public let metadata: [String: String]
  /// The whole content of a PyTorch file: its numbers and texts too.
  public let value: PickleValue?
  private let index: [String: Int]

  public var names: [String] { tensors.map(\.name) }

  /// The tensor of that name.
  public subscript(name: String) -> RawTensor? { index[name].map { tensors[$0].tensor } }

  public init(_ path: String) throws(FileError) {
    if path.hasSuffix(".json") {
      let file = try ShardedSafetensors(path)
      self.init(path, .shardedSafetensors, file.tensors, metadata: file.metadata)
      return
    }
    try self.init(FileBytes(mapping: path))
  }

  public init(_ file: FileBytes) throws(FileError) {
    let bytes = file.bytes
    if bytes.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
      self.init(file.path, .npy, [("array", try Npy.read(file))])
    } else if bytes.starts(with: [0x50, 0x4B]) {
      let archive = try ZipArchive(file)
      if let pickle = archive.records.first(where: { $0.name.hasSuffix("/data.pkl") }) {
        let isScript = archive[pickle.name.dropLast("data.pkl".count) + "constants.pkl"] != nil
        let value = try PyTorchFile.load(archive, verify: .whenRead)
        self.init(file.path, isScript ? .torchScript : .pytorch, value.namedTensors, value: value)
      } else {
        self.init(file.path, .npz, try Npy.readArchive(archive, verify: .whenRead))
      }
    } else if bytes.starts(with: [0x80, 0x02]) {
      let value = try PyTorchFile.load(file, verify: .whenRead)
      self.init(file.path, .pytorchLegacy, value.namedTensors, value: value)
    } else if bytes.count >= 9, bytes[8] == UInt8(ascii: "{") {
      let content = try Safetensors(file)
      self.init(file.path, .safetensors, content.tensors, metadata: content.metadata)
    } else {
      throw FileError(path: file.path, "it is of no format that is known: PyTorch, safetensors, NumPy")
    }
  }

  private init(
    _ path: String, _ format: Format, _ tensors: [(name: String, tensor: RawTensor)], metadata: [String: String] = [:],
    value: PickleValue? = nil
  ) {
    self.path = path
    self.format = format
    self.metadata = metadata
    self.value = value
    var index: [String: Int] = [:]
    for (i, entry) in tensors.enumerated() { index[entry.name] = i }
    // Names of one tensor, as our writer and Hugging Face's note them.
    let aliases = metadata.sorted { $0.key < $1.key }.compactMap { alias, name -> (name: String, tensor: RawTensor)? in
      guard index[alias] == nil, let place = index[name] else { return nil }
      return (alias, tensors[place].tensor)
    }
    for (i, entry) in aliases.enumerated() { index[entry.name] = tensors.count + i }
    self.tensors = tensors + aliases
    self.index = index
  }

  /// Compares all checksums that the file has, on all cores.
  public func verify() throws(FileError) { try RawStorage.verify(tensors.map(\.tensor.storage)) }

  /// Writes tensors in the format that the name's ending says: `.safetensors`, `.safetensors.index.json`, `.npz`, `.npy`,
  /// `.pth`, `.pt` or `.bin`. Safetensors keep one copy of a tensor with several names.
  public static func write(
    _ tensors: [(name: String, tensor: RawTensor)], metadata: [String: String] = ["format": "pt"], to path: String
  ) throws(FileError) {
    if path.hasSuffix(".safetensors") || path.hasSuffix(".safetensors.index.json") {
      let (unique, aliases) = withoutAliases(tensors)
      let metadata = metadata.merging(aliases) { _, alias in alias }
      if path.hasSuffix(".json") {
        try ShardedSafetensors.write(unique, metadata: metadata, to: path)
      } else {
        try Safetensors.write(unique, metadata: metadata, to: path)
      }
      return
    }
    switch path.pathExtension {
    case "npz": try Npy.writeArchive(tensors, to: path)
    case "npy":
      guard tensors.count == 1 else {
        throw FileError(path: path, "an .npy file holds one array, not \(tensors.count)")
      }
      try Npy.write(tensors[0].tensor, to: path)
    case "pth", "pt", "bin":
      try PyTorchFile.save(.dict(PickleDict(tensors.map { ($0.name, .tensor($0.tensor)) }, isOrdered: true)), to: path)
    case let ending: throw FileError(path: path, "no format is known by the ending '.\(ending)'")
    }
  }

  /// Tensors that are the same piece of memory once, and the further names with the first one's.
  static func withoutAliases(
    _ tensors: [(name: String, tensor: RawTensor)]
  ) -> (unique: [(name: String, tensor: RawTensor)], aliases: [String: String]) {
    struct Key: Hashable {
      let storage: ObjectIdentifier
      let type: StoredType
      let offset: Int
      let shape: [Int]
      let strides: [Int]
    }
    var first: [Key: String] = [:]
    var aliases: [String: String] = [:]
    let unique = tensors.filter { name, tensor in
      let key = Key(
        storage: ObjectIdentifier(tensor.storage), type: tensor.type, offset: tensor.offset, shape: Array(tensor.shape),
        strides: Array(tensor.strides))
      if tensor.elementCount > 0, let other = first[key] {
        aliases[name] = other
        return false
      }
      first[key] = name
      return true
    }
    return (unique, aliases)
  }
}
