import CKernels
import FlamebackKernels

extension Primitives.Pointwise: Exportable {
  package func export(_ inputs: [ExportValue], to nodes: NodeWriter) throws(OpError) -> [ExportValue] {
    let (compute, result) = try types(inputs.map { ($0.dtype, $0.rank) })
    if compute.isComplex || result.isComplex { throw OpError(name, "complex numbers cannot be written") }
    if function === Elementwise.identity { return [nodes.cast(inputs[0], to: result)] }
    if compute == result, inputs.allSatisfy({ $0.dtype == compute }), let known = known(inputs, nodes) {
      return [known]
    }
    var arguments: [Expression] = []
    var (tensors, numbers) = (0, 0)
    for i in 0..<function.arity {
      if scalarMask & (1 << UInt64(i)) != 0 {
        arguments.append(.constant(scalars[numbers]))
        numbers += 1
      } else {
        arguments.append(.input(tensors))
        tensors += 1
      }
    }
    let expression = function.expression.substituting(inputs: arguments)
    var shape = Shape()
    for i in expression.uses.inputs { shape = Shape.broadcast(shape, inputs[i].shape) ?? shape }
    guard shape == inputs.reduce(Shape(), { Shape.broadcast($0, $1.shape) ?? $0 }) else {
      throw OpError(name, "an input gives only its shape")
    }
    var writer = ExpressionWriter(nodes, name: name, inputs: inputs, compute: compute, steps: expression.stepCount)
    return [nodes.cast(try writer.write(expression), to: result)]
  }

  /// Functions that ONNX has an operator for. Any other, and these with other numbers, follow from their expressions: a
  /// missing line here costs nodes, not correctness.
  private func known(_ inputs: [ExportValue], _ nodes: NodeWriter) -> ExportValue? {
    let dtype = inputs[0].dtype
    func write(_ op: String, _ attributes: [(String, ExportAttribute)] = []) -> ExportValue {
      nodes.node(op, inputs.map { $0 }, attributes, dtype, shape: inputs[0].shape)
    }
    guard dtype.isFloatingPoint, inputs.count == function.arity - scalars.count else { return nil }
    let numbers = scalars.map(\.double)
    switch (function.name, numbers.count) {
    case ("relu", 0): return write("Relu")
    case ("softsign", 0): return write("Softsign")
    case ("gelu", 0) where nodes.opset >= 20: return write("Gelu")
    case ("gelu_tanh", 0) where nodes.opset >= 20: return write("Gelu", [("approximate", .text("tanh"))])
    case ("mish", 0): return write("Mish")
    case ("hardswish", 0): return write("HardSwish")
    case ("hardsigmoid", 0): return write("HardSigmoid", [("alpha", .float(1.0 / 6)), ("beta", .float(0.5))])
    case ("leaky_relu", 1): return write("LeakyRelu", [("alpha", .float(numbers[0]))])
    case ("elu", 3) where numbers[1] == 1 && numbers[2] == 1: return write("Elu", [("alpha", .float(numbers[0]))])
    case ("elu", 3) where numbers[2] == 1:
      return write("Selu", [("alpha", .float(numbers[0])), ("gamma", .float(numbers[1]))])
    case ("softplus", 2) where numbers[0] == 1 && numbers[1] >= 15: return write("Softplus")
    case ("hardtanh", 2), ("clamp", 2):
      let limits = scalars.map { nodes.number($0, dtype) }
      return nodes.node("Clip", [inputs[0]] + limits, [], dtype, shape: inputs[0].shape)
    default: return nil
    }
  }
}

extension Expression {
  /// How many operations it takes.
  fileprivate var stepCount: Int {
    var seen: Set<ObjectIdentifier> = []
    var stack = [self]
    var count = 0
    while let expression = stack.popLast() {
      guard case .operation(_, let args) = expression.kind, seen.insert(ObjectIdentifier(expression.node)).inserted
      else { continue }
      count += 1
      stack += args
    }
    return count
  }
}

/// Writes an expression step by step.
private struct ExpressionWriter {
  let nodes: NodeWriter
  let name: String
  let inputs: [ExportValue]
  /// The type of arithmetic; truth values are bool.
  let type: DType
  private var done: [ObjectIdentifier: ExportValue] = [:]
  private var converted: [String: ExportValue] = [:]

