/// The upper half of a Float: 8 bits of exponent, 7 of fraction. SeeAlso: torch.bfloat16
public struct BFloat16: Sendable, BitwiseCopyable, Hashable {
  public var bitPattern: UInt16

  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// Rounds to nearest, ties to even.
  public init(_ value: Float) {
    let bits = value.bitPattern
    bitPattern = value.isNaN ? 0x7FC0 : UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }

  public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }
}

/// A complex number as it lies in memory: real part, imaginary part.
public struct Complex<Real: BinaryFloatingPoint & Sendable & BitwiseCopyable>: Sendable, BitwiseCopyable, Hashable {
  public var real: Real
  public var imaginary: Real

  public init(_ real: Real, _ imaginary: Real = 0) {
    self.real = real
    self.imaginary = imaginary
  }
}

/// A number without a tensor: what a Swift literal or PyTorch's Python scalar is.
///
/// In type promotion only its category counts, as in PyTorch.
public enum Scalar: Sendable, Hashable {
  case bool(Bool)
  case int(Int)
  case float(Double)
  case complex(Double, Double)

  public var category: DType.Category {
    switch self {
    case .bool: .bool
    case .int: .integer
    case .float: .floating
    case .complex: .complex
    }
  }

  /// The real part.
  public var double: Double {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): Double(value)
    case .float(let value): value
    case .complex(let real, _): real
    }
  }

  public var imaginary: Double { if case .complex(_, let imaginary) = self { imaginary } else { 0 } }

  /// Truncates towards zero; saturates (NaN gives the smallest number, as the x86 conversion does).
  public var int: Int {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    case .float(let value), .complex(let value, _):
      Int(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : .min)
    }
  }

  public var bool: Bool {
    switch self {
    case .bool(let value): value
    case .int(let value): value != 0
    case .float(let value): value != 0
    case .complex(let real, let imaginary): real != 0 || imaginary != 0
    }
  }
}

extension Scalar: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral {
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .float(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}
