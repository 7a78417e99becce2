/// The numbers that a floating point type is made of. SeeAlso: torch.finfo
public struct FloatLimits: Sendable {
  /// The distance from 1 to the next number.
  public let epsilon: Double
  /// The smallest positive number with a full significand.
  public let tiny: Double
  /// The greatest finite number.
  public let greatest: Double
  /// Bits of the significand, the hidden one included.
  public let significandBits: Int
}

extension DType {
  /// The limits of a floating point type, or of a complex one's parts; nil for bool and integers. SeeAlso: torch.finfo
  public var floatLimits: FloatLimits? {
    switch self {
    case .float8E4M3FN: FloatLimits(epsilon: 0x1p-3, tiny: 0x1p-6, greatest: 448, significandBits: 4)
    case .float8E5M2: FloatLimits(epsilon: 0x1p-2, tiny: 0x1p-14, greatest: 57344, significandBits: 3)
    case .float16, .complex32: FloatLimits(epsilon: 0x1p-10, tiny: 0x1p-14, greatest: 65504, significandBits: 11)
    case .bfloat16: FloatLimits(epsilon: 0x1p-7, tiny: 0x1p-126, greatest: 0x1.FEp127, significandBits: 8)
    case .float32, .complex64:
      FloatLimits(
        epsilon: 0x1p-23, tiny: 0x1p-126, greatest: Double(Float.greatestFiniteMagnitude), significandBits: 24)
    case .float64, .complex128:
      FloatLimits(epsilon: 0x1p-52, tiny: 0x1p-1022, greatest: .greatestFiniteMagnitude, significandBits: 53)
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64: nil
    }
  }

  /// The least and the greatest value of bool or an integer type; nil for others. SeeAlso: torch.iinfo
  public var integerLimits: (least: Int, greatest: UInt)? {
    switch self {
    case .bool: (0, 1)
    case .uint8: (0, UInt(UInt8.max))
    case .uint16: (0, UInt(UInt16.max))
    case .uint32: (0, UInt(UInt32.max))
    case .uint64: (0, .max)
    case .int8: (Int(Int8.min), UInt(Int8.max))
    case .int16: (Int(Int16.min), UInt(Int16.max))
    case .int32: (Int(Int32.min), UInt(Int32.max))
    case .int64: (Int.min, UInt(Int.max))
    case .float8E4M3FN, .float8E5M2, .float16, .bfloat16, .float32, .float64, .complex32, .complex64, .complex128: nil
    }
  }

  /// A value rounded to this floating point type, by way of float32 where that is wider; itself for other types.
  package func rounded(_ value: Double) -> Double {
    switch self {
    case .float8E4M3FN: Double(Float8E4M3FN(Float(value)).float)
    case .float8E5M2: Double(Float8E5M2(Float(value)).float)
    case .float16, .complex32: Double(Float16(Float(value)))
    case .bfloat16: Double(BFloat16(Float(value)).float)
    case .float32, .complex64: Double(Float(value))
    case .float64, .complex128, .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64: value
    }
  }
}
