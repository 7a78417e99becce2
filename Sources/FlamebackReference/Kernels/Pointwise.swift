import FlamebackCore
import FlamebackKernels

/// Elementwise functions by walking through their expressions, a whole array at each step.
extension Primitives.Pointwise: ReferenceKernel {
  package func takes(_ inputs: [TensorSpec]) -> Bool {
    guard let compute = try? types(inputs.lazy.map { ($0.dtype, $0.shape.count) }).compute else { return false }
    if compute == .uint64 { return false }  // the device computes with Int
    return function.expression.steps.allSatisfy { step in
      guard case .operation(let opcode, _) = step.kind else { return true }
      switch compute.category {
      case .bool, .integer: return ReferenceInteger.knows(opcode)
      case .floating: return ReferenceReal.knows(opcode)
      case .complex: return ReferenceComplex.knows(opcode)
      }
    }
  }

  package func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError) {
    let compute = try types(inputs.lazy.map { ($0.dtype, $0.shape.count) }).compute
    let shape = outputs[0].shape
    let operands = inputs.map { x in
      ReferenceArray(
        base: x.base, dtype: x.dtype, shape: shape,
        strides: Layout(shape: x.shape, strides: x.strides).expanded(to: shape)!.strides)
    }
    let count = outputs[0].count
    switch compute.category {
    case .bool, .integer:
      let columns = self.columns(operands.map(\.integers), count) { $0.int }
      let isBool = compute == .bool
      outputs[0].store(
        .integers(
          try evaluate(columns, count, { $0.int }) { (code, args) throws(OpError) in
            guard let value = ReferenceInteger.apply(code, args, isBool: isBool) else {
              throw OpError(name, "integer division by zero")
            }
            return value
          }))
    case .floating:
      let isDouble = compute == .float64
      func rounded(_ x: Double) -> Double { isDouble ? x : Double(Float(x)) }
      let columns = self.columns(operands.map(\.reals), count) { rounded($0.double) }
      outputs[0].store(
        .reals(
          try evaluate(columns, count, { rounded($0.double) }) { (code, args) throws(OpError) in
            rounded(isDouble ? ReferenceReal.apply(code, args) : ReferenceReal.single(code, args))
          }))
    case .complex:
      let columns = self.columns(operands.map(\.complexes), count) { Complex($0.double, $0.imaginary) }
      outputs[0].store(
        .complexes(
          try evaluate(columns, count, { Complex($0.double, $0.imaginary) }) { (code, args) throws(OpError) in
            ReferenceComplex.apply(code, args)
          }))
    }
  }

  /// The function's arguments in their order: tensors, and numbers repeated.
  private func columns<T>(_ tensors: [[T]], _ count: Int, _ number: (Scalar) -> T) -> [[T]] {
    var (nextTensor, nextScalar) = (0, 0)
    return (0..<function.arity).map { i in
      if scalarMask & (1 << UInt64(i)) != 0 {
        nextScalar += 1
        return Array(repeating: number(scalars[nextScalar - 1]), count: count)
      }
      nextTensor += 1
      return tensors[nextTensor - 1]
    }
  }

  private func evaluate<T>(
    _ columns: [[T]], _ count: Int, _ number: (Scalar) -> T, _ apply: (Opcode, [T]) throws(OpError) -> T
  ) throws(OpError) -> [T] {
    var known: [ObjectIdentifier: [T]] = [:]
    for step in function.expression.steps {
      let values: [T]
      switch step.kind {
      case .input(let i): values = columns[i]
      case .constant(let value): values = Array(repeating: number(value), count: count)
      case .parameter, .result: preconditionFailure("only programs have parameters")
      case .operation(let opcode, let args):
        let operands = args.map { known[ObjectIdentifier($0.node)]! }
        var results: [T] = []
        results.reserveCapacity(count)
        for i in 0..<count { results.append(try apply(opcode, operands.map { $0[i] })) }
        values = results
      }
      known[ObjectIdentifier(step.node)] = values
    }
    return known[ObjectIdentifier(function.expression.node)]!
  }
}

extension Expression {
  /// The parts of the expression, each once, operands before what is computed from them.
  fileprivate var steps: [Expression] {
    var steps: [Expression] = []
    var done: Set<ObjectIdentifier> = []
    var stack: [(Expression, isReady: Bool)] = [(self, false)]
    while let (expression, isReady) = stack.popLast() {
      if done.contains(ObjectIdentifier(expression.node)) { continue }
      if case .operation(_, let args) = expression.kind, !isReady {
        stack.append((expression, true))
        for arg in args { stack.append((arg, false)) }
        continue
      }
      done.insert(ObjectIdentifier(expression.node))
      steps.append(expression)
    }
    return steps
  }
}
