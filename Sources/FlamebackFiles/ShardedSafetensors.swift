/// A model's tensors spread over several safetensors files, with an index that says which file has which.
///
/// The files are opened when the index is; their bytes are read when they are touched.
/// SeeAlso: transformers' model.safetensors.index.json
public struct ShardedSafetensors: Sendable {
  public let path: String
  public let metadata: [String: String]
  /// The tensors in the order of the index.
  public let tensors: [(name: String, tensor: RawTensor)]
  /// The names of the files.
  public let shards: [String]

  public init(_ path: String) throws(FileError) {
    self.path = path
    let index = try JSON(contentsOf: path)
    guard let map = index["weight_map"]?.object else {
      throw FileError(path: path, "it is no index of safetensors files: 'weight_map' is missing")
    }
    let folder = path.deletingLastPathComponent
    var files: [String: Safetensors] = [:]
    var shards: [String] = []
    var tensors: [(name: String, tensor: RawTensor)] = []
    var metadata: [String: String] = [:]
    for member in map {
      let place = "tensor '\(member.key)'"
      guard let name = member.value.string, !name.isEmpty, name != "..", !name.contains("/"), !name.utf8.contains(0)
      else { throw FileError(path: path, place: place, "its file is no name in the same folder: \(member.value)") }
      if files[name] == nil {
        let shard = try Safetensors(folder.isEmpty ? name : "\(folder)/\(name)")
        files[name] = shard
        shards.append(name)
        metadata.merge(shard.metadata) { first, _ in first }
      }
      guard let tensor = files[name]![member.key] else {
        throw FileError(path: path, place: place, "the file \(name) does not have it")
      }
      tensors.append((member.key, tensor))
    }
    self.metadata = metadata
    self.shards = shards
    self.tensors = tensors
  }

  /// Writes files of at most `shardSize` bytes of tensors (a larger tensor has a file to itself), then the index.
  ///
  /// `path` is the index, `model.safetensors.index.json`; the files are `model-00001-of-00002.safetensors`, …
  public static func write(
    _ tensors: [(name: String, tensor: RawTensor)], metadata: [String: String] = ["format": "pt"],
    shardSize: Int = 5_000_000_000, to path: String
  ) throws(FileError) {
    let ending = ".safetensors.index.json"
    guard path.hasSuffix(ending) else { throw FileError(path: path, "the index's name must end in \(ending)") }
    let stem = String(path.dropLast(ending.count))
    var shards: [[(name: String, tensor: RawTensor)]] = [[]]
    var filled = 0
    for entry in tensors {
      if filled > 0, filled + entry.tensor.byteCount > shardSize {
        shards.append([])
        filled = 0
      }
      shards[shards.count - 1].append(entry)
      filled += entry.tensor.byteCount
    }
    func padded(_ number: Int) -> String {
      String(number).aligned(right: 5, filledWith: "0")
    }
    var members: [JSONObject.Member] = []
    for (i, shard) in shards.enumerated() {
      let file = "\(stem)-\(padded(i + 1))-of-\(padded(shards.count)).safetensors"
      try Safetensors.write(shard, metadata: metadata, to: file)
      let name = file.lastPathComponent
      members += shard.map { JSONObject.Member(key: $0.name, value: .string(name)) }
    }
    let total = tensors.reduce(0) { $0 + $1.tensor.byteCount }
    let index: JSON = ["metadata": ["total_size": .int(total)], "weight_map": .object(JSONObject(members))]
    try AtomicFile.write(Array((index.text(indent: 2) + "\n").utf8), to: path)
  }
}
