import FlamebackKernels

/// The pickle machine, without Python behind it.
///
/// It knows the opcodes of protocols 0 … 2 that PyTorch and NumPy write and a fixed table of names; a name outside the
/// table is an error before anything happens with it. Objects live in an arena and refer to each other by index, so
/// that no nesting, however deep, and no cycle can overflow the stack or leak.
struct Unpickler {
  /// Values while the machine runs; containers are indices into `arena`.
  enum Value {
    case none, mark
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case bytes(UnsafeRawBufferPointer)
    case global(PickleName)
    case object(Int)
  }

  enum Kind {
    case list, tuple, dict, orderedDict, set, size, device, complex, bigInt
    case owned([UInt8])
    case named(String)
    case storage(StorageReference)
    case tensor(TensorReference)
    case array, arrayType
  }

  /// A container: items of a list, or alternately keys and values of a dictionary.
  struct Object {
    var kind: Kind
    var items: [Value] = []
    var state: Value?
  }

  /// What a pickle says about a storage that lies elsewhere.
  struct StorageReference {
    var key: String
    var type: StoredType
    var byteCount: Int
  }

  struct TensorReference {
    var storage: StorageReference
    var offset: Int
    var shape: [Int]
    var strides: [Int]
    var type: StoredType
    var requiresGrad: Bool
  }

  let path: String
  let place: String
  let bytes: UnsafeRawBufferPointer
  /// Keeps `bytes` alive.
  private let owner: AnyObject
  var at: Int
  var arena: [Object] = []
  var stack: [Value] = []
  var marks: [Int] = []
  var memo: [Int: Value] = [:]
  /// Storages in the order in which they are met.
  private(set) var storages: [String: StorageReference] = [:]
  /// TorchScript's classes are known only by name.
  var allowsUnknownClasses = false