  init(_ nodes: NodeWriter, name: String, inputs: [ExportValue], compute: DType, steps: Int) {
    self.nodes = nodes
    self.name = name
    self.inputs = inputs
    // Halves and small integers compute in wider types, as here; one step rounds or wraps only once anyway.
    switch compute {
    case .float16, .bfloat16: type = steps <= 1 ? compute : .float32
    case .int32 where steps <= 1: type = .int32
    case .bool, .uint8, .int8, .int16, .int32, .int64: type = .int64
    default: type = compute
    }
  }

  mutating func write(_ expression: Expression) throws(OpError) -> ExportValue {
    var stack: [(Expression, Bool)] = [(expression, false)]
    while let (next, ready) = stack.popLast() {
      let id = ObjectIdentifier(next.node)
      if done[id] != nil { continue }
      switch next.kind {
      case .input(let i): done[id] = inputs[i]
      case .constant(let value): done[id] = nodes.number(value, type)
      case .operation(let opcode, let args):
        if ready {
          done[id] = try step(opcode, args.map { done[ObjectIdentifier($0.node)]! })
        } else {
          stack.append((next, true))
          for arg in args.reversed() { stack.append((arg, false)) }
        }
      case .parameter, .result: throw OpError(name, "cannot be written")
      }
    }
    return done[ObjectIdentifier(expression.node)]!
  }

  /// As a number of the arithmetic's type.
  private mutating func number(_ value: ExportValue) -> ExportValue { convert(value, type) }

  private mutating func convert(_ value: ExportValue, _ dtype: DType) -> ExportValue {
    if value.dtype == dtype { return value }
    let key = "\(value.name) \(dtype)"
    if let known = converted[key] { return known }
    let result = nodes.cast(value, to: dtype)
    converted[key] = result
    return result
  }

  private func node(_ op: String, _ args: [ExportValue], _ dtype: DType? = nil) -> ExportValue {
    let shape = args.reduce(Shape()) { Shape.broadcast($0, $1.shape) ?? $0 }
    return nodes.node(op, args.map { $0 }, [], dtype ?? type, shape: shape)
  }

  private func constant(_ value: Double) -> ExportValue {
    nodes.number(type.isFloatingPoint ? .float(value) : .int(Int(value)), type)
  }

  private static let names: [UInt32: String] = [
    FB_OP_ADD.rawValue: "Add", FB_OP_SUB.rawValue: "Sub", FB_OP_MUL.rawValue: "Mul", FB_OP_POW.rawValue: "Pow",
    FB_OP_NEG.rawValue: "Neg", FB_OP_ABS.rawValue: "Abs", FB_OP_SGN.rawValue: "Sign",
    FB_OP_RECIPROCAL.rawValue: "Reciprocal", FB_OP_SQRT.rawValue: "Sqrt", FB_OP_MINIMUM.rawValue: "Min",
    FB_OP_MAXIMUM.rawValue: "Max", FB_OP_FLOOR.rawValue: "Floor", FB_OP_CEIL.rawValue: "Ceil",
    FB_OP_ROUND.rawValue: "Round", FB_OP_EXP.rawValue: "Exp", FB_OP_LOG.rawValue: "Log", FB_OP_SIN.rawValue: "Sin",
    FB_OP_COS.rawValue: "Cos", FB_OP_TAN.rawValue: "Tan", FB_OP_ASIN.rawValue: "Asin", FB_OP_ACOS.rawValue: "Acos",
    FB_OP_ATAN.rawValue: "Atan", FB_OP_SINH.rawValue: "Sinh", FB_OP_COSH.rawValue: "Cosh", FB_OP_TANH.rawValue: "Tanh",
    FB_OP_ASINH.rawValue: "Asinh", FB_OP_ACOSH.rawValue: "Acosh", FB_OP_ATANH.rawValue: "Atanh",
    FB_OP_SIGMOID.rawValue: "Sigmoid", FB_OP_ERF.rawValue: "Erf",
  ]
  private static let comparisons: [UInt32: String] = [
    FB_OP_EQ.rawValue: "Equal", FB_OP_LT.rawValue: "Less", FB_OP_LE.rawValue: "LessOrEqual",
    FB_OP_GT.rawValue: "Greater", FB_OP_GE.rawValue: "GreaterOrEqual", FB_OP_ISNAN.rawValue: "IsNaN",
    FB_OP_ISINF.rawValue: "IsInf",
  ]
  private static let logic: [UInt32: String] = [
    FB_OP_LOGICAL_AND.rawValue: "And", FB_OP_LOGICAL_OR.rawValue: "Or", FB_OP_LOGICAL_XOR.rawValue: "Xor",
    FB_OP_LOGICAL_NOT.rawValue: "Not",
  ]
  private static let bits: [UInt32: (truth: String, number: String)] = [
    FB_OP_BITWISE_AND.rawValue: ("And", "BitwiseAnd"), FB_OP_BITWISE_OR.rawValue: ("Or", "BitwiseOr"),
    FB_OP_BITWISE_XOR.rawValue: ("Xor", "BitwiseXor"), FB_OP_BITWISE_NOT.rawValue: ("Not", "BitwiseNot"),
  ]

