import FlamebackKernels

/// The element types that files know, among them some for which there is no `DType`.
public enum StoredType: String, Sendable, CaseIterable {
  case bool, uint8, int8, int16, int32, int64
  case float16, bfloat16, float32, float64
  case complex64, complex128
  case uint16, uint32, uint64
  case float8E4M3FN = "float8_e4m3fn"
  case float8E5M2 = "float8_e5m2"
  case float8E4M3FNUZ = "float8_e4m3fnuz"
  case float8E5M2FNUZ = "float8_e5m2fnuz"
  case float8E8M0FNU = "float8_e8m0fnu"
  case complex32

  /// The stored type of the same elements.
  public init(_ dtype: DType) {
    self =
      switch dtype {
      case .bool: .bool
      case .uint8: .uint8
      case .int8: .int8
      case .int16: .int16
      case .int32: .int32
      case .int64: .int64
      case .float16: .float16
      case .bfloat16: .bfloat16
      case .float32: .float32
      case .float64: .float64
      case .complex64: .complex64
      case .complex128: .complex128
      case .uint16: .uint16
      case .uint32: .uint32
      case .uint64: .uint64
      case .float8E4M3FN: .float8E4M3FN
      case .float8E5M2: .float8E5M2
      case .complex32: .complex32
      }
  }

  /// The dtype of the same elements; nil where there is none.
  public var dtype: DType? { DType(name: rawValue) }

  /// Bytes of one element.
  public var byteSize: Int {
    switch self {
    case .bool, .uint8, .int8, .float8E4M3FN, .float8E5M2, .float8E4M3FNUZ, .float8E5M2FNUZ, .float8E8M0FNU: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32, .complex32: 4
    case .int64, .uint64, .float64, .complex64: 8
    case .complex128: 16
    }
  }

  /// Bytes of one number: what changes order between machines of other endianness.
  var partSize: Int {
    switch self {
    case .complex32, .complex64, .complex128: byteSize / 2
    case .bool, .uint8, .int8, .float8E4M3FN, .float8E5M2, .float8E4M3FNUZ, .float8E5M2FNUZ, .float8E8M0FNU, .int16,
      .uint16, .float16, .bfloat16, .int32, .uint32, .float32, .int64, .uint64, .float64:
      byteSize
    }
  }
}

/// The bytes behind one or more tensors. Tensors that share memory share this object.
public final class RawStorage: @unchecked Sendable {
  // Unchecked: the bytes are not written while this object lives; `owner` keeps them alive.
  /// Valid only while this object is held: bind it to a name first.
  public let bytes: UnsafeRawBufferPointer
  private let owner: AnyObject?
  private let checksum: StorageChecksum?

  /// `bytes` that `owner` keeps alive.
  public convenience init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject?) {
    self.init(bytes, owner: owner, checksum: nil)
  }

  init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject?, checksum: StorageChecksum?) {
    self.bytes = bytes
    self.owner = owner
    self.checksum = checksum
  }

  /// The CRC-32 that the file has noted for its bytes; nil where the format has none.
  public var crc32: UInt32? { checksum?.expected }

  /// Throws if the bytes are not those that the file's checksum was made of. They are read once, later calls are free.
  public func verify() throws(FileError) { try RawStorage.verify([self]) }

  /// The same for several storages, on all cores.
  public static func verify(_ storages: [RawStorage]) throws(FileError) {
    try StorageChecksum.verify(storages.compactMap(\.checksum))
  }

  /// A part of the storage's bytes under the whole one's checksum.
  func part(_ range: Range<Int>) -> RawStorage {
    RawStorage(UnsafeRawBufferPointer(rebasing: bytes[range]), owner: owner ?? self, checksum: checksum)
  }

  /// A copy of `bytes`.
  public convenience init(copying bytes: some Collection<UInt8>) {
    let memory = FileBytes(bytes)
    self.init(memory.bytes, owner: memory)
  }

  /// A copy of the bytes.
  public var array: [UInt8] { withExtendedLifetime(self) { Array(bytes) } }

  /// All bytes of a file or block.
  public convenience init(_ memory: FileBytes) { self.init(memory.bytes, owner: memory) }
}

