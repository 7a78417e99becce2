import FlamebackKernels

extension Graph {
  /// Neighbouring elementwise instructions whose intermediate values nobody else reads become one.
  ///
  /// With `differentiable` only functions whose gradients follow from their expressions take part; without, the kernels
  /// of whole functions are steps of the joint program.
  package func fused(differentiable: Bool) -> Graph {
    var uses: [Int: Int] = [:]
    for instruction in instructions { for input in instruction.inputs { uses[input, default: 0] += 1 } }
    for output in outputs { uses[output, default: 0] += 2 }  // outputs stay
    var list: [Instruction?] = instructions
    var producer: [Int: Int] = [:]
    for i in list.indices {
      while let joined = joined(i, list, producer, uses, differentiable: differentiable) {
        list[joined.removed] = nil
        list[i] = joined.instruction
      }
      for output in list[i]!.outputs { producer[output] = i }
    }
    var result = self
    result.instructions = list.compactMap { $0 }
    result.regions = []
    return result
  }

  /// Instruction `i` with one of its operands' instructions inside.
  private func joined(
    _ i: Int, _ list: [Instruction?], _ producer: [Int: Int], _ uses: [Int: Int], differentiable: Bool
  ) -> (instruction: Instruction, removed: Int)? {
    guard let outer = list[i], let b = fusable(outer, differentiable) else { return nil }
    for value in outer.inputs {
      guard let k = producer[value], let inner = list[k], let a = fusable(inner, differentiable),
        outer.inputs.count(where: { $0 == value }) == uses[value],
        !differentiable || inner.recordsGradients || !outer.recordsGradients,
        specs[value].shape == specs[outer.outputs[0]].shape
      else { continue }
      var operands: [Int] = []
      func input(_ value: Int) -> Expression {
        if let known = operands.firstIndex(of: value) { return .input(known) }
        operands.append(value)
        return .input(operands.count - 1)
      }
      let part = a.body(kernels: !differentiable, inner.inputs.map(input))
      let whole = b.body(kernels: !differentiable, outer.inputs.map { $0 == value ? part : input($0) })
      guard operands.count <= 8, whole.uses.inputs.count == operands.count else { continue }
      let function = Elementwise(
        name: "\(a.name)+\(b.name)", arity: operands.count, rule: .promoted, domain: .floating, conditions: 0,
        expression: whole, gradients: nil, refusal: nil)
      return (
        Instruction(
          primitive: Primitives.Pointwise(function), inputs: operands, outputs: outer.outputs, scope: outer.scope,
          recordsGradients: outer.recordsGradients), k
      )
    }
    return nil
  }

  /// The operation, if it computes in the one floating point type of all its operands. (Halves are rounded in between.)
  private func fusable(_ instruction: Instruction, _ differentiable: Bool) -> Primitives.Pointwise? {
    guard let op = instruction.primitive as? Primitives.Pointwise, instruction.inputs.count > 0 else { return nil }
    let dtype = specs[instruction.outputs[0]].dtype
    let function = op.function
    guard dtype == .float32 || dtype == .float64, function.conditions == 0,
      function.rule == .promoted || function.rule == .floating,
      op.resultDType == nil || op.resultDType == dtype,
      op.scalars.allSatisfy({ $0.category <= .floating }),
      instruction.inputs.allSatisfy({ specs[$0].dtype == dtype }),
      !differentiable || function.isPlain
    else { return nil }
    return op
  }
}

extension Graph.Instruction {
  /// Whether it is nothing but `function` of one tensor.
  package func applies(_ function: Elementwise) -> Bool {
    guard let op = primitive as? Primitives.Pointwise else { return false }
    return op.function === function && op.scalars.isEmpty && op.resultDType == nil && inputs.count == 1
  }
}

extension Primitives.Pointwise {
  /// The expression over `operands`, numbers as constants.
  fileprivate func body(kernels: Bool, _ operands: [Expression]) -> Expression {
    var (tensors, numbers) = (0, 0)
    let arguments = (0..<function.arity).map { i -> Expression in
      if scalarMask & (1 << UInt64(i)) != 0 {
        numbers += 1
        return .constant(scalars[numbers - 1])
      }
      tensors += 1
      return operands[tensors - 1]
    }
    if kernels, let kernel = function.kernel { return Expression(.operation(kernel, arguments)) }
    return function.expression.substituting(inputs: arguments)
  }
}
