/// The element type of a tensor.
///
/// Raw values are the numbers of the dtypes in CKernels. SeeAlso: torch.dtype
public enum DType: UInt8, Sendable, CaseIterable, Hashable {
  case bool = 0
  case uint8, int8, int16, int32, int64
  case float16, bfloat16, float32, float64
  case complex64, complex128
  case uint16, uint32, uint64
  case float8E4M3FN, float8E5M2
  case complex32

  /// Bytes of one element.
  public var byteSize: Int {
    switch self {
    case .bool, .uint8, .int8, .float8E4M3FN, .float8E5M2: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32, .complex32: 4
    case .int64, .uint64, .float64, .complex64: 8
    case .complex128: 16
    }
  }

  /// PyTorch's name: `float32`, `int64`, `float8_e4m3fn`, …
  public var name: String {
    switch self {
    case .bool: "bool"
    case .uint8: "uint8"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .float32: "float32"
    case .float64: "float64"
    case .complex64: "complex64"
    case .complex128: "complex128"
    case .uint16: "uint16"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .float8E4M3FN: "float8_e4m3fn"
    case .float8E5M2: "float8_e5m2"
    case .complex32: "complex32"
    }
  }

  /// The dtype of that PyTorch name (`float`, `double`, `long` and their like included); nil for other names.
  public init?(name: String) {
    if let dtype = DType.allCases.first(where: { $0.name == name }) ?? DType.aliases[name] {
      self = dtype
    } else {
      return nil
    }
  }

  private static let aliases: [String: DType] = [
    "float": .float32, "double": .float64, "half": .float16, "long": .int64, "int": .int32, "short": .int16,
    "cfloat": .complex64, "cdouble": .complex128, "chalf": .complex32,
  ]

  /// The four kinds of elements. Promotion looks at the highest one first: bool, integer, floating point, complex.
  public enum Category: Int, Comparable, Sendable {
    case bool, integer, floating, complex
    public static func < (a: Category, b: Category) -> Bool { a.rawValue < b.rawValue }
  }

  /// The kind of elements.
  public var category: Category {
    switch self {
    case .bool: .bool
    case .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64: .integer
    case .float16, .bfloat16, .float32, .float64, .float8E4M3FN, .float8E5M2: .floating
    case .complex32, .complex64, .complex128: .complex
    }
  }

  /// True for complex32, complex64 and complex128. SeeAlso: torch.is_complex
  public var isComplex: Bool { category == .complex }
  /// True for float8 to float64, not for complex types. SeeAlso: torch.is_floating_point
  public var isFloatingPoint: Bool { category == .floating }
  /// True for integers of every size, not for bool.
  public var isInteger: Bool { category == .integer }
  /// True for floating point and complex types: only their tensors have gradients.
  public var isDifferentiable: Bool { category >= .floating }

  /// False for bool and the unsigned integers. SeeAlso: torch.is_signed
  public var isSigned: Bool {
    switch self {
    case .bool, .uint8, .uint16, .uint32, .uint64: false
    case .int8, .int16, .int32, .int64, .float16, .bfloat16, .float32, .float64, .float8E4M3FN, .float8E5M2,
      .complex32, .complex64, .complex128:
      true
    }
  }

  /// The real type of a complex one's parts; itself otherwise.
  public var real: DType {
    switch self {
    case .complex32: .float16
    case .complex64: .float32
    case .complex128: .float64
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .float16, .bfloat16, .float32,
      .float64, .float8E4M3FN, .float8E5M2:
      self
    }
  }

  /// The complex type whose parts hold this type's values; complex64 for integers. SeeAlso: torch.dtype.to_complex
  public var complex: DType {
    switch self {
    case .float16, .complex32: .complex32
    case .float64, .complex128: .complex128
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .bfloat16, .float32, .complex64,
      .float8E4M3FN, .float8E5M2:
      .complex64
    }
  }

  /// The type in which kernels compute: float32 for the floating point types of 8 and 16 bits, complex64 for complex32.
  public var accumulation: DType {
    switch self {
    case .float16, .bfloat16, .float8E4M3FN, .float8E5M2: .float32
    case .complex32: .complex64
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .float32, .float64, .complex64,
      .complex128:
      self
    }
  }

  /// The types in which the elementwise engine computes; raw values are those of CKernels.
  public enum Arithmetic: Int32, CaseIterable, Sendable {
    case int64, float32, float64, complex64, complex128, uint64
  }

