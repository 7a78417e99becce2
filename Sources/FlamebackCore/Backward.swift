import FlamebackKernels

extension Tensor {
  /// Whether operations on this tensor record gradients. SeeAlso: torch.Tensor.requires_grad
  public var requiresGrad: Bool { body.node != nil || body.slot != nil }
  /// True unless an operation with a gradient made it. SeeAlso: torch.Tensor.is_leaf
  public var isLeaf: Bool { body.node == nil }
  /// The operation that made it. SeeAlso: torch.Tensor.grad_fn
  public var gradFn: GradNode? { body.node }

  /// The accumulated gradient of a leaf, or of a tensor whose `retainGrad()` was called. SeeAlso: torch.Tensor.grad
  public var grad: Tensor? {
    get { gradSlot?.grad }
    nonmutating set {
      guard let slot = gradSlot else { return report(OpError("grad", "a tensor without requiresGrad has no gradient")) }
      if let newValue, newValue.shape != shape {
        return report(OpError("grad", "assigned gradient \(newValue.spec) does not fit the tensor \(spec)"))
      }
      slot.grad = newValue
    }
  }

  package var gradSlot: GradSlot? { body.slot ?? body.node?.retainedSlot(body.outputIndex) }

  /// A leaf with the same values that asks for a gradient (or, with false, one that does not).
  /// SeeAlso: torch.Tensor.requires_grad_
  public func requiringGrad(_ requires: Bool = true) -> Tensor {
    if requires && body.slot != nil { return self }
    if requires && !dtype.isDifferentiable {
      return fail(
        "requiresGrad", "only floating point and complex tensors can require gradients, got \(spec)", like: spec)
    }
    return withSlot(requires ? GradSlot() : nil)
  }

  /// A leaf with the same memory whose gradient accumulates in `slot`.
  package func withSlot(_ slot: GradSlot?) -> Tensor {
    Tensor(
      TensorBody(
        storage: body.storage, layout: body.layout, dtype: body.dtype, slot: slot, isPoisoned: body.isPoisoned))
  }

  /// The same memory without its place in the graph.
  package var withoutHistory: Tensor {
    body.node == nil && body.slot == nil ? self : withSlot(nil)
  }

  /// The same values, cut from the graph. SeeAlso: torch.Tensor.detach
  public func detached() -> Tensor { withSlot(nil) }

  /// Lets `grad` of a tensor inside the graph be kept in the next backward. SeeAlso: torch.Tensor.retain_grad
  public func retainGrad() {
    noteInTrace("keeps or watches gradients inside", aboutGradients: true)
    guard let node = body.node else {
      if body.slot == nil { report(OpError("retainGrad", "the tensor does not require a gradient")) }
      return
    }
    _ = node.retainGrad(body.outputIndex)
  }

  /// Calls `hook` with the gradient when it is computed; what it returns replaces it.
  /// SeeAlso: torch.Tensor.register_hook
  @discardableResult
  public func registerHook(_ hook: @escaping @Sendable (Tensor) -> Tensor?) -> HookHandle {
    noteInTrace("keeps or watches gradients inside", aboutGradients: true)
    if let node = body.node { return node.addHook(body.outputIndex, hook) }
    guard let slot = body.slot else {
      report(OpError("registerHook", "the tensor does not require a gradient"))
      return HookHandle {}
    }
    return slot.addHook(hook)
  }

  /// Calls `hook` with the leaf as soon as its gradient of a backward pass is complete and accumulated, before the pass
  /// goes on: an optimizer can use it up and drop it there.
  /// SeeAlso: torch.Tensor.register_post_accumulate_grad_hook
  @discardableResult
  public func registerPostAccumulateGradHook(_ hook: @escaping @Sendable (Tensor) -> Void) -> HookHandle {
    guard let slot = body.slot else {
      report(OpError("registerPostAccumulateGradHook", "only a leaf that requires a gradient accumulates one"))
      return HookHandle {}
    }
    let leaf = self.withoutHistory
    return slot.addAccumulationHook { [weak slot] _ in if let slot { hook(leaf.withSlot(slot)) } }
  }

