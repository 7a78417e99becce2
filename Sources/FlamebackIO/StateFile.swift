import FlamebackCore
import FlamebackFiles
import FlamebackKernels
import FlamebackNN

/// Writes a tree of values in PyTorch's file format; `torch.load(path, weights_only=True)` reads it.
///
/// The file appears whole or not at all: a failure leaves what was there before. SeeAlso: torch.save
public func save(_ state: StateValue, to path: String) throws(FileError) {
  var converter = RawConverter()
  try PyTorchFile.save(pickled(state, &converter), to: path)
}

/// Reads a file of PyTorch's as a tree of values. Memory-mapped: tensors are read when they are used.
///
/// No code in the file runs; unknown types are errors. SeeAlso: torch.load
public func loadState(_ path: String) throws(FileError) -> StateValue {
  var converter = TensorConverter()
  return try stateValue(PyTorchFile.load(path), &converter, path)
}

extension TensorFile {
  /// One tensor of the file, mapped; its checksum is compared if the file has one. SeeAlso: safetensors.safe_open
  public func tensor(_ name: String) throws(FileError) -> Tensor {
    guard let raw = self[name] else { throw FileError(path: path, "has no tensor '\(name)'") }
    return try Self.tensor(raw, path: path)
  }

  /// A tensor of a file as one to compute with; `path` is for messages.
  public static func tensor(_ raw: RawTensor, path: String) throws(FileError) -> Tensor {
    var converter = TensorConverter()
    return try converter.tensor(raw, path: path)
  }

  /// Converts a tensor so that files can hold it.
  public static func raw(_ tensor: Tensor) -> RawTensor {
    var converter = RawConverter()
    return converter.raw(tensor)
  }
}

extension StateDict {
  /// Writes the state dict: `torch.load` and `load_state_dict` take it, or as safetensors or NumPy's archive if the name
  /// ends so. SeeAlso: torch.save, safetensors.torch.save_file
  public func save(_ path: String) throws(FileError) {
    if ["safetensors", "json", "npz"].contains(path.split(separator: ".").last.map(String.init)) {
      var converter = RawConverter()
      try TensorFile.write(map { ($0.key, converter.raw($0.tensor)) }, to: path)
    } else {
      try FlamebackIO.save(state, to: path)
    }
  }

  /// Reads a state dict, or the one under `state_dict` or `model` of a checkpoint; also safetensors (one file or the
  /// index of several) and NumPy's archives. SeeAlso: torch.load, safetensors.torch.load_file
  public init(contentsOf path: String) throws(FileError) {
    let file = try TensorFile(path)
    guard let value = file.value else {
      try file.verify()
      var converter = TensorConverter()
      self.init()
      for (name, raw) in file.tensors { self[name] = try converter.tensor(raw, path: path) }
      return
    }
    try file.verify()
    var converter = TensorConverter()
    let state = try stateValue(value, &converter, path)
    guard
      let dict = StateDict(state) ?? state["state_dict"].flatMap(StateDict.init)
        ?? state["model"].flatMap(StateDict.init)
    else { throw FileError(path: path, "holds no state dict (a dictionary of named tensors)") }
    self = dict
  }

  /// As an entry of a checkpoint.
  public var state: StateValue {
    var entries: [(String, StateValue)] = map { ($0.key, .tensor($0.tensor)) }
    if !versions.isEmpty {
      entries.append(("_metadata", .dict(Named(versions.map { ($0.name, .dict(["version": .int($0.value)])) }))))
    }
    return .dict(Named(entries))
  }

  /// From an entry of a checkpoint; nil if it is no dictionary of tensors.
  public init?(_ state: StateValue) {
    guard case .dict(let entries) = state else { return nil }
    self.init()
    var versions: [(String, Int)] = []
    for (key, value) in entries {
      if case .dict(let modules) = value, key == "_metadata" {
        versions = modules.compactMap { module in module.value["version"]?.int.map { (module.name, $0) } }
        continue
      }
      guard case .tensor(let tensor) = value else { return nil }
      self[key] = tensor
    }
    self.versions = Named(versions)
  }
}

private func pickled(_ state: StateValue, _ converter: inout RawConverter) -> PickleValue {
  switch state {
  case .none: return .none
  case .bool(let value): return .bool(value)
  case .int(let value): return .int(value)
  case .double(let value): return .float(value)
  case .string(let value): return .string(value)
  case .tensor(let tensor): return .tensor(converter.raw(tensor))
  case .list(let values): return .list(values.map { pickled($0, &converter) })
  case .tuple(let values): return .tuple(values.map { pickled($0, &converter) })
  case .dict(let entries):
    let own = entries.filter { $0.name != "_metadata" }
    let isState = own.allSatisfy { if case .tensor = $0.value { true } else { false } }
    guard isState, case .dict(let modules)? = entries["_metadata"] else {
      return .dict(PickleDict(entries.map { ($0.name, pickled($0.value, &converter)) }, isOrdered: isState))
    }
    // PyTorch keeps it beside the entries, as an attribute.
    var dict = PickleDict(own.map { ($0.name, pickled($0.value, &converter)) }, isOrdered: true)
    let versions = PickleDict(modules.map { ($0.name, pickled($0.value, &converter)) }, isOrdered: true)
    dict.attributes = [PickleDict.Entry(key: .string("_metadata"), value: .dict(versions))]
    return .dict(dict)
  case .indexed(let entries):
    return .dict(
      PickleDict(
        entries.keys.sorted().map { key in
          PickleDict.Entry(key: .int(key), value: pickled(entries[key]!, &converter))
        }))
  }
}

private func stateValue(
  _ value: PickleValue, _ converter: inout TensorConverter, _ path: String
) throws(FileError) -> StateValue {
  switch value {
  case .none: return .none
  case .bool(let value): return .bool(value)
  case .int(let value): return .int(value)
  case .float(let value): return .double(value)
  case .string(let value): return .string(value)
  case .tensor(let raw): return .tensor(try converter.tensor(raw, path: path))
  case .list(let values), .set(let values):
    var items: [StateValue] = []
    for value in values { items.append(try stateValue(value, &converter, path)) }
    return .list(items)
  case .tuple(let values):
    var items: [StateValue] = []
    for value in values { items.append(try stateValue(value, &converter, path)) }
    return .tuple(items)
  case .size(let sizes): return .tuple(sizes.map(StateValue.int))
  case .dtype(let dtype): return .string(dtype.rawValue)
  case .device(let device): return .string(device)
  case .dict(let entries):
    if !entries.isEmpty, entries.allSatisfy({ $0.key.int != nil && $0.key.string == nil }) {
      var indexed: [Int: StateValue] = [:]
      for entry in entries { indexed[entry.key.int!] = try stateValue(entry.value, &converter, path) }
      return .indexed(indexed)
    }
    var named: [(String, StateValue)] = []
    for entry in entries {
      guard let key = entry.key.string ?? entry.key.int.map(String.init) else {
        throw FileError(path: path, "a dictionary key that is neither text nor a whole number")
      }
      named.append((key, try stateValue(entry.value, &converter, path)))
    }
    for entry in entries.attributes where entry.key.string == "_metadata" {
      named.append(("_metadata", try stateValue(entry.value, &converter, path)))
    }
    return .dict(Named(named))
  case .bigInt, .bytes, .complex:
    throw FileError(path: path, "holds a value of a kind that checkpoints do not have (bytes, complex or huge integer)")
  case .object(let type, _):
    throw FileError(path: path, "holds an object of type \(type), which is more than values and tensors")
  }
}
