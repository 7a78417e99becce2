import FlamebackCore
import FlamebackKernels

extension Elementwise {
  package static let eq = Elementwise("eq", .predicate) { $0 .== $1 }
  package static let ne = Elementwise("ne", .predicate) { $0 .!= $1 }
  package static let lt = Elementwise("lt", .predicate, domain: .real) { $0 .< $1 }
  package static let le = Elementwise("le", .predicate, domain: .real) { $0 .<= $1 }
  package static let gt = Elementwise("gt", .predicate, domain: .real) { $0 .> $1 }
  package static let ge = Elementwise("ge", .predicate, domain: .real) { $0 .>= $1 }
  package static let logicalAnd = Elementwise("logical_and", .predicate) { .call(.logicalAnd, $0, $1) }
  package static let logicalOr = Elementwise("logical_or", .predicate) { .call(.logicalOr, $0, $1) }
  package static let logicalXor = Elementwise("logical_xor", .predicate) { .call(.logicalXor, $0, $1) }
  package static let logicalNot = Elementwise("logical_not", .predicate) { .!$0 }
  package static let isNaN = Elementwise("isnan", .predicate) { $0.isNaN }
  package static let isInfinite = Elementwise("isinf", .predicate) { $0.isInfinite }
  package static let isFinite = Elementwise("isfinite", .predicate) { .!($0.isNaN .| $0.isInfinite) }
  package static let isPosInf = Elementwise("isposinf", .predicate, domain: .real) { $0.isInfinite .& ($0 .> 0) }
  package static let isNegInf = Elementwise("isneginf", .predicate, domain: .real) { $0.isInfinite .& ($0 .< 0) }
  package static let isReal = Elementwise("isreal", .predicate) { .call(.imag, $0) .== 0 }
  package static let signbit = Elementwise("signbit", .predicate, domain: .real) { .call(.signBit, $0) }
  package static let bitwiseAnd = Elementwise("bitwise_and", domain: .discrete) { .call(.bitwiseAnd, $0, $1) }
  package static let bitwiseOr = Elementwise("bitwise_or", domain: .discrete) { .call(.bitwiseOr, $0, $1) }
  package static let bitwiseXor = Elementwise("bitwise_xor", domain: .discrete) { .call(.bitwiseXor, $0, $1) }
  package static let bitwiseNot = Elementwise("bitwise_not", .promoted, domain: .integer) {
    .call(.bitwiseNot, $0)
  }
  package static let shiftLeft = Elementwise("bitwise_left_shift", domain: .integer) { .call(.shiftLeft, $0, $1) }
  package static let shiftRight = Elementwise("bitwise_right_shift", domain: .integer) {
    .call(.shiftRight, $0, $1)
  }
  package static let select = Elementwise("where", arity: 3, conditions: 1) { x in x[0].select(x[1], x[2]) }
  package static let isClose = Elementwise("isclose", arity: 5, .predicate) { x in
    let (a, b, rtol, atol, equalNaN) = (x[0], x[1], x[2], x[3], x[4])
    let margin = atol + rtol * b.abs - (a - b).abs  // complex numbers have no order, hence the sign
    let near = (margin.sign .!= -1) .& .!(margin.isNaN .| a.isInfinite .| b.isInfinite)
    return (a .== b) .| near .| ((equalNaN .!= 0) .& a.isNaN .& b.isNaN)
  }
}