  /// Accumulates the gradient of this tensor into the `grad` of the leaves it came from.
  ///
  /// - Parameters:
  ///   - gradient: the gradient of this tensor, of its shape; only a one-element tensor may leave it out (1).
  ///   - retainGraph: keep what backward needs for another one. Default: as `createGraph`.
  ///   - createGraph: record the backward pass itself, for gradients of gradients.
  ///   - inputs: accumulate into these tensors only. SeeAlso: torch.Tensor.backward
  public func backward(
    gradient: Tensor? = nil, retainGraph: Bool? = nil, createGraph: Bool = false, inputs: [Tensor]? = nil
  ) {
    runBackward([self], gradients: [gradient], retainGraph: retainGraph, createGraph: createGraph, inputs: inputs)
  }
}

/// `backward` of several tensors in one pass. SeeAlso: torch.autograd.backward
public func backward(
  _ tensors: [Tensor], gradients: [Tensor?]? = nil, retainGraph: Bool? = nil, createGraph: Bool = false,
  inputs: [Tensor]? = nil
) {
  runBackward(
    tensors, gradients: gradients ?? Array(repeating: nil, count: tensors.count), retainGraph: retainGraph,
    createGraph: createGraph, inputs: inputs)
}

private func runBackward(
  _ tensors: [Tensor], gradients: [Tensor?], retainGraph: Bool?, createGraph: Bool, inputs: [Tensor]?
) {
  if tensors.contains(where: \.isPoisoned) { return }
  noteInTrace("runs backward")
  inBackward(createGraph, ()) { () throws(OpError) in
    if let inputs, inputs.isEmpty { throw OpError("backward", "inputs must not be empty") }
    var pass = BackwardPass(createGraph: createGraph, retainGraph: retainGraph ?? createGraph)
    try pass.accumulateGradients(of: tensors, gradients, into: inputs)
  }
}

/// The gradients of `outputs` with respect to any tensors of the graph, without touching anybody's `grad`.
///
/// - Parameters:
///   - gradOutputs: the gradients of the outputs; nil for one-element outputs.
///   - allowUnused: an input that does not matter gives nil; otherwise it is an error.
///   - materializeGrads: zeros instead of nil. SeeAlso: torch.autograd.grad
public func grad(
  of outputs: [Tensor], wrt inputs: [Tensor], gradOutputs: [Tensor?]? = nil, retainGraph: Bool? = nil,
  createGraph: Bool = false, allowUnused: Bool = false, materializeGrads: Bool = false
) -> [Tensor?] {
  if (outputs + inputs).contains(where: \.isPoisoned) { return inputs.map { $0 } }
  return inBackward(createGraph, inputs.map { Tensor.poisoned($0.spec) }) { () throws(OpError) in
    var pass = BackwardPass(createGraph: createGraph, retainGraph: retainGraph ?? createGraph)
    let gradOutputs = gradOutputs ?? Array(repeating: nil, count: outputs.count)
    var results = try pass.gradients(of: outputs, gradOutputs, wrt: inputs)
    for i in results.indices where results[i] == nil {
      if materializeGrads {
        results[i] = Tensor.zerosForGradient(inputs[i].spec)
      } else if !allowUnused {
        throw OpError(
          "grad", "input \(i) (\(inputs[i].spec)) was not used in the graph: pass allowUnused: true if that is meant")
      }
    }
    return results
  }
}

/// The gradient of one output with respect to one tensor. SeeAlso: torch.autograd.grad
public func grad(
  of output: Tensor, wrt input: Tensor, gradOutput: Tensor? = nil, retainGraph: Bool? = nil, createGraph: Bool = false
) -> Tensor {
  grad(of: [output], wrt: [input], gradOutputs: [gradOutput], retainGraph: retainGraph, createGraph: createGraph)[0]
    ?? .poisoned(input.spec)
}