  private mutating func step(_ opcode: fb_opcode, _ args: [ExportValue]) throws(OpError) -> ExportValue {
    let code = UInt32(opcode.rawValue)
    if let op = Self.logic[code] { return node(op, args.map { convert($0, .bool) }, .bool) }
    if let (truth, plain) = Self.bits[code] {
      return args.allSatisfy { $0.dtype == .bool } ? node(truth, args, .bool) : node(plain, args.map { number($0) })
    }
    if opcode == FB_OP_SELECT {
      let (a, b) = (args[1], args[2])
      let isTruth = a.dtype == .bool && b.dtype == .bool
      return node(
        "Where", [convert(args[0], .bool), isTruth ? a : number(a), isTruth ? b : number(b)], isTruth ? .bool : type)
    }
    let x = args.map { number($0) }
    if let op = Self.names[code] { return node(op, x) }
    if let op = Self.comparisons[code] {
      if !type.isFloatingPoint, opcode == FB_OP_ISNAN || opcode == FB_OP_ISINF {
        return node("Not", [node("Equal", [x[0], x[0]], .bool)], .bool)
      }
      return node(op, x, .bool)
    }
    switch opcode {
    case FB_OP_NE: return node("Not", [node("Equal", x, .bool)], .bool)
    case FB_OP_DIV where type.isFloatingPoint: return node("Div", x)
    case FB_OP_RSQRT: return node("Reciprocal", [node("Sqrt", x)])
    case FB_OP_TRUNC: return truncated(x[0])
    case FB_OP_TRUNCDIV: return type.isFloatingPoint ? truncated(node("Div", x)) : node("Div", x)
    case FB_OP_FLOORDIV where type.isFloatingPoint: return node("Floor", [node("Div", x)])
    case FB_OP_FLOORDIV: return node("Div", [node("Sub", [x[0], nodes.node("Mod", x.map { $0 }, [], type)]), x[1]])
    case FB_OP_REMAINDER where type.isFloatingPoint:
      return node("Sub", [x[0], node("Mul", [node("Floor", [node("Div", x)]), x[1]])])
    case FB_OP_REMAINDER: return node("Mod", x)
    case FB_OP_FMOD: return nodes.node("Mod", x.map { $0 }, [("fmod", .int(1))], type, shape: x[0].shape)
    case FB_OP_EXP2: return node("Exp", [node("Mul", [x[0], constant(0.6931471805599453)])])
    case FB_OP_EXPM1: return node("Sub", [node("Exp", x), constant(1)])
    case FB_OP_LOG1P: return node("Log", [node("Add", [x[0], constant(1)])])
    case FB_OP_LOG2: return node("Mul", [node("Log", x), constant(1.4426950408889634)])
    case FB_OP_LOG10: return node("Mul", [node("Log", x), constant(0.4342944819032518)])
    case FB_OP_ERFC: return node("Sub", [constant(1), node("Erf", x)])
    case FB_OP_HYPOT: return node("Sqrt", [node("Add", [node("Mul", [x[0], x[0]]), node("Mul", [x[1], x[1]])])])
    case FB_OP_REAL, FB_OP_CONJ: return x[0]
    default: throw OpError(name, "ONNX has no operator for one of its steps")
    }
  }

  private func truncated(_ x: ExportValue) -> ExportValue {
    type.isFloatingPoint ? node("Mul", [node("Sign", [x]), node("Floor", [node("Abs", [x])])]) : x
  }
}