extension Tensor {
  /// Where equal: a bool tensor, broadcast. SeeAlso: torch.eq
  public static func .== (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.eq(a, b) }
  /// Where different. SeeAlso: torch.ne
  public static func .!= (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.ne(a, b) }
  /// Where less. SeeAlso: torch.lt
  public static func .< (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.lt(a, b) }
  /// Where less or equal. SeeAlso: torch.le
  public static func .<= (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.le(a, b) }
  /// Where greater. SeeAlso: torch.gt
  public static func .> (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.gt(a, b) }
  /// Where greater or equal. SeeAlso: torch.ge
  public static func .>= (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.ge(a, b) }
  /// Bitwise and; of bool tensors the logical one. SeeAlso: torch.bitwise_and
  public static func & (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.bitwiseAnd(a, b) }
  /// Bitwise or; of bool tensors the logical one. SeeAlso: torch.bitwise_or
  public static func | (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.bitwiseOr(a, b) }
  /// Bitwise exclusive or; of bool tensors the logical one. SeeAlso: torch.bitwise_xor
  public static func ^ (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.bitwiseXor(a, b) }
  /// Bitwise complement; of bool tensors the logical one. SeeAlso: torch.bitwise_not
  public static prefix func ~ (a: Tensor) -> Tensor {
    a.dtype == .bool ? Elementwise.logicalNot(a) : Elementwise.bitwiseNot(a)
  }
  /// Bits moved to the left. SeeAlso: torch.bitwise_left_shift
  public static func << (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.shiftLeft(a, b) }
  /// Bits moved to the right, keeping the sign. SeeAlso: torch.bitwise_right_shift
  public static func >> (a: Tensor, b: some TensorOperand) -> Tensor { Elementwise.shiftRight(a, b) }

  /// Whether both are true (not 0). SeeAlso: torch.logical_and
  public func logicalAnd(_ other: some TensorOperand) -> Tensor { Elementwise.logicalAnd(self, other) }
  /// Whether one is true. SeeAlso: torch.logical_or
  public func logicalOr(_ other: some TensorOperand) -> Tensor { Elementwise.logicalOr(self, other) }
  /// Whether exactly one is true. SeeAlso: torch.logical_xor
  public func logicalXor(_ other: some TensorOperand) -> Tensor { Elementwise.logicalXor(self, other) }
  /// Whether it is 0. SeeAlso: torch.logical_not
  public func logicalNot() -> Tensor { Elementwise.logicalNot(self) }
  /// SeeAlso: torch.isnan
  public func isNaN() -> Tensor { Elementwise.isNaN(self) }
  /// SeeAlso: torch.isinf
  public func isInf() -> Tensor { Elementwise.isInfinite(self) }
  /// SeeAlso: torch.isfinite
  public func isFinite() -> Tensor { Elementwise.isFinite(self) }
  /// SeeAlso: torch.isposinf
  public func isPosInf() -> Tensor { Elementwise.isPosInf(self) }
  /// SeeAlso: torch.isneginf
  public func isNegInf() -> Tensor { Elementwise.isNegInf(self) }
  /// Whether the imaginary part is 0. SeeAlso: torch.isreal
  public func isReal() -> Tensor {
    dtype.isComplex ? Elementwise.isReal(self) : .filled(true, TensorSpec(shape: shape, dtype: .bool, device: device))
  }
  /// Whether the sign bit is set (−0 too). SeeAlso: torch.signbit
  public func signbit() -> Tensor { Elementwise.signbit(self) }

  /// Whether |self − other| ≤ atol + rtol · |other|. SeeAlso: torch.isclose
  public func isClose(_ other: Tensor, rtol: Double = 1e-5, atol: Double = 1e-8, equalNaN: Bool = false) -> Tensor {
    guard dtype == other.dtype else { return fail("isclose", "dtypes differ: \(spec) and \(other.spec)", like: spec) }
    guard rtol >= 0, atol >= 0 else {
      return fail("isclose", "rtol and atol must not be negative, got \(rtol) and \(atol)", like: spec)
    }
    if dtype.isComplex {
      let bound = other.abs() * rtol + atol
      let near = ((self - other).abs() .<= bound) & other.isFinite()
      let result = (self .== other) | near
      return equalNaN ? result | (isNaN() & other.isNaN()) : result
    }
    let wide: DType = dtype.category <= .integer ? .float64 : dtype
    return Elementwise.isClose.call([
      .tensor(to(wide)), .tensor(other.to(wide)), .scalar(.float(rtol)), .scalar(.float(atol)),
      .scalar(.float(equalNaN ? 1 : 0)),
    ])
  }
}

/// `a` where the condition holds, `b` elsewhere, all broadcast. SeeAlso: torch.where
public func select(where condition: Tensor, _ a: some TensorOperand, _ b: some TensorOperand) -> Tensor {
  guard condition.dtype == .bool || condition.dtype == .uint8 else {
    return fail("where", "the condition must be a bool tensor, got \(condition.spec)", like: condition.spec)
  }
  return Elementwise.select(condition, a, b)
}
