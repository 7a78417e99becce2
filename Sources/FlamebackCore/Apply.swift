import FlamebackKernels

/// Runs a primitive: the one place where operations are checked, computed, recorded and traced.
public func apply<P: Primitive>(_ op: P, _ inputs: [Tensor]) -> [Tensor] {
  let context = Context.current
  do {
    if context.errorBox != nil, inputs.contains(where: \.isPoisoned) { return poisoned(op, inputs) }
    guard let lower = context.values.autocastDType, op.autocast != .unchanged else {
      return try perform(op, inputs, context)
    }
    return try perform(op, op.autocast.cast(inputs, to: lower), context)
  } catch {
    report(error)
    return poisoned(op, inputs)
  }
}

/// Runs a primitive with one output.
public func apply<P: Primitive>(_ op: P, _ inputs: Tensor...) -> Tensor { apply(op, inputs)[0] }

/// The expected ranks and dtypes where the rule can tell them, the first input's otherwise.
private func poisoned(_ op: some Primitive, _ inputs: [Tensor]) -> [Tensor] {
  let stand = inputs.first?.spec ?? TensorSpec(shape: [], dtype: .float32)
  let specs = (try? op.infer(inputs.map(\.spec))) ?? Array(repeating: stand, count: op.outputCount)
  return specs.map { Tensor.poisoned($0) }
}

private func perform<P: Primitive>(_ op: P, _ inputs: [Tensor], _ context: Context) throws(OpError) -> [Tensor] {
  let operands = try placed(op, inputs)
  var bodies: [TensorBody]
  switch operands.count == 1 ? try op.aliases(of: operands[0].layout, operands[0].dtype) : .none {
  case .one(let layout, let dtype):
    try layout.shape.checkSizes(op.name)
    bodies = [TensorBody(storage: operands[0].body.storage, layout: layout, dtype: dtype)]
  case .several(let layouts):
    let input = operands[0].body
    for layout in layouts { try layout.shape.checkSizes(op.name) }
    bodies = layouts.map { TensorBody(storage: input.storage, layout: $0, dtype: input.dtype) }
  case .none:
    // Its draws are the instruction's, not something that the graph does not say.
    let results =
      if op.isRandom, context.tracer != nil {
        try untraced { () throws(OpError) in try execute(op, operands, context) }
      } else {
        try execute(op, operands, context)
      }
    bodies = results.map(\.body)
  }
  var outputs: [Tensor]
  if context.values.recordsGradients, inputs.contains(where: { $0.requiresGrad }),
    bodies.contains(where: { $0.dtype.isDifferentiable })
  {
    outputs = try attach(op, inputs, bodies, context)
  } else if context.values.isInference {
    outputs = bodies.map {
      Tensor(TensorBody(storage: $0.storage, layout: $0.layout, dtype: $0.dtype, isInference: true))
    }
  } else {
    outputs = bodies.map(Tensor.init)
  }
  context.tracer?.record(op, inputs, &outputs)
  return outputs
}

private func untraced<R>(_ body: () throws(OpError) -> R) throws(OpError) -> R {
  try Context.scoped({ $0.tracer = nil }) { Result(catching: body) }.get()
}

/// The inputs on the device where the operation runs: its destination, or where they all lie. Scalars on the host follow
/// the other inputs.
private func placed(_ op: some Primitive, _ inputs: [Tensor]) throws(OpError) -> [Tensor] {
  guard let first = inputs.first else { return inputs }
  var device = first.device
  if let destination = op.destination {
    device = destination
  } else {
    guard inputs.contains(where: { $0.device != device }) else { return inputs }
    let settled = inputs.filter { !($0.device.isHost && $0.rank == 0) }
    device = settled.first?.device ?? device
    guard settled.allSatisfy({ $0.device == device }) else {
      throw OpError(
        op.name, "tensors on different devices: \(inputs.map { "\($0.spec) on \($0.device)" }.joined(separator: ", "))")
    }
  }
  var moved = inputs
  for i in inputs.indices where inputs[i].device != device { moved[i] = try inputs[i].copied(to: device, op: op.name) }
  return moved
}

/// Computes on the inputs' device: by its kernel, by the decomposition, or on the host.
private func execute<P: Primitive>(_ op: P, _ inputs: [Tensor], _ context: Context) throws(OpError) -> [Tensor] {
  for input in inputs { try op.accept(input.dtype) }
  let device = inputs.first?.device ?? op.destination ?? context.values.defaultDevice
  if device.isHost { return try executeOnHost(op, inputs, keepsForms: context.values.keepsForms) }
  let backend = try Backends.shared.required(device, op: op.name)
  let specs = inputs.map(\.spec)
  let inferred = try op.infer(specs)
  if backend.hasKernel(for: op, specs) {
    let inputs = op.acceptsStrides ? inputs : inputs.map { $0.isContiguous ? $0 : $0.contiguous() }
    var outputs: [Tensor] = []
    for var spec in inferred {
      spec.device = device
      outputs.append(try .uninitialized(spec, op: op.name))
    }
    defer { withExtendedLifetime((inputs, outputs)) {} }  // views hold nothing
    do { try backend.submit(op, inputs.map(\.deviceView), into: outputs.map(\.deviceView)) } catch {
      throw error.error(in: op.name)
    }
    return outputs
  }
  let smaller = Context.scoped({
    $0.recordsGradients = false
    $0.tracer = nil
    $0.defaultDevice = device
  }) { op.decomposed(inputs.map(\.withoutHistory)) }
  if let smaller { return smaller }
  guard backend.allowsHostFallback else {
    throw OpError(op.name, "\(device) has no kernel for it, it has no decomposition, and the host must not step in")
  }
  var onHost: [Tensor] = []
  for input in inputs { onHost.append(try input.copied(to: .cpu, op: op.name)) }
  var outputs: [Tensor] = []
  for output in try executeOnHost(op, onHost) { outputs.append(try output.copied(to: device, op: op.name)) }
  return outputs
}