/// A tensor as files know it: a view of a storage. `offset` and `strides` count elements.
public struct RawTensor: Sendable {
  public var type: StoredType
  public var shape: Shape
  public var strides: Shape
  public var offset: Int
  public var storage: RawStorage
  public var requiresGrad: Bool

  public init(
    type: StoredType, shape: Shape, strides: Shape? = nil, offset: Int = 0, storage: RawStorage,
    requiresGrad: Bool = false
  ) {
    self.type = type
    self.shape = shape
    self.strides = strides ?? shape.contiguousStrides
    self.offset = offset
    self.storage = storage
    self.requiresGrad = requiresGrad
  }

  /// The dtype; nil for a stored type without one.
  public var dtype: DType? { type.dtype }
  public var layout: Layout { Layout(shape: shape, strides: strides, offset: offset) }
  public var isContiguous: Bool { layout.isContiguous }
  public var elementCount: Int { shape.elementCount }
  public var byteCount: Int { elementCount * type.byteSize }

  /// Calls `body` with the elements in row-major order; a copy is made only if they do not lie so.
  public func withContiguousBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    if isContiguous {
      let start = elementCount == 0 ? 0 : offset * type.byteSize
      return try body(UnsafeRawBufferPointer(rebasing: storage.bytes[start..<(start + byteCount)]))
    }
    let copy = contiguousCopy()
    defer { withExtendedLifetime(copy) {} }
    return try body(copy.bytes)
  }

  /// The elements in row-major order.
  public var bytes: [UInt8] { withContiguousBytes { Array($0) } }

  private func contiguousCopy() -> FileBytes {
    FileBytes(count: byteCount, path: "") { out in
      let size = type.byteSize
      var index = [Int](repeating: 0, count: shape.count)
      var source = offset
      for element in 0..<elementCount {
        let from = storage.bytes.baseAddress! + source * size
        (out.baseAddress! + element * size).copyMemory(from: from, byteCount: size)
        var d = shape.count - 1
        while d >= 0 {
          index[d] += 1
          source += strides[d]
          if index[d] < shape[d] { break }
          source -= strides[d] * shape[d]
          index[d] = 0
          d -= 1
        }
      }
    }
  }

  /// What is wrong with the sizes, or nil: every element must lie inside the storage.
  func problem() -> String? {
    guard shape.count == strides.count else { return "\(shape.count) sizes but \(strides.count) strides" }
    guard shape.allSatisfy({ $0 >= 0 }) else { return "a negative size: \(shape)" }
    guard strides.allSatisfy({ $0 >= 0 }) else { return "a negative stride: \(strides)" }
    guard offset >= 0 else { return "a negative offset: \(offset)" }
    guard let count = shape.checkedElementCount, !count.multipliedReportingOverflow(by: type.byteSize).overflow else {
      return "more elements than memory can have: \(shape)"
    }
    if count == 0 { return nil }
    var last = offset
    for i in 0..<shape.count {
      let (reach, over) = (shape[i] - 1).multipliedReportingOverflow(by: strides[i])
      let (sum, carry) = last.addingReportingOverflow(reach)
      if over || carry { return "strides beyond memory: \(strides)" }
      last = sum
    }
    guard last < storage.bytes.count / type.byteSize else {
      return "shape \(shape) and strides \(strides) from \(offset) reach beyond the storage of "
        + "\(storage.bytes.count / type.byteSize) elements"
    }
    return nil
  }
}

extension RawTensor {
  /// Writes the elements in row-major order to `out`, which has room for `byteCount` bytes. Bools become 0 or 1,
  /// whatever bytes the file has, because nothing else is a `Bool`.
  public func copyElements(to out: UnsafeMutableRawPointer) {
    withContiguousBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      if type == .bool {
        for i in 0..<bytes.count { out.storeBytes(of: bytes[i] == 0 ? 0 : 1, toByteOffset: i, as: UInt8.self) }
      } else {
        out.copyMemory(from: start, byteCount: bytes.count)
      }
    }
  }
}
