extension GeneratorState {
  /// Stores `next()` for every element, converted as C++ converts a double.
  @inline(__always)
  mutating func fill(
    _ out: UnsafeMutableRawPointer, _ count: Int, _ dtype: DType, _ next: (inout GeneratorState) -> Double
  ) {
    @inline(__always)
    func each<T>(_ type: T.Type, _ convert: (Double) -> T) {
      let p = out.assumingMemoryBound(to: T.self)
      for i in 0..<count { p[i] = convert(next(&self)) }
    }
    switch dtype {
    case .float32: each(Float.self) { Float($0) }
    case .float64: each(Double.self) { $0 }
    case .float16: each(Float16.self) { Float16(Float($0)) }
    case .bfloat16: each(BFloat16.self) { BFloat16(Float($0)) }
    case .bool: each(Bool.self) { $0 != 0 }
    case .uint8: each(UInt8.self) { UInt8(truncatingIfNeeded: Self.truncate($0)) }
    case .int8: each(Int8.self) { Int8(truncatingIfNeeded: Self.truncate($0)) }
    case .int16: each(Int16.self) { Int16(truncatingIfNeeded: Self.truncate($0)) }
    case .int32: each(Int32.self) { Int32(truncatingIfNeeded: Self.truncate($0)) }
    case .int64: each(Int64.self) { Self.truncate($0) }
    case .uint16: each(UInt16.self) { UInt16(truncatingIfNeeded: Self.truncate($0)) }
    case .uint32: each(UInt32.self) { UInt32(truncatingIfNeeded: Self.truncate($0)) }
    case .uint64: each(UInt64.self) { UInt64(bitPattern: Self.truncate($0)) }
    case .float8E4M3FN: each(Float8E4M3FN.self) { Float8E4M3FN(Float($0)) }
    case .float8E5M2: each(Float8E5M2.self) { Float8E5M2(Float($0)) }
    case .complex32, .complex64, .complex128: preconditionFailure("complex numbers are drawn as their parts")
    }
  }

  /// Stores `next()` for every element, converted as C++ converts an int64.
  @inline(__always)
  mutating func fillInts(
    _ out: UnsafeMutableRawPointer, _ count: Int, _ dtype: DType, _ next: (inout GeneratorState) -> Int64
  ) {
    @inline(__always)
    func each<T>(_ type: T.Type, _ convert: (Int64) -> T) {
      let p = out.assumingMemoryBound(to: T.self)
      for i in 0..<count { p[i] = convert(next(&self)) }
    }
    switch dtype {
    case .float32: each(Float.self) { Float($0) }
    case .float64: each(Double.self) { Double($0) }
    case .float16: each(Float16.self) { Float16(Float($0)) }
    case .bfloat16: each(BFloat16.self) { BFloat16(Float($0)) }
    case .bool: each(Bool.self) { $0 != 0 }
    case .uint8: each(UInt8.self) { UInt8(truncatingIfNeeded: $0) }
    case .int8: each(Int8.self) { Int8(truncatingIfNeeded: $0) }
    case .int16: each(Int16.self) { Int16(truncatingIfNeeded: $0) }
    case .int32: each(Int32.self) { Int32(truncatingIfNeeded: $0) }
    case .int64: each(Int64.self) { $0 }
    case .uint16: each(UInt16.self) { UInt16(truncatingIfNeeded: $0) }
    case .uint32: each(UInt32.self) { UInt32(truncatingIfNeeded: $0) }
    case .uint64: each(UInt64.self) { UInt64(bitPattern: $0) }
    case .float8E4M3FN: each(Float8E4M3FN.self) { Float8E4M3FN(Float($0)) }
    case .float8E5M2: each(Float8E5M2.self) { Float8E5M2(Float($0)) }
    case .complex32, .complex64, .complex128: preconditionFailure("complex numbers are drawn as their parts")
    }
  }

  /// The x86 conversion: what does not fit gives the smallest number.
  @inline(__always)
  private static func truncate(_ value: Double) -> Int64 {
    value > -0x1p63 && value < 0x1p63 ? Int64(value) : .min
  }
}

/// The element at `index` of a real buffer.
@inline(__always)
func loadDouble(_ data: UnsafeRawPointer, _ index: Int, _ dtype: DType) -> Double {
  switch dtype {
  case .float32: Double(data.assumingMemoryBound(to: Float.self)[index])
  case .float64: data.assumingMemoryBound(to: Double.self)[index]
  case .float16: Double(data.assumingMemoryBound(to: Float16.self)[index])
  case .bfloat16: Double(data.assumingMemoryBound(to: BFloat16.self)[index].float)
  case .bool, .uint8: Double(data.assumingMemoryBound(to: UInt8.self)[index])
  case .int8: Double(data.assumingMemoryBound(to: Int8.self)[index])
  case .int16: Double(data.assumingMemoryBound(to: Int16.self)[index])
  case .int32: Double(data.assumingMemoryBound(to: Int32.self)[index])
  case .int64: Double(data.assumingMemoryBound(to: Int64.self)[index])
  case .uint16: Double(data.assumingMemoryBound(to: UInt16.self)[index])
  case .uint32: Double(data.assumingMemoryBound(to: UInt32.self)[index])
  case .uint64: Double(data.assumingMemoryBound(to: UInt64.self)[index])
  case .float8E4M3FN: Double(data.assumingMemoryBound(to: Float8E4M3FN.self)[index].float)
  case .float8E5M2: Double(data.assumingMemoryBound(to: Float8E5M2.self)[index].float)
  case .complex32, .complex64, .complex128: preconditionFailure("a real type is needed")
  }
}
