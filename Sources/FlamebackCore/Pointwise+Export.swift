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
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32: type = .int64
    case .float8E4M3FN, .float8E5M2: type = .float32
    case .uint64, .float32, .float64: type = compute
    case .complex32, .complex64, .complex128: preconditionFailure("complex numbers are refused before")
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

  private mutating func step(_ opcode: Opcode, _ args: [ExportValue]) throws(OpError) -> ExportValue {
    let isFloating = type.isFloatingPoint
    func plain(_ op: String) -> ExportValue { node(op, args.map { number($0) }) }
    func comparison(_ op: String) -> ExportValue { node(op, args.map { number($0) }, .bool) }
    func logic(_ op: String) -> ExportValue { node(op, args.map { convert($0, .bool) }, .bool) }
    func bits(_ truth: String, _ number: String) -> ExportValue {
      args.allSatisfy { $0.dtype == .bool } ? node(truth, args, .bool) : plain(number)
    }
    func predicate(_ op: String) -> ExportValue {
      if isFloating { return comparison(op) }
      let x = number(args[0])
      return node("Not", [node("Equal", [x, x], .bool)], .bool)
    }
    func x(_ i: Int = 0) -> ExportValue { number(args[i]) }
    switch opcode {
    case .add: return plain("Add")
    case .sub: return plain("Sub")
    case .mul: return plain("Mul")
    case .pow: return plain("Pow")
    case .neg: return plain("Neg")
    case .abs: return plain("Abs")
    case .sgn: return plain("Sign")
    case .reciprocal: return plain("Reciprocal")
    case .sqrt: return plain("Sqrt")
    case .minimum: return plain("Min")
    case .maximum: return plain("Max")
    case .floor: return plain("Floor")
    case .ceil: return plain("Ceil")
    case .round: return plain("Round")
    case .exp: return plain("Exp")
    case .log: return plain("Log")
    case .sin: return plain("Sin")
    case .cos: return plain("Cos")
    case .tan: return plain("Tan")
    case .asin: return plain("Asin")
    case .acos: return plain("Acos")
    case .atan: return plain("Atan")
    case .sinh: return plain("Sinh")
    case .cosh: return plain("Cosh")
    case .tanh: return plain("Tanh")
    case .asinh: return plain("Asinh")
    case .acosh: return plain("Acosh")
    case .atanh: return plain("Atanh")
    case .sigmoid: return plain("Sigmoid")
    case .erf: return plain("Erf")
    case .eq: return comparison("Equal")
    case .lt: return comparison("Less")
    case .le: return comparison("LessOrEqual")
    case .gt: return comparison("Greater")
    case .ge: return comparison("GreaterOrEqual")
    case .ne: return node("Not", [comparison("Equal")], .bool)
    case .isNaN: return predicate("IsNaN")
    case .isInf: return predicate("IsInf")
    case .logicalAnd: return logic("And")
    case .logicalOr: return logic("Or")
    case .logicalXor: return logic("Xor")
    case .logicalNot: return logic("Not")
    case .bitwiseAnd: return bits("And", "BitwiseAnd")
    case .bitwiseOr: return bits("Or", "BitwiseOr")
    case .bitwiseXor: return bits("Xor", "BitwiseXor")
    case .bitwiseNot: return bits("Not", "BitwiseNot")
    case .select:
      let (a, b) = (args[1], args[2])
      let isTruth = a.dtype == .bool && b.dtype == .bool
      return node(
        "Where", [convert(args[0], .bool), isTruth ? a : number(a), isTruth ? b : number(b)], isTruth ? .bool : type)
    case .div where isFloating: return plain("Div")
    case .rsqrt: return node("Reciprocal", [plain("Sqrt")])
    case .trunc: return truncated(x())
    case .truncDiv: return isFloating ? truncated(plain("Div")) : plain("Div")
    case .floorDiv where isFloating: return node("Floor", [plain("Div")])
    case .floorDiv:
      let rest = nodes.node("Mod", [x(0), x(1)], [], type)
      return node("Div", [node("Sub", [x(0), rest]), x(1)])
    case .remainder where isFloating:
      return node("Sub", [x(0), node("Mul", [node("Floor", [plain("Div")]), x(1)])])
    case .remainder: return plain("Mod")
    case .fmod: return nodes.node("Mod", [x(0), x(1)], [("fmod", .int(1))], type, shape: x(0).shape)
    case .exp2: return node("Exp", [node("Mul", [x(), constant(0.6931471805599453)])])
    case .expm1: return node("Sub", [plain("Exp"), constant(1)])
    case .log1p: return node("Log", [node("Add", [x(), constant(1)])])
    case .log2: return node("Mul", [plain("Log"), constant(1.4426950408889634)])
    case .log10: return node("Mul", [plain("Log"), constant(0.4342944819032518)])
    case .erfc: return node("Sub", [constant(1), plain("Erf")])
    case .hypot: return node("Sqrt", [node("Add", [node("Mul", [x(0), x(0)]), node("Mul", [x(1), x(1)])])])
    case .real, .conj: return x()
    case .div, .fmin, .fmax, .atan2, .copySign, .nextAfter, .erfinv, .lgamma, .digamma, .polygamma, .i0, .i0e, .i1,
      .i1e,
      .erfcx, .ndtri, .zeta, .igamma, .igammac, .besselJ0, .besselJ1, .besselY0, .besselY1, .k0, .k1, .k0e, .k1e,
      .airyAi, .sphericalJ0, .chebyshevT, .chebyshevU, .chebyshevV, .chebyshevW, .hermiteH, .hermiteHe, .laguerreL,
      .legendreP, .signBit, .shiftLeft, .shiftRight, .gcd, .lcm, .imag, .angle, .complex, .gelu, .geluGrad, .geluTanh,
      .geluTanhGrad, .silu, .siluGrad, .tanhGrad, .sigmoidGrad, .relu, .reluGrad, .leakyRelu, .leakyReluGrad, .absGrad,
      .sqrtGrad, .erfGrad, .divisorGrad, .maximumGrad, .maximumGradOfSecond, .scaleShift:
      throw OpError(name, "ONNX has no operator for one of its steps, \(opcode)")
    }
  }

  private func truncated(_ x: ExportValue) -> ExportValue {
    type.isFloatingPoint ? node("Mul", [node("Sign", [x]), node("Floor", [node("Abs", [x])])]) : x
  }
}
