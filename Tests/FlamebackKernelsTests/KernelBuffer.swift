import CKernels
import FlamebackKernels
import Foundation

/// Memory of one dtype, read and written as Double: what the kernels' tests pass through the C doors.
final class KernelBuffer {
  let dtype: DType
  let count: Int
  let data: UnsafeMutableRawPointer

  init(_ dtype: DType, count: Int) {
    self.dtype = dtype
    self.count = count
    data = .allocate(byteCount: max(1, count * dtype.byteSize), alignment: 64)
    memset(data, 0xA5, count * dtype.byteSize)
  }

  convenience init(_ dtype: DType, _ values: [Double]) {
    self.init(dtype, count: values.count)
    for (i, value) in values.enumerated() { self[i] = value }
  }

  deinit { data.deallocate() }

  /// The real part of complex elements; writing clears the imaginary part. Integers are truncated on writing.
  subscript(i: Int) -> Double {
    get {
      switch dtype {
      case .bool: at(i, UInt8.self).pointee == 0 ? 0 : 1
      case .uint8: Double(at(i, UInt8.self).pointee)
      case .int8: Double(at(i, Int8.self).pointee)
      case .int16: Double(at(i, Int16.self).pointee)
      case .int32: Double(at(i, Int32.self).pointee)
      case .int64: Double(at(i, Int64.self).pointee)
      case .uint16: Double(at(i, UInt16.self).pointee)
      case .uint32: Double(at(i, UInt32.self).pointee)
      case .uint64: Double(at(i, UInt64.self).pointee)
      case .float8E4M3FN: Double(at(i, Float8E4M3FN.self).pointee.float)
      case .float8E5M2: Double(at(i, Float8E5M2.self).pointee.float)
      case .complex32: Double(at(i, Complex<Float16>.self).pointee.real)
      case .float16: Double(at(i, Float16.self).pointee)
      case .bfloat16: Double(at(i, BFloat16.self).pointee.float)
      case .float32: Double(at(i, Float.self).pointee)
      case .float64: at(i, Double.self).pointee
      case .complex64: Double(at(i, Complex<Float>.self).pointee.real)
      case .complex128: at(i, Complex<Double>.self).pointee.real
      }
    }
    set {
      switch dtype {
      case .bool: at(i, UInt8.self).pointee = newValue != 0 ? 1 : 0
      case .uint8: at(i, UInt8.self).pointee = UInt8(truncatingIfNeeded: Int(newValue))
      case .int8: at(i, Int8.self).pointee = Int8(truncatingIfNeeded: Int(newValue))
      case .int16: at(i, Int16.self).pointee = Int16(truncatingIfNeeded: Int(newValue))
      case .int32: at(i, Int32.self).pointee = Int32(truncatingIfNeeded: Int(newValue))
      case .int64: at(i, Int64.self).pointee = Int64(newValue)
      case .uint16: at(i, UInt16.self).pointee = UInt16(truncatingIfNeeded: Int(newValue))
      case .uint32: at(i, UInt32.self).pointee = UInt32(truncatingIfNeeded: Int(newValue))
      case .uint64: at(i, UInt64.self).pointee = newValue < 0 ? UInt64(bitPattern: Int64(newValue)) : UInt64(newValue)
      case .float8E4M3FN: at(i, Float8E4M3FN.self).pointee = Float8E4M3FN(Float(newValue))
      case .float8E5M2: at(i, Float8E5M2.self).pointee = Float8E5M2(Float(newValue))
      case .complex32: at(i, Complex<Float16>.self).pointee = Complex(Float16(Float(newValue)))
      case .float16: at(i, Float16.self).pointee = Float16(Float(newValue))
      case .bfloat16: at(i, BFloat16.self).pointee = BFloat16(Float(newValue))
      case .float32: at(i, Float.self).pointee = Float(newValue)
      case .float64: at(i, Double.self).pointee = newValue
      case .complex64: at(i, Complex<Float>.self).pointee = Complex(Float(newValue))
      case .complex128: at(i, Complex<Double>.self).pointee = Complex(newValue)
      }
    }
  }

  var values: [Double] { (0..<count).map { self[$0] } }

  func at<T>(_ i: Int, _ type: T.Type) -> UnsafeMutablePointer<T> {
    data.assumingMemoryBound(to: T.self) + i
  }
}

/// The difference in units of the last place of `dtype`; 0 for equal numbers, equal infinities and two NaN.
func ulps(_ got: Double, _ want: Double, _ dtype: DType) -> Double {
  if got == want || (got.isNaN && want.isNaN) { return 0 }
  let (epsilon, smallest): (Double, Double) =
    switch dtype {
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64: (0x1p-52, 0x1p-1022)
    case .float8E4M3FN, .float8E5M2, .float16, .bfloat16, .float32, .float64, .complex32, .complex64, .complex128:
      (dtype.floatLimits!.epsilon, dtype.floatLimits!.tiny)
    }
  let distance = abs(got - want) / (max(abs(want), smallest) * epsilon)
  return distance.isNaN ? .infinity : distance
}

/// Reproducible numbers without a generator's ceremony.
struct KernelDraws {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  /// In -1..<1.
  mutating func unit() -> Double { Double(Int64(bitPattern: next()) >> 11) * 0x1p-52 }
  mutating func below(_ n: Int) -> Int { Int(next() >> 33) % n }
  mutating func list(_ count: Int, scale: Double = 1) -> [Double] { (0..<count).map { _ in unit() * scale } }
}
