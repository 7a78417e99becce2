import Flameback
import FlamebackKernels

/// Elements on the host, for comparisons: integers exactly, everything else as doubles.
struct HostArray {
  var dtype: String
  var shape: [Int]
  /// Of integers and bools.
  var ints: [Int] = []
  /// Of floating point and complex numbers.
  var real: [Double] = []
  var imaginary: [Double] = []

  var isComplex: Bool { dtype.hasPrefix("complex") }
  var isFloating: Bool { dtype.hasPrefix("float") || dtype == "bfloat16" }
  var isInteger: Bool { !isComplex && !isFloating }
  var count: Int { shape.reduce(1, *) }

  init(dtype: String, shape: [Int], bytes: UnsafeRawBufferPointer) throws {
    guard let type = DType(name: dtype) else { throw CallError("dtype \(dtype) does not exist") }
    self.dtype = dtype
    self.shape = shape
    let count = shape.reduce(1, *)
    func load<T: BitwiseCopyable>(_ type: T.Type) -> [T] {
      (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.stride, as: T.self) }
    }
    switch type {
    case .bool: ints = load(UInt8.self).map { $0 == 0 ? 0 : 1 }
    case .uint8: ints = load(UInt8.self).map(Int.init)
    case .int8: ints = load(Int8.self).map(Int.init)
    case .int16: ints = load(Int16.self).map(Int.init)
    case .uint16: ints = load(UInt16.self).map(Int.init)
    case .int32: ints = load(Int32.self).map(Int.init)
    case .uint32: ints = load(UInt32.self).map(Int.init)
    case .int64: ints = load(Int.self)
    case .uint64: ints = load(UInt64.self).map { Int(bitPattern: UInt($0)) }
    case .float16: real = load(UInt16.self).map { Double(Float16(bitPattern: $0)) }
    case .bfloat16: real = load(UInt16.self).map { Double(BFloat16(bitPattern: $0).float) }
    case .float32: real = load(Float.self).map(Double.init)
    case .float64: real = load(Double.self)
    case .complex64:
      real = load(SIMD2<Float>.self).map { Double($0.x) }
      imaginary = load(SIMD2<Float>.self).map { Double($0.y) }
    case .complex128:
      real = load(SIMD2<Double>.self).map(\.x)
      imaginary = load(SIMD2<Double>.self).map(\.y)
    case .complex32:
      real = load(SIMD2<Float16>.self).map { Double($0.x) }
      imaginary = load(SIMD2<Float16>.self).map { Double($0.y) }
    case .float8E4M3FN: real = load(UInt8.self).map { Double(Float8E4M3FN(bitPattern: $0).float) }
    case .float8E5M2: real = load(UInt8.self).map { Double(Float8E5M2(bitPattern: $0).float) }
    }
  }

  init(_ tensor: Tensor) throws {
    self = try tensor.withHostBytes { try HostArray(dtype: tensor.dtype.name, shape: tensor.shape.array, bytes: $0) }
  }

  private init(like other: HostArray, shape: [Int], indices: [Int]) {
    dtype = other.dtype
    self.shape = shape
    if other.isInteger { ints = indices.map { other.ints[$0] } } else { real = indices.map { other.real[$0] } }
    if other.isComplex { imaginary = indices.map { other.imaginary[$0] } }
  }

  /// The elements at flat positions.
  func gathered(_ indices: [Int], shape: [Int]) -> HostArray { HostArray(like: self, shape: shape, indices: indices) }

  /// The first `length` slices along `dim`.
  func narrowed(_ dim: Int, _ length: Int) -> HostArray {
    let dim = dim < 0 ? dim + shape.count : dim
    let inner = shape[(dim + 1)...].reduce(1, *)
    let outer = shape[..<dim].reduce(1, *)
    var indices: [Int] = []
    for o in 0..<outer {
      for k in 0..<min(length, shape[dim]) {
        for i in 0..<inner { indices.append((o * shape[dim] + k) * inner + i) }
      }
    }
    var shape = shape
    shape[dim] = min(length, shape[dim])
    return gathered(indices, shape: shape)
  }

  /// `|self[i] - other[j]| <= atol + rtol * |other[j]|`; NaN matches NaN, infinities must be equal.
  func matches(_ i: Int, _ other: HostArray, _ j: Int, rtol: Double, atol: Double) -> Bool {
    if isInteger && other.isInteger {
      if ints[i] == other.ints[j] { return true }
      let (difference, overflow) = ints[i].subtractingReportingOverflow(other.ints[j])
      return !overflow && Double(difference.magnitude) <= atol + rtol * Double(other.ints[j].magnitude)
    }
    let a = real[i]
    let b = other.real[j]
    guard isComplex else {
      return a == b || (a.isNaN && b.isNaN) || (b.isFinite && a.isFinite && abs(a - b) <= atol + rtol * abs(b))
    }
    let (x, y) = (imaginary[i], other.imaginary[j])
    func same(_ a: Double, _ b: Double) -> Bool { a == b || (a.isNaN && b.isNaN) }
    if same(a, b) && same(x, y) { return true }
    if (a.isNaN || x.isNaN) && (b.isNaN || y.isNaN) { return true }
    if !(b.isFinite && y.isFinite) { return !(a.isFinite && x.isFinite) && same(a, b) && same(x, y) }
    let dr = a - b
    let di = x - y
    return (dr * dr + di * di).squareRoot() <= atol + rtol * (b * b + y * y).squareRoot()
  }

  func text(_ i: Int) -> String {
    if isInteger { return dtype == "bool" ? (ints[i] != 0 ? "true" : "false") : String(ints[i]) }
    return isComplex ? "\(real[i])+\(imaginary[i])i" : String(real[i])
  }

  /// A tensor of these elements, with the dtype and the device of `other`.
  func tensor(like other: Tensor) -> Tensor {
    let shape = Shape(shape)
    if isComplex {
      let values = zip(real, imaginary).map { Complex($0, $1) }
      return Tensor(values, shape: shape, dtype: other.dtype, device: other.device)
    }
    if isInteger { return Tensor(ints, shape: shape, dtype: other.dtype, device: other.device) }
    return Tensor(real, shape: shape, dtype: other.dtype, device: other.device)
  }
}