  init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, at: Int = 0, path: String, place: String) {
    self.bytes = bytes
    self.owner = owner
    self.at = at
    self.path = path
    self.place = place
  }

  func failure(_ message: String) -> FileError {
    FileError(path: path, place: place.isEmpty ? "byte \(at)" : "\(place), byte \(at)", message)
  }

  // MARK: Reading

  mutating func byte() throws(FileError) -> UInt8 {
    guard at < bytes.count else { throw failure("the pickle ends too early") }
    at += 1
    return bytes[at - 1]
  }

  mutating func number<T: FixedWidthInteger>(_ type: T.Type) throws(FileError) -> T {
    guard bytes.count - at >= MemoryLayout<T>.size else { throw failure("the pickle ends too early") }
    defer { at += MemoryLayout<T>.size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
  }

  mutating func take(_ count: Int) throws(FileError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= bytes.count - at else { throw failure("the pickle ends too early") }
    defer { at += count }
    return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)])
  }

  mutating func text(_ count: Int) throws(FileError) -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else { throw failure("a string is not UTF-8") }
    return text
  }

  mutating func line() throws(FileError) -> String {
    let start = at
    while try byte() != 0x0A { guard at - start < 4096 else { throw failure("a line without an end") } }
    return String(decoding: bytes[start..<(at - 1)], as: UTF8.self)
  }

  // MARK: Stack

  mutating func pop() throws(FileError) -> Value {
    guard let value = stack.popLast() else { throw failure("the pickle's stack is empty") }
    if case .mark = value { throw failure("a mark where a value should be") }
    return value
  }

  mutating func popToMark() throws(FileError) -> [Value] {
    guard let mark = marks.popLast(), mark < stack.count else { throw failure("a mark is missing") }
    let items = Array(stack[(mark + 1)...])
    stack.removeSubrange(mark...)
    return items
  }

  mutating func push(_ kind: Kind, _ items: [Value] = []) {
    arena.append(Object(kind: kind, items: items))
    stack.append(.object(arena.count - 1))
  }

  func top() throws(FileError) -> Int {
    guard case .object(let index)? = stack.last else { throw failure("a container should be on the stack") }
    return index
  }

  // MARK: The machine

  /// Runs one pickle up to its STOP and returns what it leaves.
  mutating func run() throws(FileError) -> Value {
    while true {
      let opcode = try byte()
      switch opcode {
      case UInt8(ascii: "."): return try pop()
      case 0x80:
        let version = try byte()
        guard (0...2).contains(version) else { throw failure("pickle protocol \(version); 2 is supported") }
      case UInt8(ascii: "N"): stack.append(.none)
      case 0x88: stack.append(.bool(true))
      case 0x89: stack.append(.bool(false))
      case UInt8(ascii: "K"): stack.append(.int(Int(try byte())))
      case UInt8(ascii: "M"): stack.append(.int(Int(try number(UInt16.self))))
      case UInt8(ascii: "J"): stack.append(.int(Int(try number(Int32.self))))
      case 0x8A: try long(Int(try byte()))
      case 0x8B: try long(Int(try number(Int32.self)))
      case UInt8(ascii: "I"):
        let text = try line()
        if text == "00" || text == "01" {
          stack.append(.bool(text == "01"))
        } else {
          guard let value = Int(text) else { throw failure("not an integer: \(text.prefix(40))") }
          stack.append(.int(value))
        }
      case UInt8(ascii: "L"):
        let text = try line()
        guard let value = Int(text.hasSuffix("L") ? String(text.dropLast()) : text) else {
          throw failure("not an integer: \(text.prefix(40))")
        }
        stack.append(.int(value))
      case UInt8(ascii: "F"):
        let text = try line()
        guard let value = Double(text) else { throw failure("not a number: \(text.prefix(40))") }
        stack.append(.float(value))
      case UInt8(ascii: "G"): stack.append(.float(Double(bitPattern: try number(UInt64.self).byteSwapped)))
      case UInt8(ascii: "X"): stack.append(.string(try text(Int(try number(UInt32.self)))))
      case UInt8(ascii: "U"): stack.append(.bytes(try take(Int(try byte()))))
      case UInt8(ascii: "T"): stack.append(.bytes(try take(Int(try number(Int32.self)))))
      case UInt8(ascii: "("):
        marks.append(stack.count)
        stack.append(.mark)
      case UInt8(ascii: "0"): _ = try pop()
      case UInt8(ascii: "1"): _ = try popToMark()
      case UInt8(ascii: "2"):
        let value = try pop()
        stack += [value, value]
      case UInt8(ascii: ")"): push(.tuple)
      case UInt8(ascii: "t"): push(.tuple, try popToMark())
      case 0x85: push(.tuple, [try pop()])
      case 0x86:
        let b = try pop()
        push(.tuple, [try pop(), b])
      case 0x87:
        let c = try pop()
        let b = try pop()
        push(.tuple, [try pop(), b, c])
      case UInt8(ascii: "]"): push(.list)
      case UInt8(ascii: "l"): push(.list, try popToMark())
      case UInt8(ascii: "}"): push(.dict)
      case UInt8(ascii: "d"):
        let items = try popToMark()
        guard items.count % 2 == 0 else { throw failure("a key without a value") }
        push(.dict, items)
      case 0x8F: push(.set)
      case 0x90:
        let items = try popToMark()
        arena[try top()].items += items
      case UInt8(ascii: "a"): try append([try pop()])
      case UInt8(ascii: "e"): try append(try popToMark())
      case UInt8(ascii: "s"):
        let value = try pop()
        try setItems([try pop(), value])
      case UInt8(ascii: "u"): try setItems(try popToMark())
      case UInt8(ascii: "q"): memo[Int(try byte())] = try memoized()
      case UInt8(ascii: "r"): memo[Int(try number(UInt32.self))] = try memoized()
      case UInt8(ascii: "p"):
        guard let key = Int(try line()) else { throw failure("not a memo index") }
        memo[key] = try memoized()
      case UInt8(ascii: "h"): try recall(Int(try byte()))
      case UInt8(ascii: "j"): try recall(Int(try number(UInt32.self)))
      case UInt8(ascii: "g"):
        guard let key = Int(try line()) else { throw failure("not a memo index") }
        try recall(key)
      case UInt8(ascii: "c"):
        let module = try line()
        let name = try line()
        stack.append(.global(try resolve(module, name)))
      case UInt8(ascii: "R"):
        let arguments = try tuple(try pop())
        guard case .global(let name) = try pop() else { throw failure("a call of something that is no known name") }
        stack.append(try call(name, arguments))
      case 0x81:
        let arguments = try tuple(try pop())
        guard case .global(let name) = try pop() else { throw failure("a call of something that is no known name") }
        stack.append(try call(name, arguments))
      case UInt8(ascii: "b"): try build(try pop())
      case UInt8(ascii: "Q"): stack.append(try persistent(try tuple(try pop())))
      default:
        throw failure("pickle opcode 0x\(String(opcode, radix: 16)) is not supported")
      }
    }
  }

  private func memoized() throws(FileError) -> Value {
    guard let value = stack.last else { throw failure("the pickle's stack is empty") }
    if case .mark = value { throw failure("a mark where a value should be") }
    return value
  }

  private mutating func recall(_ key: Int) throws(FileError) {
    guard let value = memo[key] else { throw failure("memo \(key) was never set") }
    stack.append(value)
  }

  private mutating func long(_ count: Int) throws(FileError) {
    let source = try take(count)
    if count > 8 {
      arena.append(Object(kind: .owned(Array(source))))
      let index = arena.count - 1
      arena.append(Object(kind: .bigInt, items: [.object(index)]))
      stack.append(.object(arena.count - 1))
      return
    }
    var value: UInt64 = source.last.map { $0 >= 0x80 } ?? false ? .max : 0
    for byte in source.reversed() { value = value << 8 | UInt64(byte) }
    stack.append(.int(Int(Int64(bitPattern: value))))
  }

  private mutating func append(_ items: [Value]) throws(FileError) {
    let index = try top()
    guard case .list = arena[index].kind else { throw failure("items are appended to something that is no list") }
    arena[index].items += items
  }

  private mutating func setItems(_ items: [Value]) throws(FileError) {
    let index = try top()
    guard items.count % 2 == 0 else { throw failure("a key without a value") }
    switch arena[index].kind {
    case .dict, .orderedDict: arena[index].items += items
    default: throw failure("items are set on something that is no dictionary")
    }
  }

  func tuple(_ value: Value) throws(FileError) -> [Value] {
    guard case .object(let index) = value, case .tuple = arena[index].kind else {
      throw failure("a tuple should be here")
    }
    return arena[index].items
  }

  mutating func note(_ storage: StorageReference) throws(FileError) {
    if let earlier = storages[storage.key], earlier.byteCount != storage.byteCount {
      throw failure("storage \(storage.key) has two sizes")
    }
    storages[storage.key] = storage
  }
}
