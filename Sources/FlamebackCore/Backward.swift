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

  /// Calls `hook` with the leaf after its gradient was accumulated.
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
  inGradMode(createGraph, ()) { () throws(OpError) in
    var pass = BackwardPass(createGraph: createGraph, retainGraph: retainGraph ?? createGraph)
    if let inputs {
      if inputs.isEmpty { throw OpError("backward", "inputs must not be empty") }
      let results = try pass.gradients(tensors, gradients, wrt: inputs, op: "backward")
      for (input, gradient) in zip(inputs, results) {
        guard let gradient else { continue }
        let slot = input.body.slot ?? input.body.node!.retainGrad(input.body.outputIndex)
        accumulate(gradient, into: slot, createGraph: createGraph)
      }
    } else {
      try pass.run(tensors, gradients, op: "backward")
    }
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
  return inGradMode(createGraph, inputs.map { Tensor.poisoned($0.spec) }) { () throws(OpError) in
    var pass = BackwardPass(createGraph: createGraph, retainGraph: retainGraph ?? createGraph)
    let gradOutputs = gradOutputs ?? Array(repeating: nil, count: outputs.count)
    var results = try pass.gradients(outputs, gradOutputs, wrt: inputs, op: "grad")
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

/// One scope for the whole pass: pullbacks, hooks and sums record exactly if the graph of the gradient is wanted.
private func inGradMode<R>(_ records: Bool, _ fallback: R, _ body: () throws(OpError) -> R) -> R {
  let change: (inout Context.Values) -> Void = {
    $0.recordsGradients = records
    $0.readsWeightsAgain = false
  }
  return Context.scoped(change) { attempt(fallback, body) }
}

private func accumulate(_ gradient: Tensor, into slot: GradSlot, createGraph: Bool) {
  let gradient = createGraph ? gradient : gradient.withoutHistory
  if var sum = slot.take() {
    addInPlace(gradient, to: &sum)
    slot.dense = sum
  } else {
    slot.dense = gradient
  }
  for hook in slot.accumulationHooks { hook(gradient) }
}

/// In the memory of `sum` where nobody else holds it.
private func addInPlace(_ gradient: Tensor, to sum: inout Tensor) {
  if !Elementwise.add.overwrite(&sum, .tensor(gradient)) { sum = sum + gradient }
}

/// One backward pass: nodes by serial number, newest first, so that a node runs when all its gradients are in.
private struct BackwardPass {
  let createGraph: Bool
  let retainGraph: Bool
  private var heap: [GradNode] = []
  private var pending: [ObjectIdentifier: [Tensor?]] = [:]
  private var leafGradients: [(slot: GradSlot, gradient: Tensor)] = []
  private var leafIndex: [ObjectIdentifier: Int] = [:]

  init(createGraph: Bool, retainGraph: Bool) {
    self.createGraph = createGraph
    self.retainGraph = retainGraph
  }

  /// Runs backward and accumulates into leaves.
  mutating func run(_ roots: [Tensor], _ gradients: [Tensor?], op: String) throws(OpError) {
    try seed(roots, gradients, op: op)
    try drain(needed: nil) { _, _, _ in }
    for (slot, gradient) in leafGradients {
      accumulate(BackwardPass.hooked(slot.hooks, gradient), into: slot, createGraph: createGraph)
    }
  }

  /// Runs backward as far as `inputs` need it and returns their gradients.
  mutating func gradients(
    _ roots: [Tensor], _ gradients: [Tensor?], wrt inputs: [Tensor], op: String
  ) throws(OpError) -> [Tensor?] {
    var nodeTargets: [ObjectIdentifier: [Int: [Int]]] = [:]
    for (i, input) in inputs.enumerated() {
      if let node = input.body.node {
        nodeTargets[ObjectIdentifier(node), default: [:]][input.body.outputIndex, default: []].append(i)
      } else if input.body.slot == nil {
        throw OpError(op, "input \(i) (\(input.spec)) does not require a gradient")
      }
    }
    try seed(roots, gradients, op: op)
    let slots = Set(inputs.compactMap { $0.body.slot.map(ObjectIdentifier.init) })
    let needed = BackwardPass.neededNodes(from: heap, targets: Set(nodeTargets.keys), slots: slots)
    var results: [Tensor?] = Array(repeating: nil, count: inputs.count)
    try drain(needed: needed, targets: Set(nodeTargets.keys)) { node, output, gradient in
      for i in nodeTargets[ObjectIdentifier(node)]?[output] ?? [] { results[i] = gradient }
    }
    for (slot, gradient) in leafGradients {
      let gradient = BackwardPass.hooked(slot.hooks, gradient)
      for (i, input) in inputs.enumerated() where input.body.slot === slot { results[i] = gradient }
    }
    return createGraph ? results : results.map { $0?.withoutHistory }
  }

  private mutating func seed(_ roots: [Tensor], _ gradients: [Tensor?], op: String) throws(OpError) {
    for (i, root) in roots.enumerated() {
      guard root.requiresGrad else {
        throw OpError(op, "output \(i) (\(root.spec)) does not require a gradient and has no graph")
      }
      var gradient: Tensor
      if let given = gradients[i] {
        guard given.shape == root.shape else {
          throw OpError(op, "gradient \(given.spec) does not fit the output \(root.spec)")
        }
        gradient = given.dtype == root.dtype ? given : given.to(root.dtype)
      } else {
        guard root.elementCount == 1 else {
          throw OpError(op, "a gradient can be left out only for one-element outputs, got \(root.spec)")
        }
        gradient = Tensor.filled(1, root.spec)
      }
      add(gradient, root.body.node, root.body.outputIndex, root.body.slot)
    }
  }

  private mutating func add(_ gradient: Tensor, _ node: GradNode?, _ output: Int, _ slot: GradSlot?) {
    if let node {
      let id = ObjectIdentifier(node)
      if pending[id] == nil {
        pending[id] = Array(repeating: nil, count: node.outputSpecs.count)
        push(node)
      }
      if pending[id]![output] != nil {
        addInPlace(gradient, to: &pending[id]![output]!)
      } else {
        pending[id]![output] = gradient
      }
    } else if let slot {
      let id = ObjectIdentifier(slot)
      if let i = leafIndex[id] {
        addInPlace(gradient, to: &leafGradients[i].gradient)
      } else {
        leafIndex[id] = leafGradients.count
        leafGradients.append((slot, gradient))
      }
    }
  }

  private static func hooked(_ hooks: [@Sendable (Tensor) -> Tensor?], _ gradient: Tensor) -> Tensor {
    hooks.reduce(gradient) { $1($0) ?? $0 }
  }

  private mutating func drain(
    needed: Set<ObjectIdentifier>?, targets: Set<ObjectIdentifier> = [], _ visit: (GradNode, Int, Tensor) -> Void
  ) throws(OpError) {
    let reachable = needed?.union(targets)
    while let node = pop() {
      var cotangents = pending.removeValue(forKey: ObjectIdentifier(node))!
      for (_, output, hook) in node.hooks {
        if let gradient = cotangents[output], let replaced = hook(gradient) { cotangents[output] = replaced }
      }
      for (output, gradient) in cotangents.enumerated() {
        guard let gradient else { continue }
        visit(node, output, gradient)
        if needed == nil, let slot = node.retainedSlot(output) {
          accumulate(gradient, into: slot, createGraph: createGraph)
        }
      }
      if let needed, !needed.contains(ObjectIdentifier(node)) { continue }
      let gradients = try node.run(cotangents, retain: retainGraph)
      if let callSite = node.callSite { try checkForNaN(gradients, node.name, callSite) }
      for (edge, gradient) in zip(node.edges, gradients) {
        guard let gradient else { continue }
        switch edge {
        case .node(let next, let output):
          if reachable == nil || reachable!.contains(ObjectIdentifier(next)) { add(gradient, next, output, nil) }
        case .leaf(let slot): add(gradient, nil, 0, slot)
        case .none: break
        }
      }
    }
  }

  /// The nodes through which gradients reach a target; targets themselves are reached but need not run.
  private static func neededNodes(
    from roots: [GradNode], targets: Set<ObjectIdentifier>, slots: Set<ObjectIdentifier>
  ) -> Set<ObjectIdentifier> {
    var seen: Set<ObjectIdentifier> = []
    var nodes: [GradNode] = []
    var stack = roots
    while let node = stack.popLast() {
      guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
      nodes.append(node)
      for case .node(let next, _) in node.edges { stack.append(next) }
    }
    nodes.sort { $0.serial < $1.serial }
    var needed: Set<ObjectIdentifier> = []
    for node in nodes {
      let leads = node.edges.contains { edge in
        switch edge {
        case .node(let next, _):
          needed.contains(ObjectIdentifier(next)) || targets.contains(ObjectIdentifier(next))
        case .leaf(let slot): slots.contains(ObjectIdentifier(slot))
        case .none: false
        }
      }
      if leads { needed.insert(ObjectIdentifier(node)) }
    }
    return needed
  }

  private mutating func push(_ node: GradNode) {
    heap.append(node)
    var i = heap.count - 1
    while i > 0, heap[(i - 1) / 2].serial < heap[i].serial {
      heap.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  private mutating func pop() -> GradNode? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if heap.isEmpty { return top }
    heap[0] = last
    var i = 0
    while true {
      var largest = i
      for child in [2 * i + 1, 2 * i + 2] where child < heap.count && heap[child].serial > heap[largest].serial {
        largest = child
      }
      if largest == i { return top }
      heap.swapAt(i, largest)
      i = largest
    }
  }
}
