import CKernels
import FlamebackKernels

/// A scalar expression: what an elementwise function does to one element.
///
/// It is data: compiled to a register program for any device, differentiated symbolically, joined by fusion.
public struct Expression: Sendable {
  package indirect enum Kind: Sendable {
    case input(Int)
    case parameter(Int)
    case constant(Scalar)
    /// The function's own result, in a derivative.
    case result
    case operation(Opcode, [Expression])
  }

  package final class Node: Sendable {
    package let kind: Kind
    init(_ kind: Kind) { self.kind = kind }
  }

  package let node: Node
  init(_ kind: Kind) { node = Node(kind) }
  package var kind: Kind { node.kind }

  static func input(_ i: Int) -> Expression { Expression(.input(i)) }

  /// A number of the expression itself.
  public static func constant(_ value: Scalar) -> Expression { Expression(.constant(value)) }

  var constant: Scalar? { if case .constant(let value) = kind { value } else { nil } }

  /// An operation, simplified where an operand is 0 or 1. (0 · x stays unless x is a constant: x may be NaN.)
  static func op(_ opcode: Opcode, _ args: Expression...) -> Expression {
    let a = args[0].constant
    let b = args.count > 1 ? args[1].constant : nil
    if opcode == .add {
      if a?.isZero == true { return args[1] }
      if b?.isZero == true { return args[0] }
    } else if opcode == .sub {
      if b?.isZero == true { return args[0] }
      if a?.isZero == true { return op(.neg, args[1]) }
    } else if opcode == .mul {
      if a?.isOne == true { return args[1] }
      if b?.isOne == true { return args[0] }
    } else if opcode == .div {
      if b?.isOne == true { return args[0] }
    } else if opcode == .neg {
      if case .float(let value)? = a { return .constant(.float(-value)) }
      if case .int(let value)? = a { return .constant(.int(-value)) }
      if case .operation(.neg, let inner) = args[0].kind { return inner[0] }
    } else if opcode == .conj || opcode == .real, let a, a.imaginary == 0 {
      return args[0]
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

  public static func + (a: Expression, b: Expression) -> Expression { op(.add, a, b) }
  public static func - (a: Expression, b: Expression) -> Expression { op(.sub, a, b) }
  public static func * (a: Expression, b: Expression) -> Expression { op(.mul, a, b) }
  public static func / (a: Expression, b: Expression) -> Expression { op(.div, a, b) }
  public static prefix func - (a: Expression) -> Expression { op(.neg, a) }

  /// Comparisons and logic give 1 or 0.
  public static func .== (a: Expression, b: Expression) -> Expression { op(.eq, a, b) }
  public static func .!= (a: Expression, b: Expression) -> Expression { op(.ne, a, b) }
  public static func .< (a: Expression, b: Expression) -> Expression { op(.lt, a, b) }
  public static func .<= (a: Expression, b: Expression) -> Expression { op(.le, a, b) }
  public static func .> (a: Expression, b: Expression) -> Expression { op(.gt, a, b) }
  public static func .>= (a: Expression, b: Expression) -> Expression { op(.ge, a, b) }
  public static func .& (a: Expression, b: Expression) -> Expression { op(.logicalAnd, a, b) }
  public static func .| (a: Expression, b: Expression) -> Expression { op(.logicalOr, a, b) }
  public static prefix func .! (a: Expression) -> Expression { op(.logicalNot, a) }

  /// `then` where the expression is not 0, `otherwise` elsewhere.
  public func select(_ then: Expression, _ otherwise: Expression) -> Expression {
    if let value = constant { return value.bool ? then : otherwise }
    return .op(.select, self, then, otherwise)
  }

  /// The product; nothing where this is the number 0, whatever `x` may be: a term that was not asked for.
  public func times(_ x: Expression) -> Expression { constant?.isZero == true ? 0 : self * x }

  public func pow(_ exponent: Expression) -> Expression { .op(.pow, self, exponent) }
  public var squared: Expression { self * self }
  public var abs: Expression { .op(.abs, self) }
  /// x / |x|, 0 for 0.
  public var sign: Expression { .op(.sgn, self) }
  public var conj: Expression { .op(.conj, self) }
  public var real: Expression { .op(.real, self) }
  public var imag: Expression { .op(.imag, self) }
  public var isNaN: Expression { .op(.isNaN, self) }
  public var isInfinite: Expression { .op(.isInf, self) }
}

infix operator .| : LogicalDisjunctionPrecedence
infix operator .& : LogicalConjunctionPrecedence
prefix operator .!

/// The functions an expression may use, by their usual names.
extension Expression {
  public static func exp(_ x: Expression) -> Expression { op(.exp, x) }
  public static func log(_ x: Expression) -> Expression { op(.log, x) }
  public static func log1p(_ x: Expression) -> Expression { op(.log1p, x) }
  public static func expm1(_ x: Expression) -> Expression { op(.expm1, x) }
  public static func sqrt(_ x: Expression) -> Expression { op(.sqrt, x) }
  public static func rsqrt(_ x: Expression) -> Expression { op(.rsqrt, x) }
  public static func sin(_ x: Expression) -> Expression { op(.sin, x) }
  public static func cos(_ x: Expression) -> Expression { op(.cos, x) }
  public static func tanh(_ x: Expression) -> Expression { op(.tanh, x) }
  public static func sigmoid(_ x: Expression) -> Expression { op(.sigmoid, x) }
  public static func erf(_ x: Expression) -> Expression { op(.erf, x) }
  public static func minimum(_ a: Expression, _ b: Expression) -> Expression { op(.minimum, a, b) }
  public static func maximum(_ a: Expression, _ b: Expression) -> Expression { op(.maximum, a, b) }

  /// Any operation of the engine.
  public static func call(_ opcode: Opcode, _ args: Expression...) -> Expression {
    precondition(args.count == opcode.arity, "\(opcode) takes \(opcode.arity) operands")
    return args.count == 1 ? op(opcode, args[0]) : Expression(.operation(opcode, args))
  }
}

extension Expression {
  /// Compiles to registers. Equal subexpressions are computed once; nothing recurses.
  /// `inputCount` operands come first (a `result` is the last of them), then `parameterCount` parameters, constants, steps.
  static func compile(
    _ outputs: [Expression], inputCount: Int, resultIndex: Int?, parameterCount: Int, isComplex: Bool,
    kernel: (opcode: Opcode, operands: [Expression])? = nil
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
    struct Key: Hashable { let opcode: Opcode, args: [Int] }
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
        if !isComplex, opcode == .conj || opcode == .real {
          register[id] = args[0]
          continue
        }
        let key = Key(opcode: opcode, args: args)
        if let same = known[key] {
          register[id] = same
          continue
        }
        let index = base + constants.count + instructions.count
        func arg(_ i: Int) -> UInt16 { i < args.count ? UInt16(args[i]) : 0 }
        instructions.append(fb_instruction(opcode, arg(0), arg(1), arg(2)))
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
  private static func instruction(_ opcode: Opcode, _ operands: [Expression], _ inputCount: Int) -> fb_instruction {
    let registers = operands.map { operand in
      switch operand.kind {
      case .input(let i): UInt16(i)
      case .parameter(let i): UInt16(inputCount + i)
      case .constant, .result, .operation: preconditionFailure("a kernel takes inputs and parameters")
      }
    }
    func register(_ i: Int) -> UInt16 { i < registers.count ? registers[i] : 0 }
    return fb_instruction(opcode, register(0), register(1), register(2))
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
