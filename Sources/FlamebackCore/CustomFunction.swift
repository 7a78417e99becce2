import FlamebackKernels

/// What a custom function's `forward` leaves for its `backward`. SeeAlso: torch.autograd.function.FunctionCtx
public struct FunctionContext: Sendable {
  /// Tensors that backward needs: inputs, outputs or anything between.
  public var saved: [Tensor] = []
  /// Which inputs want a gradient.
  public internal(set) var needsInputGrad: [Bool] = []
}

/// A function with a gradient of one's own making.
///
///     let clip = CustomFunction("clip") { inputs, _ in [inputs[0]] }
///       backward: { grads, _ in [grads[0].map { $0.clamp(min: -1, max: 1) }] }
///     let y = clip([x])[0]
///
/// SeeAlso: torch.autograd.Function
public struct CustomFunction: Sendable {
  let name: String
  let forward: @Sendable ([Tensor], inout FunctionContext) -> [Tensor]
  let backward: @Sendable ([Tensor?], FunctionContext) -> [Tensor?]

  /// `forward` runs without recording. `backward` turns the outputs' gradients (nil: not needed) into those of the inputs
  /// (nil: none); written in tensor operations it can be differentiated again.
  public init(
    _ name: String, forward: @escaping @Sendable ([Tensor], inout FunctionContext) -> [Tensor],
    backward: @escaping @Sendable ([Tensor?], FunctionContext) -> [Tensor?]
  ) {
    self.name = name
    self.forward = forward
    self.backward = backward
  }

  public func callAsFunction(_ inputs: [Tensor]) -> [Tensor] {
    var context = FunctionContext()
    context.needsInputGrad = inputs.map(\.requiresGrad)
    let outputs = noGrad { forward(inputs, &context) }
    let ambient = Context.current
    guard ambient.values.recordsGradients, inputs.contains(where: \.requiresGrad) else {
      return outputs.map(\.withoutHistory)
    }
    let count = inputs.count
    return recorded(name, inputs, outputs, ambient) { [backward, name, context] cotangents in
      let gradients = backward(cotangents, context)
      guard gradients.count == count else {
        report(OpError(name, "backward returned \(gradients.count) gradients for \(count) inputs"))
        return Array(repeating: nil, count: count)
      }
      return gradients
    }
  }
}

/// Gives finished tensors a place in the graph.
func recorded(
  _ name: String, _ inputs: [Tensor], _ outputs: [Tensor], _ context: Context,
  _ pullback: @escaping @Sendable ([Tensor?]) -> [Tensor?]
) -> [Tensor] {
  let node = GradNode(
    name: name, inputs: SmallList(inputs), outputSpecs: SpecList(outputs, \.spec), saved: GradNode.SavedTensors(),
    callSite: context.values.detectsAnomalies ? captureCallSite() : nil
  ) { cotangents, _ in pullback(cotangents) }
  return outputs.enumerated().map { i, output in
    guard output.dtype.isDifferentiable else { return output.withoutHistory }
    return Tensor(
      TensorBody(
        storage: output.body.storage, layout: output.layout, dtype: output.dtype, node: node, outputIndex: i))
  }
}

/// Runs `body` without keeping what its backward needs; backward runs it again. Saves memory for time.
///
/// Parameters that `body` reads get their gradients as usual; random numbers are the same both times.
/// SeeAlso: torch.utils.checkpoint.checkpoint
public func checkpoint(_ inputs: [Tensor], _ body: @escaping @Sendable ([Tensor]) -> [Tensor]) -> [Tensor] {
  let context = Context.current
  guard context.values.recordsGradients else { return body(inputs) }
  let before = Generator.default.state
  let outputs = keepingPackedWeights(false) { noGrad { body(inputs) } }
  let plain = inputs.map(\.withoutHistory)
  let wanted = inputs.map(\.requiresGrad)
  return recorded("checkpoint", inputs, outputs, context) { cotangents in
    let leaves = zip(plain, wanted).map { $1 ? $0.withSlot(GradSlot()) : $0 }
    let again = withGenerator(Generator(state: before)) { enableGrad { body(leaves) } }
    let pairs = zip(again, cotangents).filter { $0.0.requiresGrad && $0.1 != nil }
    if !pairs.isEmpty { backward(pairs.map(\.0), gradients: pairs.map(\.1)) }
    return leaves.map(\.grad)
  }
}
