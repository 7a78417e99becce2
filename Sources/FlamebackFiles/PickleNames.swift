import FlamebackKernels

/// The names that a pickle may use. There is no way from a pickle to any other code.
enum PickleName: Equatable {
  case orderedDict, set, complex, bytearray, encode
  case storage(StoredType)
  case untypedStorage
  case dtype(StoredType)
  case size, device, version, parameterClass
  case rebuildTensor(version: Int)
  case rebuildParameter, rebuildFromType
  case arrayReconstruct, array, arrayType, arrayScalar
  case named(String)
}

extension Unpickler {
  func resolve(_ module: String, _ name: String) throws(FileError) -> PickleName {
    switch (module, name) {
    case ("collections", "OrderedDict"): return .orderedDict
    case ("__builtin__", "set"), ("builtins", "set"): return .set
    case ("__builtin__", "complex"), ("builtins", "complex"): return .complex
    case ("__builtin__", "bytearray"), ("builtins", "bytearray"): return .bytearray
    case ("_codecs", "encode"): return .encode
    case ("torch", "Size"): return .size
    case ("torch", "device"): return .device
    case ("torch", "Tensor"): return .named("torch.Tensor")
    case ("torch.torch_version", "TorchVersion"): return .version
    case ("torch.nn.parameter", "Parameter"): return .parameterClass
    case ("torch._utils", "_rebuild_tensor"): return .rebuildTensor(version: 1)
    case ("torch._utils", "_rebuild_tensor_v2"): return .rebuildTensor(version: 2)
    case ("torch._utils", "_rebuild_tensor_v3"): return .rebuildTensor(version: 3)
    case ("torch._utils", "_rebuild_parameter"): return .rebuildParameter
    case ("torch._utils", "_rebuild_parameter_with_state"): return .rebuildParameter
    case ("torch._tensor", "_rebuild_from_type_v2"): return .rebuildFromType
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): return .untypedStorage
    case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"): return .arrayReconstruct
    case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"): return .arrayScalar
    case ("numpy", "ndarray"): return .array
    case ("numpy", "dtype"): return .arrayType
    case ("torch", _):
      if let type = Unpickler.storages[name] { return .storage(type) }
      if let type = StoredType(rawValue: name) { return .dtype(type) }
    default: break
    }
    if allowsUnknownClasses && module.hasPrefix("__torch__") { return .named("\(module).\(name)") }
    throw failure("the pickle asks for '\(module).\(name)', which is not allowed")
  }

  static let storages: [String: StoredType] = [
    "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16,
    "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8,
    "BoolStorage": .bool, "ComplexFloatStorage": .complex64, "ComplexDoubleStorage": .complex128,
  ]

  mutating func call(_ name: PickleName, _ arguments: [Value]) throws(FileError) -> Value {
    switch name {
    case .orderedDict:
      // Either empty, or a list of pairs as Python 2 wrote it.
      var items: [Value] = []
      if let pairs = arguments.first {
        for pair in try list(pairs) {
          let pair = try list(pair)
          guard pair.count == 2 else { throw failure("a dictionary's item is no pair") }
          items += pair
        }
      }
      return make(.orderedDict, items)
    case .set:
      return make(.set, try arguments.first.map { value throws(FileError) in try list(value) } ?? [])
    case .size:
      guard arguments.count == 1 else { throw failure("torch.Size of \(arguments.count) arguments") }
      return make(.size, try list(arguments[0]))
    case .complex:
      guard arguments.count == 2 else { throw failure("complex of \(arguments.count) arguments") }
      return make(.complex, arguments)
    case .device: return make(.device, arguments)
    case .version:
      guard case .string(let text)? = arguments.first else { throw failure("a version that is no string") }
      return .string(text)
    case .encode, .bytearray: return try encoded(arguments)
    case .rebuildTensor(let version): return try tensor(arguments, version: version)
    case .rebuildParameter:
      guard arguments.count >= 2, case .object(let index) = arguments[0], case .tensor(var tensor) = arena[index].kind,
        case .bool(let requiresGrad) = arguments[1]
      else { throw failure("a parameter without a tensor") }
      tensor.requiresGrad = requiresGrad
      return make(.tensor(tensor))
    case .rebuildFromType:
      // (function, type, arguments, state): the tensor without its Python attributes.
      guard arguments.count >= 3, case .global(let inner) = arguments[0], inner != .rebuildFromType else {
        throw failure("a tensor that cannot be rebuilt")
      }
      return try call(inner, try tuple(arguments[2]))
    case .arrayReconstruct: return make(.array)
    case .arrayType: return make(.arrayType, arguments)
    case .arrayScalar: return try arrayScalar(arguments)
    case .named(let type): return make(.named(type))
    case .storage, .untypedStorage, .dtype, .array, .parameterClass:
      throw failure("a call of something that is no function")
    }
  }

  private mutating func make(_ kind: Kind, _ items: [Value] = []) -> Value {
    arena.append(Object(kind: kind, items: items))
    return .object(arena.count - 1)
  }

  /// The items of a list or tuple.
  private func list(_ value: Value) throws(FileError) -> [Value] {
    guard case .object(let index) = value else { throw failure("a list or tuple should be here") }
    switch arena[index].kind {
    case .list, .tuple, .size: return arena[index].items
    default: throw failure("a list or tuple should be here")
    }
  }

  private func ints(_ value: Value) throws(FileError) -> [Int] {
    var result: [Int] = []
    for item in try list(value) {
      guard case .int(let size) = item else { throw failure("a size that is no integer") }
      result.append(size)
    }
    return result
  }

  /// `_codecs.encode(text, "latin1")`: how protocol 2 writes bytes.
  private mutating func encoded(_ arguments: [Value]) throws(FileError) -> Value {
    switch arguments.first {
    case nil: return make(.owned([]))
    case .string(let text)?:
      var bytes: [UInt8] = []
      bytes.reserveCapacity(text.utf8.count)
      for scalar in text.unicodeScalars {
        guard scalar.value < 256 else { throw failure("bytes that are no Latin-1") }
        bytes.append(UInt8(scalar.value))
      }
      return make(.owned(bytes))
    case .bytes?, .object?: return arguments[0]
    default: throw failure("bytes of something that is no string")
    }
  }

  // MARK: Tensors

  /// `('storage', type, key, device, count)`
  mutating func persistent(_ items: [Value]) throws(FileError) -> Value {
    guard items.count >= 5, let kind = string(items[0]), kind == "storage", case .global(let name) = items[1],
      let key = string(items[2]), case .int(let count) = items[4], count >= 0
    else { throw failure("a reference to something that is no storage") }
    let type: StoredType
    switch name {
    case .storage(let stored): type = stored
    case .untypedStorage: type = .uint8
    default: throw failure("a storage of an unknown type")
    }
    if items.count > 5, case .object = items[5] { throw failure("views of storages (PyTorch before 0.4) are not read") }
    let (size, over) = count.multipliedReportingOverflow(by: type.byteSize)
    guard !over else { throw failure("a storage of \(count) elements") }
    let reference = StorageReference(key: key, type: type, byteCount: size)
    try note(reference)
    return make(.storage(reference))
  }

  private func string(_ value: Value) -> String? {
    switch value {
    case .string(let text): text
    case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
    case .int(let number): String(number)
    default: nil
    }
  }

  /// `(storage, offset, size, stride[, requires_grad, hooks[, dtype, metadata]])`
  private mutating func tensor(_ items: [Value], version: Int) throws(FileError) -> Value {
    guard items.count >= 4, case .object(let index) = items[0], case .storage(let storage) = arena[index].kind,
      case .int(let offset) = items[1]
    else { throw failure("a tensor without a storage") }
    var requiresGrad = false
    if version >= 2, items.count > 4, case .bool(let flag) = items[4] { requiresGrad = flag }
    var type = storage.type
    if version == 3 {
      guard items.count > 6, case .global(.dtype(let stored)) = items[6] else {
        throw failure("a tensor without a dtype")
      }
      type = stored
    }
    let reference = TensorReference(
      storage: storage, offset: offset, shape: try ints(items[2]), strides: try ints(items[3]), type: type,
      requiresGrad: requiresGrad)
    return make(.tensor(reference))
  }

  // MARK: NumPy

  mutating func build(_ state: Value) throws(FileError) {
    let index = try top()
    switch arena[index].kind {
    case .orderedDict, .dict, .named, .array: arena[index].state = state
    case .arrayType: arena[index].state = state
    default: break  // attributes of a tensor: nothing of ours
    }
  }

  /// `'u1'` and a byte order of `'>'` from a pickled `numpy.dtype`.
  private func arrayElement(_ value: Value) throws(FileError) -> (StoredType, swapped: Bool) {
    guard case .object(let index) = value, case .arrayType = arena[index].kind,
      let name = arena[index].items.first.flatMap({ string($0) }),
      let type = NpyHeader.types.first(where: { $0.1 == name.drop { "<>|=".contains($0) } })?.0
    else { throw failure("an array of a type that is no number") }
    var order = name.first.map { ">".contains($0) } ?? false
    if let state = arena[index].state, case let items = try tuple(state), items.count > 1 {
      order = string(items[1]) == ">"
    }
    return (type, order && type.partSize > 1)
  }

  private func rawBytes(_ value: Value) -> UnsafeRawBufferPointer? {
    if case .bytes(let bytes) = value { return bytes }
    return nil
  }

  /// `(version, shape, dtype, isFortran, data)`
  func array(_ state: Value?) throws(FileError) -> RawTensor {
    guard let state, case let items = try tuple(state), items.count == 5, case .bool(let fortran) = items[3] else {
      throw failure("an array without its content")
    }
    let (type, swapped) = try arrayElement(items[2])
    let shape = Shape(try ints(items[1]))
    let content = try bytes(items[4])
    guard shape.allSatisfy({ $0 >= 0 }), let count = shape.checkedElementCount,
      case let (size, over) = count.multipliedReportingOverflow(by: type.byteSize), !over, size == content.count
    else { throw failure("an array \(shape) of \(content.count) bytes") }
    var strides = shape.contiguousStrides
    if fortran {
      var stride = 1
      for d in 0..<shape.count {
        strides[d] = stride
        stride &*= max(shape[d], 1)
      }
    }
    let data: FileBytes
    if swapped {
      data = content.withUnsafeBytes { Npy.byteSwapped($0, part: type.partSize) }
    } else {
      data = FileBytes(content)
    }
    return RawTensor(type: type, shape: shape, strides: strides, storage: RawStorage(data))
  }

  func bytes(_ value: Value) throws(FileError) -> [UInt8] {
    switch value {
    case .bytes(let bytes): return Array(bytes)
    case .object(let index):
      if case .owned(let bytes) = arena[index].kind { return bytes }
    default: break
    }
    throw failure("bytes should be here")
  }

  private mutating func arrayScalar(_ items: [Value]) throws(FileError) -> Value {
    guard items.count == 2 else { throw failure("a NumPy number without its content") }
    let (type, swapped) = try arrayElement(items[0])
    var content = try bytes(items[1])
    guard content.count == type.byteSize else { throw failure("a NumPy number of \(content.count) bytes") }
    if swapped { content.reverse() }
    return content.withUnsafeBytes { p in
      switch type {
      case .bool: .bool(p[0] != 0)
      case .uint8: .int(Int(p[0]))
      case .int8: .int(Int(p.load(as: Int8.self)))
      case .int16: .int(Int(p.loadUnaligned(as: Int16.self)))
      case .int32: .int(Int(p.loadUnaligned(as: Int32.self)))
      case .int64: .int(p.loadUnaligned(as: Int.self))
      case .uint16: .int(Int(p.loadUnaligned(as: UInt16.self)))
      case .uint32: .int(Int(p.loadUnaligned(as: UInt32.self)))
      case .float32: .float(Double(p.loadUnaligned(as: Float.self)))
      case .float64: .float(p.loadUnaligned(as: Double.self))
      case .float16: .float(Double(p.loadUnaligned(as: Float16.self)))
      case .uint64: Int(exactly: p.loadUnaligned(as: UInt64.self)).map { .int($0) } ?? .none
      case .bfloat16, .complex32, .complex64, .complex128, .float8E4M3FN, .float8E5M2, .float8E4M3FNUZ, .float8E5M2FNUZ,
        .float8E8M0FNU:
        .none
      }
    }
  }
}