private func executeOnHost<P: Primitive>(
  _ op: P, _ inputs: [Tensor], keepsForms: Bool = false
) throws(OpError) -> [Tensor] {
  let specs = try op.infer(inputs.map(\.spec))
  for spec in specs { try op.accept(spec.dtype) }
  var outputs: [Tensor] = []
  outputs.reserveCapacity(specs.count)
  for spec in specs { outputs.append(try .uninitialized(spec, op: op.name)) }
  defer { withExtendedLifetime((inputs, outputs)) {} }  // views hold nothing
  if op.acceptsStrides || inputs.allSatisfy(\.isContiguous) {
    try op.compute(inputs.map { $0.hostView(keepsForms: keepsForms) }, into: outputs.map(\.hostView))
  } else {
    var packed: [Tensor] = []
    for input in inputs { packed.append(try input.packed(op: op.name)) }
    try op.compute(packed.map(\.hostView), into: outputs.map(\.hostView))
    withExtendedLifetime(packed) {}
  }
  return outputs
}

/// Gives the outputs a node of the gradient graph.
private func attach<P: Primitive>(
  _ op: P, _ inputs: [Tensor], _ bodies: [TensorBody], _ context: Context
) throws(OpError) -> [Tensor] {
  let specs = SpecList(bodies) { TensorSpec(shape: $0.layout.shape, dtype: $0.dtype, device: $0.storage.device) }
  let node = try recordedNode(op, SmallList(inputs), specs, context) { Tensor(bodies[$0]) }
  return bodies.enumerated().map { i, body in
    guard body.dtype.isDifferentiable else { return Tensor(body) }
    return Tensor(
      TensorBody(storage: body.storage, layout: body.layout, dtype: body.dtype, node: node, outputIndex: i))
  }
}

/// The node of an operation in the gradient graph; `output` gives a result without history, if it must be kept.
func recordedNode<P: Primitive>(
  _ op: P, _ inputs: SmallList<Tensor>, _ outputSpecs: SpecList, _ context: Context, _ output: (Int) -> Tensor
) throws(OpError) -> GradNode {
  let kept: Kept
  let pullback: @Sendable ([Tensor?], Saved) -> [Tensor?]
  switch op.gradient {
  case .pullback(let keeps, let body): (kept, pullback) = (keeps, body)
  case .none(let reason):
    kept = .nothing
    pullback = { cotangents, saved in
      report(OpError(op.name, "has no gradient: \(reason)"))
      return Array(repeating: nil, count: saved.inputCount)
    }
  case .ofDecomposition:
    kept = .inputs
    pullback = { cotangents, saved in gradientOfDecomposition(op, cotangents, saved) }
  }
  for i in inputs.indices where inputs[i].body.isInference && kept.keepsInput(i) {
    throw OpError(
      op.name, "a tensor made in inference mode cannot be kept for backward: clone it outside, or use noGrad")
  }
  return GradNode(
    name: op.name, inputs: inputs, outputSpecs: outputSpecs,
    saved: GradNode.SavedTensors(kept, inputs, outputCount: outputSpecs.count, output),
    callSite: context.values.detectsAnomalies ? captureCallSite() : nil, pullback: pullback)
}

/// Differentiates an operation through its smaller parts: forward again, then back.
package func gradientOfDecomposition(_ op: some Primitive, _ cotangents: [Tensor?], _ saved: Saved) -> [Tensor?] {
  let wanted = (0..<saved.inputCount).filter { saved.needs($0) }
  let creates = Context.isGradEnabled
  return enableGrad {
    let inputs = (0..<saved.inputCount).map { i in
      let input = saved.input(i)
      return wanted.contains(i) && !creates ? input.withoutHistory.requiringGrad() : input
    }
    guard let outputs = op.decomposed(inputs) else {
      report(OpError(op.name, "names its decomposition as gradient but has none"))
      return Array(repeating: nil, count: inputs.count)
    }
    let pairs = zip(outputs, cotangents).filter { $0.1 != nil && $0.0.requiresGrad }
    let gradients = grad(
      of: pairs.map(\.0), wrt: wanted.map { inputs[$0] }, gradOutputs: pairs.map(\.1), createGraph: creates,
      allowUnused: true)
    var result: [Tensor?] = Array(repeating: nil, count: inputs.count)
    for (i, gradient) in zip(wanted, gradients) { result[i] = gradient }
    return result
  }
}
