import FlamebackCore
import FlamebackKernels

extension Graph {
  /// Batch norms with fixed statistics behind convolutions with fixed weights become part of the convolutions:
  /// w · s / √(v + ε) and (b − m) · s / √(v + ε) + shift.
  package func foldingBatchNorms() -> Graph {
    joiningConvolutions { conv, next, result in
      guard let norm = next.primitive as? Primitives.BatchNorm, !norm.training,
        let folded = norm.folded(
          into: conv.inputs.dropFirst().map { constants[$0] }, next.inputs.dropFirst().map { constants[$0] })
      else { return nil }
      let operands = [result.addConstant(folded.weight), result.addConstant(folded.bias)]
      return (conv.primitive, [conv.inputs[0]] + operands)
    }
  }

  /// A `relu` of a convolution's result is applied where the result is written.
  package func foldingRectifiers() -> Graph {
    joiningConvolutions { conv, next, _ in
      guard next.applies(.relu), var joined = conv.primitive as? Primitives.Convolution else { return nil }
      joined.rectifies = true
      return (joined, conv.inputs)
    }
  }

  /// An instruction that alone reads a convolution's result becomes one with it where `join` says how.
  private func joiningConvolutions(
    _ join: (_ conv: Instruction, _ next: Instruction, inout Graph) -> (any Primitive, inputs: [Int])?
  ) -> Graph {
    var uses: [Int: Int] = [:]
    for instruction in instructions { for input in instruction.inputs { uses[input, default: 0] += 1 } }
    for output in outputs { uses[output, default: 0] += 1 }
    var result = self
    var list = instructions.map(Optional.some)
    var producer: [Int: Int] = [:]
    for (i, instruction) in instructions.enumerated() {
      for output in instruction.outputs { producer[output] = i }
      guard let value = instruction.inputs.first, uses[value] == 1, let k = producer[value], let conv = list[k],
        conv.primitive is Primitives.Convolution, let joined = join(conv, instruction, &result)
      else { continue }
      list[k] = nil
      list[i] = Instruction(
        primitive: joined.0, inputs: joined.inputs, outputs: instruction.outputs, scope: conv.scope)
    }
    result.replaceInstructions { _ in list.compactMap { $0 } }
    return result
  }
}

extension Primitives.BatchNorm {
  /// The weight and bias of a convolution (weight, perhaps bias) with this norm (mean, variance, perhaps weight and bias)
  /// behind it; nil where one of them is not fixed.
  fileprivate func folded(into convolution: [Tensor?], _ norm: [Tensor?]) -> (weight: Tensor, bias: Tensor)? {
    let tensors = (convolution + norm).compactMap { $0 }
    guard tensors.count == convolution.count + norm.count else { return nil }
    return noGrad {
      func wide(_ i: Int) -> Tensor { norm[i]!.to(.float64) }
      let weight = convolution[0]!
      let scale = hasWeight ? wide(2) : Tensor.ones([weight.shape[0]], dtype: .float64)
      let factor = scale * (wide(1) + eps).rsqrt()
      let bias = convolution.count > 1 ? convolution[1]!.to(.float64) : Tensor.zeros([], dtype: .float64)
      let shift = hasBias ? wide(hasWeight ? 3 : 2) : Tensor.zeros([], dtype: .float64)
      let column = [weight.shape[0]] + Array(repeating: 1, count: weight.rank - 1)
      return (
        (weight.to(.float64) * factor.reshape(column)).to(weight.dtype),
        ((bias - wide(0)) * factor + shift).to(weight.dtype)
      )
    }
  }
}
