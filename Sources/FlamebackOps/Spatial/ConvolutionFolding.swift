import FlamebackCore
import FlamebackKernels

extension Graph {
  /// Batch norms with fixed statistics behind convolutions with fixed weights become part of the convolutions:
  /// w · s / √(v + ε) and (b − m) · s / √(v + ε) + shift.
  package func foldingBatchNorms() -> Graph {
    var uses: [Int: Int] = [:]
    for instruction in instructions { for input in instruction.inputs { uses[input, default: 0] += 1 } }
    for output in outputs { uses[output, default: 0] += 1 }
    var result = self
    var list = instructions.map(Optional.some)
    var producer: [Int: Int] = [:]
    for (i, instruction) in instructions.enumerated() {
      for output in instruction.outputs { producer[output] = i }
      guard let norm = instruction.primitive as? BatchNorm, !norm.training, let k = producer[instruction.inputs[0]],
        let conv = list[k], conv.primitive is Convolution, uses[instruction.inputs[0]] == 1,
        let folded = norm.folded(
          into: conv.inputs.dropFirst().map { constants[$0] }, instruction.inputs.dropFirst().map { constants[$0] })
      else { continue }
      let operands = [result.addConstant(folded.weight), result.addConstant(folded.bias)]
      list[k] = nil
      list[i] = Instruction(
        primitive: conv.primitive, inputs: [conv.inputs[0]] + operands, outputs: instruction.outputs,
        scope: conv.scope)
    }
    result.replaceInstructions { _ in list.compactMap { $0 } }
    return result
  }

  /// A `relu` of a convolution's result that nobody else reads is applied where the result is written.
  package func foldingRectifiers() -> Graph {
    var uses: [Int: Int] = [:]
    for instruction in instructions { for input in instruction.inputs { uses[input, default: 0] += 1 } }
    for output in outputs { uses[output, default: 0] += 1 }
    var result = self
    var list = instructions.map(Optional.some)
    var producer: [Int: Int] = [:]
    for (i, instruction) in instructions.enumerated() {
      for output in instruction.outputs { producer[output] = i }
      guard instruction.applies(.relu), let k = producer[instruction.inputs[0]], let conv = list[k],
        var joined = conv.primitive as? Convolution, uses[instruction.inputs[0]] == 1
      else { continue }
      joined.rectifies = true
      list[k] = nil
      list[i] = Instruction(
        primitive: joined, inputs: conv.inputs, outputs: instruction.outputs, scope: conv.scope)
    }
    result.replaceInstructions { _ in list.compactMap { $0 } }
    return result
  }
}

extension BatchNorm {
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