  /// The type in which the elementwise engine computes with these elements.
  public var arithmetic: Arithmetic {
    switch self {
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32: .int64
    case .uint64: .uint64
    case .float8E4M3FN, .float8E5M2, .float16, .bfloat16, .float32: .float32
    case .float64: .float64
    case .complex32, .complex64: .complex64
    case .complex128: .complex128
    }
  }

  /// Dtypes that most kernels do not take: elementwise functions, conversions and copies do.
  public struct Family: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// uint16, uint32 and uint64.
    public static let unsigned = Family(rawValue: 1)
    /// The floating point types of 8 bits.
    public static let float8 = Family(rawValue: 2)
    /// complex32.
    public static let complexHalf = Family(rawValue: 4)
    /// All of them: for primitives that move elements without looking at them.
    public static let all: Family = [.unsigned, .float8, .complexHalf]
  }

  /// The family that a primitive must accept to be run on such elements; empty for the dtypes that all primitives know.
  public var family: Family {
    switch self {
    case .uint16, .uint32, .uint64: .unsigned
    case .float8E4M3FN, .float8E5M2: .float8
    case .complex32: .complexHalf
    case .bool, .uint8, .int8, .int16, .int32, .int64, .float16, .bfloat16, .float32, .float64, .complex64,
      .complex128:
      []
    }
  }

  /// Whether values may be stored in `target` without leaving their category. SeeAlso: torch.can_cast
  public static func canCast(_ source: DType, to target: DType) -> Bool { source.category <= target.category }

  /// The dtype that holds the values of both; nil where PyTorch refuses: uint16, uint32 and uint64 promote with floating
  /// point types only, float8 with nothing but itself. SeeAlso: torch.promote_types
  public static func promote(_ a: DType, _ b: DType) -> DType? {
    if a == b { return a }
    let families = a.family.union(b.family)
    if families.contains(.float8) { return nil }
    switch max(a.category, b.category) {
    case .complex:
      if families.contains(.unsigned) { return nil }
      return promote(a.real, b.real)?.complex
    case .floating:
      guard a.isFloatingPoint, b.isFloatingPoint else { return a.isFloatingPoint ? a : b }
      if a.byteSize == b.byteSize { return .float32 }  // float16 with bfloat16
      return a.byteSize > b.byteSize ? a : b
    case .bool, .integer:
      if families.contains(.unsigned) { return nil }
      if a == .bool || b == .bool { return a == .bool ? b : a }
      if a == .uint8 || b == .uint8 {  // uint8 fits no int8
        let other = a == .uint8 ? b : a
        return other == .int8 ? .int16 : other
      }
      return a.byteSize > b.byteSize ? a : b
    }
  }

  /// The type in which values of `source` are computed when they are stored as `target`.
  package static func conversion(from source: DType, to target: DType) -> DType { promote(source, target) ?? source }
}

extension DType: CustomStringConvertible {
  public var description: String { name }
}

/// A type whose values can be elements of a tensor.
public protocol TensorElement: Sendable, BitwiseCopyable {
  /// The dtype of tensors with such elements.
  static var dtype: DType { get }
}

extension Bool: TensorElement { public static var dtype: DType { .bool } }
extension UInt8: TensorElement { public static var dtype: DType { .uint8 } }
extension Int8: TensorElement { public static var dtype: DType { .int8 } }
extension Int16: TensorElement { public static var dtype: DType { .int16 } }
extension Int32: TensorElement { public static var dtype: DType { .int32 } }
extension Int64: TensorElement { public static var dtype: DType { .int64 } }
extension Int: TensorElement { public static var dtype: DType { .int64 } }
extension UInt16: TensorElement { public static var dtype: DType { .uint16 } }
extension UInt32: TensorElement { public static var dtype: DType { .uint32 } }
extension UInt64: TensorElement { public static var dtype: DType { .uint64 } }
extension UInt: TensorElement { public static var dtype: DType { .uint64 } }
extension Float8E4M3FN: TensorElement { public static var dtype: DType { .float8E4M3FN } }
extension Float8E5M2: TensorElement { public static var dtype: DType { .float8E5M2 } }
extension Float16: TensorElement { public static var dtype: DType { .float16 } }
extension BFloat16: TensorElement { public static var dtype: DType { .bfloat16 } }
extension Float: TensorElement { public static var dtype: DType { .float32 } }
extension Double: TensorElement { public static var dtype: DType { .float64 } }
extension Complex: TensorElement { public static var dtype: DType { Real.dtype.complex } }
