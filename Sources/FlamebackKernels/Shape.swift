/// Sizes (or strides) of a tensor's dimensions. Up to six lie inline, so that small tensors cost no allocation.
public struct Shape: Sendable {
  @usableFromInline static let inlineCapacity = 6
  @usableFromInline var inline: (Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0)
  @usableFromInline var overflow: [Int]?
  public let count: Int

  @inlinable
  public init(repeating value: Int, count: Int) {
    self.count = count
    if count > Shape.inlineCapacity {
      overflow = Array(repeating: value, count: count)
    } else {
      inline = (value, value, value, value, value, value)
    }
  }

  @inlinable public init() { count = 0 }

  @inlinable
  public init(_ values: some Collection<Int>) {
    count = values.count
    if count > Shape.inlineCapacity {
      overflow = Array(values)
    } else {
      var i = 0
      for value in values {
        self[i] = value
        i += 1
      }
    }
  }

  /// The product of the sizes; nil for a negative size, and where the product overflows or would without the zeros: then
  /// strides would too.
  public var checkedElementCount: Int? {
    var product = 1
    var isEmpty = false
    for size in self {
      if size < 0 { return nil }
      if size == 0 { isEmpty = true }
      let (next, overflow) = product.multipliedReportingOverflow(by: Swift.max(size, 1))
      if overflow { return nil }
      product = next
    }
    return isEmpty ? 0 : product
  }

  /// The product of the sizes, 1 for a scalar. SeeAlso: Tensor.numel
  @inlinable
  public var elementCount: Int {
    var product = 1
    for i in 0..<count { product &*= self[i] }
    return product
  }

  /// Row-major strides.
  public var contiguousStrides: Shape {
    var strides = Shape(repeating: 1, count: count)
    var stride = 1
    for i in (0..<count).reversed() {
      strides[i] = stride
      stride &*= Swift.max(self[i], 1)
    }
    return strides
  }

  public var array: [Int] { Array(self) }
}

extension Shape: RandomAccessCollection, MutableCollection {
  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { count }

  @inlinable
  public subscript(i: Int) -> Int {
    get {
      precondition(i >= 0 && i < count, "dimension out of range")
      if let overflow { return overflow[i] }
      return Swift.withUnsafePointer(to: inline) {
        UnsafeRawPointer($0).assumingMemoryBound(to: Int.self)[i]
      }
    }
    set {
      precondition(i >= 0 && i < count, "dimension out of range")
      if overflow != nil {
        overflow![i] = newValue
      } else {
        Swift.withUnsafeMutablePointer(to: &inline) {
          UnsafeMutableRawPointer($0).assumingMemoryBound(to: Int.self)[i] = newValue
        }
      }
    }
  }

  /// Calls `body` with the sizes side by side in memory.
  @inlinable
  public func withUnsafePointer<R>(_ body: (UnsafePointer<Int64>) -> R) -> R {
    if let overflow {
      return overflow.withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: Int64.self)) }
    }
    return Swift.withUnsafePointer(to: inline) { body(UnsafeRawPointer($0).assumingMemoryBound(to: Int64.self)) }
  }
}

extension Shape: Hashable {
  @inlinable
  public static func == (a: Shape, b: Shape) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where a[i] != b[i] { return false }
    return true
  }

  public static func == (a: Shape, b: [Int]) -> Bool { a.elementsEqual(b) }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for size in self { hasher.combine(size) }
  }
}

extension Shape: ExpressibleByArrayLiteral, CustomStringConvertible {
  public init(arrayLiteral elements: Int...) { self.init(elements) }
  public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}

extension Shape {
  public mutating func insert(_ value: Int, at i: Int) {
    var values = array
    values.insert(value, at: i)
    self = Shape(values)
  }

  public mutating func remove(at i: Int) {
    var values = array
    values.remove(at: i)
    self = Shape(values)
  }

  public mutating func append(_ value: Int) { insert(value, at: count) }

  public static func + (a: Shape, b: Shape) -> Shape { Shape(a.array + b.array) }
  public static func + (a: Shape, b: [Int]) -> Shape { Shape(a.array + b) }

  /// The shape to which both broadcast; nil if they do not fit. SeeAlso: torch.broadcast_shapes
  public static func broadcast(_ a: Shape, _ b: Shape) -> Shape? {
    if a == b { return a }
    let rank = Swift.max(a.count, b.count)
    var result = Shape(repeating: 1, count: rank)
    for i in 0..<rank {
      let x = i < rank - a.count ? 1 : a[i - (rank - a.count)]
      let y = i < rank - b.count ? 1 : b[i - (rank - b.count)]
      if x != y && x != 1 && y != 1 { return nil }
      result[i] = x == 1 ? y : x
    }
    return result
  }
}
