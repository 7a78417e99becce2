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

/// A float of 8 bits: 4 of exponent, 3 of fraction, no infinities, one NaN of each sign. SeeAlso: torch.float8_e4m3fn
public struct Float8E4M3FN: Sendable, BitwiseCopyable, Hashable {
  public var bitPattern: UInt8

  public init(bitPattern: UInt8) { self.bitPattern = bitPattern }

  /// Rounds to nearest, ties to even; what is beyond 448, infinities too, becomes 448.
  public init(_ value: Float) {
    let code = smallFloatCode(value, fractionBits: 3, leastExponent: -6)
    bitPattern = (value.isNaN ? 0x7F : UInt8(min(code, 0x7E))) | (value.sign == .minus ? 0x80 : 0)
  }

  /// The number as float32, which holds all of them.
  public var float: Float {
    bitPattern & 0x7F == 0x7F
      ? Float(signOf: bitPattern & 0x80 == 0 ? 1 : -1, magnitudeOf: .nan)
      : smallFloat(bitPattern, fractionBits: 3, leastExponent: -6)
  }
}

/// A float of 8 bits: 5 of exponent, 2 of fraction; the upper half of a Float16. SeeAlso: torch.float8_e5m2
public struct Float8E5M2: Sendable, BitwiseCopyable, Hashable {
  public var bitPattern: UInt8

  public init(bitPattern: UInt8) { self.bitPattern = bitPattern }

  /// Rounds to nearest, ties to even; what rounds beyond 57344 is infinite.
  public init(_ value: Float) {
    let code = smallFloatCode(value, fractionBits: 2, leastExponent: -14)
    bitPattern = (value.isNaN ? 0x7F : UInt8(min(code, 0x7C))) | (value.sign == .minus ? 0x80 : 0)
  }

  /// The number as float32, which holds all of them.
  public var float: Float { Float(Float16(bitPattern: UInt16(bitPattern) << 8)) }
}

/// The magnitude of `value` in an exponent field and `fractionBits` below it, rounded to nearest, ties to even: it counts
/// on beyond the greatest number that the type has. `leastExponent` is that of the smallest normal number.
private func smallFloatCode(_ value: Float, fractionBits: Int, leastExponent: Int) -> Int {
  guard value.isFinite else { return .max }
  if value == 0 { return 0 }
  let exponent = max(Int(value.magnitude.exponent), leastExponent)
  let unit = Double(sign: .plus, exponent: exponent - fractionBits, significand: 1)
  let units = (Double(value.magnitude) / unit).rounded(.toNearestOrEven)
  return (exponent - leastExponent) << fractionBits + Int(units)
}

/// The number of such a code, whose uppermost bit is the sign.
private func smallFloat(_ code: UInt8, fractionBits: Int, leastExponent: Int) -> Float {
  let field = Int(code & 0x7F) >> fractionBits
  let fraction = Int(code) & (1 << fractionBits - 1)
  let exponent = max(field - 1, 0) + leastExponent - fractionBits
  let magnitude = Float(
    sign: .plus, exponent: exponent, significand: Float(fraction + (field > 0 ? 1 << fractionBits : 0)))
  return code & 0x80 == 0 ? magnitude : -magnitude
}

/// A real number that can be a part of a complex one: Float16, Float, Double.
public protocol ComplexComponent: BinaryFloatingPoint & TensorElement {}
extension Float16: ComplexComponent {}
extension Float: ComplexComponent {}
extension Double: ComplexComponent {}

/// A complex number as it lies in memory: real part, imaginary part.
public struct Complex<Real: ComplexComponent>: Sendable, BitwiseCopyable, Hashable {
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
