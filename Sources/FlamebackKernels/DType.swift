/// The element type of a tensor.
///
/// Raw values equal the constants of CKernels. SeeAlso: torch.dtype
public enum DType: UInt8, Sendable, CaseIterable, Hashable {
  case bool = 0
  case uint8, int8, int16, int32, int64
  case float16, bfloat16, float32, float64
  case complex64, complex128

  /// Bytes of one element.
  public var byteSize: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .int16, .float16, .bfloat16: 2
    case .int32, .float32: 4
    case .int64, .float64, .complex64: 8
    case .complex128: 16
    }
  }

  public var isComplex: Bool { self >= .complex64 }
  /// True for float16 … float64, not for complex types. SeeAlso: torch.is_floating_point
  public var isFloatingPoint: Bool { self >= .float16 && self <= .float64 }
  /// True for uint8 … int64, not for bool.
  public var isInteger: Bool { self >= .uint8 && self <= .int64 }
  /// SeeAlso: torch.is_signed
  public var isSigned: Bool { self != .bool && self != .uint8 }
  /// Gradients exist for floating point and complex tensors only.
  public var isDifferentiable: Bool { self >= .float16 }

  /// The real type of a complex one's parts; itself otherwise.
  public var real: DType {
    switch self {
    case .complex64: .float32
    case .complex128: .float64
    default: self
    }
  }

  /// The complex type whose parts have this type's precision.
  public var complex: DType { self == .float64 || self == .complex128 ? .complex128 : .complex64 }

  /// The type in which PyTorch's CPU kernels compute: float32 for the 16-bit types.
  public var accumulation: DType { self == .float16 || self == .bfloat16 ? .float32 : self }

  /// PyTorch's name: `float32`, `int64`, …
  public var name: String { "\(self)" }

  /// The type of that PyTorch name (`float`, `double`, `long` and their like included).
  public init?(name: String) {
    if let dtype = DType.allCases.first(where: { $0.name == name }) {
      self = dtype
      return
    }
    switch name {
    case "float": self = .float32
    case "double": self = .float64
    case "half": self = .float16
    case "long": self = .int64
    case "int": self = .int32
    case "short": self = .int16
    case "cfloat": self = .complex64
    case "cdouble": self = .complex128
    default: return nil
    }
  }

  /// bool < integers < floating point < complex: promotion looks at the highest category first.
  public enum Category: Int, Comparable, Sendable {
    case bool, integer, floating, complex
    public static func < (a: Category, b: Category) -> Bool { a.rawValue < b.rawValue }
  }

  public var category: Category {
    self == .bool ? .bool : isComplex ? .complex : isFloatingPoint ? .floating : .integer
  }

  /// Whether values may be stored in `target` without leaving their category. SeeAlso: torch.can_cast
  public static func canCast(_ source: DType, to target: DType) -> Bool { source.category <= target.category }

  /// The type that holds both. SeeAlso: torch.promote_types
  public static func promote(_ a: DType, _ b: DType) -> DType {
    if a == b { return a }
    if a.isComplex || b.isComplex {
      return a == .complex128 || b == .complex128 || a == .float64 || b == .float64 ? .complex128 : .complex64
    }
    if a.isFloatingPoint || b.isFloatingPoint {
      if a.isFloatingPoint && b.isFloatingPoint {
        if a.byteSize == b.byteSize { return .float32 }  // float16 with bfloat16
        return a.byteSize > b.byteSize ? a : b
      }
      return a.isFloatingPoint ? a : b
    }
    if a == .bool || b == .bool { return a == .bool ? b : a }
    if a == .uint8 || b == .uint8 {  // uint8 fits no int8
      let other = a == .uint8 ? b : a
      return other == .int8 ? .int16 : other
    }
    return a.byteSize > b.byteSize ? a : b
  }
}

extension DType: Comparable {
  public static func < (a: DType, b: DType) -> Bool { a.rawValue < b.rawValue }
}

/// A type whose values can be elements of a tensor.
public protocol TensorElement: Sendable, BitwiseCopyable {
  static var dtype: DType { get }
}

extension Bool: TensorElement { public static var dtype: DType { .bool } }
extension UInt8: TensorElement { public static var dtype: DType { .uint8 } }
extension Int8: TensorElement { public static var dtype: DType { .int8 } }
extension Int16: TensorElement { public static var dtype: DType { .int16 } }
extension Int32: TensorElement { public static var dtype: DType { .int32 } }
extension Int64: TensorElement { public static var dtype: DType { .int64 } }
extension Int: TensorElement { public static var dtype: DType { .int64 } }
extension Float16: TensorElement { public static var dtype: DType { .float16 } }
extension BFloat16: TensorElement { public static var dtype: DType { .bfloat16 } }
extension Float: TensorElement { public static var dtype: DType { .float32 } }
extension Double: TensorElement { public static var dtype: DType { .float64 } }
extension Complex: TensorElement {
  public static var dtype: DType { Real.self == Double.self ? .complex128 : .complex64 }
}
