import CKernels
import FlamebackKernels

/// A scalar expression: what an elementwise function does to one element.
///
/// It is data: compiled to a register program for any device, differentiated symbolically, joined by fusion.
public struct Expression: Sendable {
  indirect enum Kind: Sendable {
    case input(Int)
    case parameter(Int)
    case constant(Scalar)
    /// The function's own result, in a derivative.
    case result
    case operation(fb_opcode, [Expression])
  }

  final class Node: Sendable {
    let kind: Kind
    init(_ kind: Kind) { self.kind = kind }
  }

  let node: Node
  init(_ kind: Kind) { node = Node(kind) }
  var kind: Kind { node.kind }

  static func input(_ i: Int) -> Expression { Expression(.input(i)) }

  /// A number of the expression itself.
  public static func constant(_ value: Scalar) -> Expression { Expression(.constant(value)) }

  var constant: Scalar? { if case .constant(let value) = kind { value } else { nil } }

  /// An operation, simplified where an operand is 0 or 1. (0 · x stays unless x is a constant: x may be NaN.)
  static func op(_ opcode: fb_opcode, _ args: Expression...) -> Expression {
    let a = args[0].constant
    let b = args.count > 1 ? args[1].constant : nil
    switch opcode {
    case FB_OP_ADD:
      if a?.isZero == true { return args[1] }
      if b?.isZero == true { return args[0] }
    case FB_OP_SUB:
      if b?.isZero == true { return args[0] }
      if a?.isZero == true { return op(FB_OP_NEG, args[1]) }
    case FB_OP_MUL:
      if a?.isOne == true { return args[1] }
      if b?.isOne == true { return args[0] }
    case FB_OP_DIV: if b?.isOne == true { return args[0] }
    case FB_OP_NEG:
      if case .float(let value)? = a { return .constant(.float(-value)) }
      if case .int(let value)? = a { return .constant(.int(-value)) }
      if case .operation(FB_OP_NEG, let inner) = args[0].kind { return inner[0] }
    case FB_OP_CONJ, FB_OP_REAL: if let a, a.imaginary == 0 { return args[0] }
    default: break
    }
    return Expression(.operation(opcode, args))
  }
}

extension Scalar {
  fileprivate var isZero: Bool { double == 0 && imaginary == 0 }
  fileprivate var isOne: Bool { double == 1 && imaginary == 0 }
}

extension Expression: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  public init(floatLiteral value: Double) { self = .constant(.float(value)) }
  public init(integerLiteral value: Int) { self = .constant(.int(value)) }

  public static func + (a: Expression, b: Expression) -> Expression { op(FB_OP_ADD, a, b) }
  public static func - (a: Expression, b: Expression) -> Expression { op(FB_OP_SUB, a, b) }
  public static func * (a: Expression, b: Expression) -> Expression { op(FB_OP_MUL, a, b) }
  public static func / (a: Expression, b: Expression) -> Expression { op(FB_OP_DIV, a, b) }
  public static prefix func - (a: Expression) -> Expression { op(FB_OP_NEG, a) }

  /// Comparisons and logic give 1 or 0.
  public static func .== (a: Expression, b: Expression) -> Expression { op(FB_OP_EQ, a, b) }
  public static func .!= (a: Expression, b: Expression) -> Expression { op(FB_OP_NE, a, b) }
  public static func .< (a: Expression, b: Expression) -> Expression { op(FB_OP_LT, a, b) }
  public static func .<= (a: Expression, b: Expression) -> Expression { op(FB_OP_LE, a, b) }
  public static func .> (a: Expression, b: Expression) -> Expression { op(FB_OP_GT, a, b) }
  public static func .>= (a: Expression, b: Expression) -> Expression { op(FB_OP_GE, a, b) }
  public static func .& (a: Expression, b: Expression) -> Expression { op(FB_OP_LOGICAL_AND, a, b) }
  public static func .| (a: Expression, b: Expression) -> Expression { op(FB_OP_LOGICAL_OR, a, b) }
  public static prefix func .! (a: Expression) -> Expression { op(FB_OP_LOGICAL_NOT, a) }

  /// `then` where the expression is not 0, `otherwise` elsewhere.
  public func select(_ then: Expression, _ otherwise: Expression) -> Expression {
    if let value = constant { return value.bool ? then : otherwise }
    return .op(FB_OP_SELECT, self, then, otherwise)
  }

  /// The product; nothing where this is the number 0, whatever `x` may be: a term that was not asked for.
  public func times(_ x: Expression) -> Expression { constant?.isZero == true ? 0 : self * x }

  public func pow(_ exponent: Expression) -> Expression { .op(FB_OP_POW, self, exponent) }
  public var squared: Expression { self * self }
  public var abs: Expression { .op(FB_OP_ABS, self) }
  /// x / |x|, 0 for 0.
  public var sign: Expression { .op(FB_OP_SGN, self) }
  public var conj: Expression { .op(FB_OP_CONJ, self) }
  public var real: Expression { .op(FB_OP_REAL, self) }
  public var imag: Expression { .op(FB_OP_IMAG, self) }
  public var isNaN: Expression { .op(FB_OP_ISNAN, self) }
  public var isInfinite: Expression { .op(FB_OP_ISINF, self) }
}

infix operator .| : LogicalDisjunctionPrecedence
infix operator .& : LogicalConjunctionPrecedence
prefix operator .!

