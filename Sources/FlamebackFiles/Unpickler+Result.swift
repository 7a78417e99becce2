import FlamebackKernels

extension Unpickler {
  /// Containers may nest this deep in the result: walking it must not overflow a stack.
  static let depthLimit = 128

  /// The value with everything it refers to, storages looked up by key.
  ///
  /// Shared containers are copied, so the count of values is bounded too: a few bytes of pickle can name one list a
  /// billion times.
  func result(_ value: Value, storages: [String: RawStorage]) throws(FileError) -> PickleValue {
    var builder = Builder(machine: self, storages: storages, budget: 1_000_000 + 16 * bytes.count)
    return try builder.build(value, depth: 0)
  }

  private struct Builder {
    let machine: Unpickler
    let storages: [String: RawStorage]
    var budget: Int

    mutating func items(_ values: [Value], _ depth: Int) throws(FileError) -> [PickleValue] {
      var result: [PickleValue] = []
      result.reserveCapacity(values.count)
      for value in values { result.append(try build(value, depth: depth)) }
      return result
    }

    mutating func build(_ value: Value, depth: Int) throws(FileError) -> PickleValue {
      budget -= 1
      guard budget > 0 else { throw machine.failure("the pickle unfolds to too many values") }
      switch value {
      case .none: return .none
      case .bool(let value): return .bool(value)
      case .int(let value): return .int(value)
      case .float(let value): return .float(value)
      case .string(let value): return .string(value)
      case .bytes(let value):
        budget -= value.count
        return .bytes(Array(value))
      case .global(.dtype(let type)): return .dtype(type)
      case .global(.storage(let type)): return .dtype(type)
      case .global, .mark: throw machine.failure("a function where a value should be")
      case .object(let index):
        guard depth < Unpickler.depthLimit else {
          throw machine.failure("values nest deeper than \(Unpickler.depthLimit) levels, or contain themselves")
        }
        return try build(machine.arena[index], depth: depth + 1)
      }
    }

    private mutating func build(_ object: Object, depth: Int) throws(FileError) -> PickleValue {
      switch object.kind {
      case .list: return .list(try items(object.items, depth))
      case .tuple: return .tuple(try items(object.items, depth))
      case .set: return .set(try items(object.items, depth))
      case .dict, .orderedDict:
        var dict = try dictionary(object.items, depth)
        if case .orderedDict = object.kind { dict.isOrdered = true }
        if let state = object.state { dict.attributes = try attributes(state, depth) }
        return .dict(dict)
      case .named(let type):
        let entries = try object.state.map { state throws(FileError) in try attributes(state, depth) } ?? []
        return .object(type: type, PickleDict(entries))
      case .size:
        return .size(
          try items(object.items, depth).map { value throws(FileError) in
            guard let size = value.int else { throw machine.failure("a size that is no integer") }
            return size
          })
      case .device:
        let parts = try items(object.items, depth)
        return .device(parts.compactMap { $0.string ?? $0.int.map(String.init) }.joined(separator: ":"))
      case .complex:
        let parts = try items(object.items, depth)
        guard let real = parts[0].double, let imaginary = parts[1].double else {
          throw machine.failure("a complex number without its parts")
        }
        return .complex(real, imaginary)
      case .bigInt:
        guard case .object(let index)? = object.items.first, case .owned(let bytes) = machine.arena[index].kind else {
          throw machine.failure("an integer without digits")
        }
        return .bigInt(bytes)
      case .owned(let bytes):
        budget -= bytes.count
        return .bytes(bytes)
      case .storage: throw machine.failure("a storage outside a tensor")
      case .tensor(let reference): return .tensor(try tensor(reference))
      case .array:
        let array = try machine.array(object.state)
        budget -= array.byteCount
        return .tensor(array)
      case .arrayType: throw machine.failure("a NumPy dtype outside an array")
      }
    }

    private mutating func attributes(_ state: Value, _ depth: Int) throws(FileError) -> [PickleDict.Entry] {
      guard case .dict(let dict) = try build(state, depth: depth) else { return [] }
      return dict.entries
    }

    /// Keys and values in turn; a key set again keeps its place and takes the new value, as in Python.
    private mutating func dictionary(_ items: [Value], _ depth: Int) throws(FileError) -> PickleDict {
      var dict = PickleDict()
      var places: [String: Int] = [:]
      for i in stride(from: 0, to: items.count, by: 2) {
        let key = try build(items[i], depth: depth)
        let value = try build(items[i + 1], depth: depth)
        let name: String?
        switch key {
        case .string(let text): name = "s" + text
        case .int(let number): name = "i\(number)"
        default: name = nil
        }
        if let name, let place = places.updateValue(dict.count, forKey: name) {
          dict.entries[place].value = value
          places[name] = place
        } else {
          dict.entries.append(PickleDict.Entry(key: key, value: value))
        }
      }
      return dict
    }

    private func tensor(_ reference: TensorReference) throws(FileError) -> RawTensor {
      let place = "tensor of storage \(reference.storage.key)"
      guard let storage = storages[reference.storage.key] else {
        throw FileError(path: machine.path, place: place, "its storage is missing")
      }
      let tensor = RawTensor(
        type: reference.type, shape: Shape(reference.shape), strides: Shape(reference.strides),
        offset: reference.offset, storage: storage, requiresGrad: reference.requiresGrad)
      if let problem = tensor.problem() { throw FileError(path: machine.path, place: place, problem) }
      // An expanded tensor may repeat its elements, but not a few bytes into all of memory.
      if tensor.byteCount > 1 << 26 && tensor.byteCount / 64 > storage.bytes.count {
        throw FileError(
          path: machine.path, place: place,
          "\(tensor.shape) repeats a storage of \(storage.bytes.count) bytes too often")
      }
      return tensor
    }
  }
}
