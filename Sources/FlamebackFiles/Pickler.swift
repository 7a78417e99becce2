import FlamebackKernels

/// Writes values as a pickle of protocol 2 that PyTorch's restricted unpickler reads. It needs no memo.
struct Pickler {
  let path: String
  private(set) var bytes: [UInt8] = []
  /// What goes into `data/0`, `data/1`, …
  private(set) var storages: [Storage] = []
  private var keys: [StorageKey: Int] = [:]
  private var uses: [StorageKey: Use] = [:]

  /// One storage of the file: a stretch of a storage, or one tensor's elements packed.
  enum Storage {
    case stretch(RawStorage, byteCount: Int)
    case packed(RawTensor)

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws(FileError) -> R) throws(FileError) -> R {
      switch self {
      case .stretch(let storage, let count):
        return try body(UnsafeRawBufferPointer(rebasing: storage.bytes[0..<count]))
      case .packed(let tensor):
        return try tensor.withContiguousBytes { bytes throws(FileError) in try body(bytes) }
      }
    }
  }

  /// PyTorch allows one element type a storage, so views of another type get a storage of their own.
  private struct StorageKey: Hashable {
    let storage: ObjectIdentifier
    let type: StoredType
  }

  private struct Use {
    var count = 0
    var reach = 0
    var layout: Layout
    var isSameLayout = true
  }

  init(path: String) { self.path = path }

  mutating func write(_ value: PickleValue) throws(FileError) {
    try survey(value, depth: 0)
    bytes = [0x80, 2]
    try put(value)
    bytes.append(UInt8(ascii: "."))
  }

  // MARK: Which storages are shared

  private mutating func survey(_ value: PickleValue, depth: Int) throws(FileError) {
    guard depth < Unpickler.depthLimit else {
      throw FileError(path: path, "values nest deeper than \(Unpickler.depthLimit) levels")
    }
    switch value {
    case .list(let items), .tuple(let items), .set(let items):
      for item in items { try survey(item, depth: depth + 1) }
    case .dict(let dict), .object(_, let dict):
      for entry in dict.entries + dict.attributes { try survey(entry.value, depth: depth + 1) }
    case .tensor(let tensor):
      if let problem = tensor.problem() { throw FileError(path: path, problem) }
      let key = StorageKey(storage: ObjectIdentifier(tensor.storage), type: tensor.type)
      var use = uses[key] ?? Use(layout: tensor.layout)
      use.count += 1
      use.reach = max(use.reach, tensor.elementCount == 0 ? 0 : tensor.layout.storageRange.upperBound)
      use.isSameLayout = use.isSameLayout && use.layout == tensor.layout
      uses[key] = use
    default: break
    }
  }

  /// The key of the tensor's storage in the file, its elements there, and the tensor's layout in it.
  private mutating func place(_ tensor: RawTensor) -> (key: Int, count: Int, layout: Layout) {
    let key = StorageKey(storage: ObjectIdentifier(tensor.storage), type: tensor.type)
    let use = uses[key]!
    // Several equal views are one tensor; different ones must keep the storage as it is.
    let packs = use.isSameLayout && !(tensor.offset == 0 && tensor.elementCount == use.reach)
    let count = packs ? tensor.elementCount : use.reach
    if keys[key] == nil {
      keys[key] = storages.count
      storages.append(packs ? .packed(tensor) : .stretch(tensor.storage, byteCount: count * tensor.type.byteSize))
    }
    return (keys[key]!, count, packs ? Layout(tensor.shape) : tensor.layout)
  }

  // MARK: Values

  private mutating func put(_ value: PickleValue) throws(FileError) {
    switch value {
    case .none: op("N")
    case .bool(let value): bytes.append(value ? 0x88 : 0x89)
    case .int(let value): put(value)
    case .bigInt(let digits):
      guard digits.count < 256 else { throw FileError(path: path, "an integer of \(digits.count) bytes") }
      bytes += [0x8A, UInt8(digits.count)] + digits
    case .float(let value):
      op("G")
      bytes.put(value.bitPattern.byteSwapped)
    case .complex(let real, let imaginary):
      global("__builtin__", "complex")
      try put(.float(real))
      try put(.float(imaginary))
      bytes += [0x86, UInt8(ascii: "R")]
    case .string(let text): try put(text)
    case .bytes(let content):
      global("_codecs", "encode")
      var text = ""
      for byte in content { text.unicodeScalars.append(Unicode.Scalar(byte)) }
      try put(text)
      try put("latin1")
      bytes += [0x86, UInt8(ascii: "R")]
    case .list(let items):
      op("]")
      try batches(items.count, "a", "e") { (p: inout Pickler, i) throws(FileError) in try p.put(items[i]) }
    case .tuple(let items): try tuple(items)
    case .set(let items):
      global("__builtin__", "set")
      try put(.list(items))
      bytes += [0x85, UInt8(ascii: "R")]
    case .size(let sizes):
      global("torch", "Size")
      try tuple(sizes.map { .int($0) })
      bytes += [0x85, UInt8(ascii: "R")]
    case .dtype(let type): global("torch", type.rawValue)
    case .device(let name):
      global("torch", "device")
      try put(name)
      bytes += [0x85, UInt8(ascii: "R")]
    case .dict(let dict):
      if dict.isOrdered { emptyOrderedDict() } else { op("}") }
      try entries(dict.entries)
      if !dict.attributes.isEmpty {
        op("}")
        try entries(dict.attributes)
        op("b")
      }
    case .tensor(let tensor): try put(tensor)
    case .object(let type, _): throw FileError(path: path, "objects of the class \(type) cannot be written")
    }
  }

  private mutating func entries(_ entries: [PickleDict.Entry]) throws(FileError) {
    try batches(entries.count, "s", "u") { (p: inout Pickler, i) throws(FileError) in
      try p.put(entries[i].key)
      try p.put(entries[i].value)
    }
  }

  /// Python's way: items in batches of 1000, a single one without a mark.
  private mutating func batches(
    _ count: Int, _ one: Unicode.Scalar, _ many: Unicode.Scalar,
    _ item: (inout Pickler, Int) throws(FileError) -> Void
  ) throws(FileError) {
    var start = 0
    while start < count {
      let end = min(start + 1000, count)
      if end - start == 1 {
        try item(&self, start)
        op(one)
      } else {
        op("(")
        for i in start..<end { try item(&self, i) }
        op(many)
      }
      start = end
    }
  }

  private mutating func put(_ tensor: RawTensor) throws(FileError) {
    let (key, count, layout) = place(tensor)
    let storageClass = Unpickler.storages.first { $0.value == tensor.type }?.key
    global("torch._utils", storageClass == nil ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2")
    op("(")
    op("(")
    try put("storage")
    if let storageClass { global("torch", storageClass) } else { global("torch.storage", "UntypedStorage") }
    try put(String(key))
    try put("cpu")
    put(storageClass == nil ? count * tensor.type.byteSize : count)
    op("t")
    op("Q")
    put(layout.offset)
    try tuple(layout.shape.map { .int($0) })
    try tuple(layout.strides.map { .int($0) })
    bytes.append(tensor.requiresGrad ? 0x88 : 0x89)
    emptyOrderedDict()
    if storageClass == nil { global("torch", tensor.type.rawValue) }
    op("t")
    op("R")
  }

  private mutating func emptyOrderedDict() {
    global("collections", "OrderedDict")
    op(")")
    op("R")
  }

  private mutating func tuple(_ items: [PickleValue]) throws(FileError) {
    switch items.count {
    case 0: op(")")
    case 1...3:
      for item in items { try put(item) }
      bytes.append(0x84 + UInt8(items.count))
    default:
      op("(")
      for item in items { try put(item) }
      op("t")
    }
  }

  private mutating func put(_ value: Int) {
    switch value {
    case 0...255: bytes += [UInt8(ascii: "K"), UInt8(value)]
    case 256...65535:
      op("M")
      bytes.put(UInt16(value))
    case Int(Int32.min)...Int(Int32.max):
      op("J")
      bytes.put(Int32(value))
    default:
      bytes += [0x8A, 8]
      bytes.put(value)
    }
  }

  private mutating func put(_ text: String) throws(FileError) {
    guard text.utf8.count <= UInt32.max else { throw FileError(path: path, "a string beyond 4 GiB") }
    op("X")
    bytes.put(UInt32(text.utf8.count))
    bytes += Array(text.utf8)
  }

  private mutating func global(_ module: String, _ name: String) { bytes += Array("c\(module)\n\(name)\n".utf8) }

  private mutating func op(_ letter: Unicode.Scalar) { bytes.append(UInt8(ascii: letter)) }
}