/// The functions an expression may use, by their usual names.
extension Expression {
  public static func exp(_ x: Expression) -> Expression { op(FB_OP_EXP, x) }
  public static func log(_ x: Expression) -> Expression { op(FB_OP_LOG, x) }
  public static func log1p(_ x: Expression) -> Expression { op(FB_OP_LOG1P, x) }
  public static func expm1(_ x: Expression) -> Expression { op(FB_OP_EXPM1, x) }
  public static func sqrt(_ x: Expression) -> Expression { op(FB_OP_SQRT, x) }
  public static func rsqrt(_ x: Expression) -> Expression { op(FB_OP_RSQRT, x) }
  public static func sin(_ x: Expression) -> Expression { op(FB_OP_SIN, x) }
  public static func cos(_ x: Expression) -> Expression { op(FB_OP_COS, x) }
  public static func tanh(_ x: Expression) -> Expression { op(FB_OP_TANH, x) }
  public static func sigmoid(_ x: Expression) -> Expression { op(FB_OP_SIGMOID, x) }
  public static func erf(_ x: Expression) -> Expression { op(FB_OP_ERF, x) }
  public static func minimum(_ a: Expression, _ b: Expression) -> Expression { op(FB_OP_MINIMUM, a, b) }
  public static func maximum(_ a: Expression, _ b: Expression) -> Expression { op(FB_OP_MAXIMUM, a, b) }

  /// Any operation of the engine.
  public static func call(_ opcode: fb_opcode, _ args: Expression...) -> Expression {
    args.count == 1 ? op(opcode, args[0]) : Expression(.operation(opcode, args))
  }
}

extension Expression {
  /// Compiles to registers. Equal subexpressions are computed once; nothing recurses.
  /// `inputCount` operands come first (a `result` is the last of them), then `parameterCount` parameters, constants, steps.
  static func compile(
    _ outputs: [Expression], inputCount: Int, resultIndex: Int?, parameterCount: Int, isComplex: Bool,
    kernel: (opcode: fb_opcode, operands: [Expression])? = nil
  ) -> ElementwiseProgram {
    var order: [Node] = []
    var visited: Set<ObjectIdentifier> = []
    var stack: [(Node, Bool)] = outputs.reversed().map { ($0.node, false) }
    while let (node, ready) = stack.popLast() {
      if ready {
        order.append(node)
        continue
      }
      guard visited.insert(ObjectIdentifier(node)).inserted else { continue }
      stack.append((node, true))
      if case .operation(_, let args) = node.kind { for arg in args.reversed() { stack.append((arg.node, false)) } }
    }
    struct Key: Hashable { let opcode: UInt32, args: [Int] }
    var constants: [Scalar] = []
    for node in order {
      if case .constant(let value) = node.kind, !constants.contains(value) { constants.append(value) }
    }
    let base = inputCount + parameterCount
    var register: [ObjectIdentifier: Int] = [:]
    var known: [Key: Int] = [:]
    var instructions: [fb_instruction] = []
    for node in order {
      let id = ObjectIdentifier(node)
      switch node.kind {
      case .input(let i): register[id] = i
      case .result: register[id] = resultIndex!
      case .parameter(let i): register[id] = inputCount + i
      case .constant(let value): register[id] = base + constants.firstIndex(of: value)!
      case .operation(let opcode, let args):
        let args = args.map { register[ObjectIdentifier($0.node)]! }
        if !isComplex, opcode == FB_OP_CONJ || opcode == FB_OP_REAL {
          register[id] = args[0]
          continue
        }
        let key = Key(opcode: UInt32(opcode.rawValue), args: args)
        if let same = known[key] {
          register[id] = same
          continue
        }
        let index = base + constants.count + instructions.count
        func arg(_ i: Int) -> UInt16 { i < args.count ? UInt16(args[i]) : 0 }
        instructions.append(fb_instruction(op: UInt16(opcode.rawValue), a: arg(0), b: arg(1), c: arg(2)))
        known[key] = index
        register[id] = index
      }
    }
    return ElementwiseProgram(
      instructions: instructions, inputCount: inputCount, constants: constants,
      outputRegisters: outputs.map { UInt16(register[ObjectIdentifier($0.node)]!) },
      kernel: isComplex ? nil : kernel.map { instruction($0.opcode, $0.operands, inputCount) },
      parameterCount: parameterCount)
  }

  /// One instruction over inputs and parameters.
  private static func instruction(_ opcode: fb_opcode, _ operands: [Expression], _ inputCount: Int) -> fb_instruction {
    let registers = operands.map { operand in
      switch operand.kind {
      case .input(let i): UInt16(i)
      case .parameter(let i): UInt16(inputCount + i)
      default: preconditionFailure("a kernel takes inputs and parameters")
      }
    }
    func register(_ i: Int) -> UInt16 { i < registers.count ? registers[i] : 0 }
    return fb_instruction(op: UInt16(opcode.rawValue), a: register(0), b: register(1), c: register(2))
  }

  /// Which inputs the expression reads, and whether it reads the function's result.
  var uses: (inputs: Set<Int>, result: Bool) {
    var inputs: Set<Int> = []
    var result = false
    var seen: Set<ObjectIdentifier> = []
    var stack = [self]
    while let expression = stack.popLast() {
      guard seen.insert(ObjectIdentifier(expression.node)).inserted else { continue }
      switch expression.kind {
      case .input(let i): inputs.insert(i)
      case .result: result = true
      case .operation(_, let args): stack += args
      case .parameter, .constant: break
      }
    }
    return (inputs, result)
  }
}
