import FlamebackKernels
import Synchronization

/// One backward pass over the graph below some tensors.
///
/// A walk numbers the nodes and counts the contributions to each leaf. Then the nodes run, newest first, so that each one
/// has all its gradients when it runs. A leaf's gradient is complete with its last contribution, and goes to the leaf's
/// hooks and into its slot at that moment, before the next node runs.
struct BackwardPass {
  /// A node of the graph and the gradients of its outputs that have arrived.
  private struct Step {
    let node: GradNode
    /// Empty until the first gradient arrives.
    var cotangents: [Tensor?] = []
    /// The place in `targets` at which the targets of the node's edges begin.
    var firstTarget = 0
    /// Whether the node must run; false where no wanted input lies below it.
    var isNeeded = true
    /// Whether an input of a limited pass is one of its outputs.
    var isWanted = false

    init(_ node: GradNode) { self.node = node }
  }

  /// A leaf of the graph and its gradient so far.
  private struct Leaf {
    let slot: GradSlot
    /// Edges that lead here and whose node has not been visited.
    var missing = 0
    var gradient: Tensor?
    var isWanted = true
    /// The number of the input of a limited pass that it is.
    var input: Int?

    init(_ slot: GradSlot) { self.slot = slot }
  }

  /// The target of an edge: the number of a step, or the complement of the number of a leaf.
  private typealias Target = Int32
  private static let nowhere = Target.min

  private let createGraph: Bool
  private let retainGraph: Bool
  private var steps: [Step] = []
  private var leaves: [Leaf] = []
  private var targets: [Target] = []
  private var rootTargets: [Target] = []
  private var numbers = IdentityTable()
  /// The steps, newest node first.
  private var order: [(serial: Int, step: Int32)] = []

  /// Whether gradients go into slots; otherwise into `results`.
  private var accumulates = true
  /// Whether only some inputs get gradients.
  private var isLimited = false
  /// In a limited pass, the outputs of each step that are inputs of the pass, and their numbers.
  private var wantedOutputs: [Int: [(output: Int, input: Int)]] = [:]
  private var results: [Tensor?] = []

  init(createGraph: Bool, retainGraph: Bool) {
    self.createGraph = createGraph
    self.retainGraph = retainGraph
  }

  /// Runs backward and accumulates gradients into all leaves and retained tensors, or into `inputs` only.
  mutating func accumulateGradients(
    of roots: [Tensor], _ gradients: [Tensor?], into inputs: [Tensor]?
  ) throws(OpError) {
    if let inputs { try check(inputs, op: "backward") }
    let seeds = try seeds(roots, gradients, op: "backward")
    walk(from: roots)
    if let inputs { _ = limit(to: inputs) }
    try run(roots, seeds)
  }

  /// Runs backward as far as `inputs` need it and returns their gradients; nil where there is none.
  mutating func gradients(
    of roots: [Tensor], _ gradients: [Tensor?], wrt inputs: [Tensor]
  ) throws(OpError) -> [Tensor?] {
    try check(inputs, op: "grad")
    let seeds = try seeds(roots, gradients, op: "grad")
    walk(from: roots)
    accumulates = false
    results = Array(repeating: nil, count: inputs.count)
    let firsts = limit(to: inputs)
    try run(roots, seeds)
    return firsts.map { first in
      let result = first.flatMap { results[$0] }
      return createGraph ? result : result?.withoutHistory
    }
  }

  private func check(_ inputs: [Tensor], op: String) throws(OpError) {
    for (i, input) in inputs.enumerated() where !input.requiresGrad {
      throw OpError(op, "input \(i) (\(input.spec)) does not require a gradient")
    }
  }

  /// The gradients to start with, of the roots' shapes and dtypes.
  private func seeds(_ roots: [Tensor], _ gradients: [Tensor?], op: String) throws(OpError) -> [Tensor] {
    var seeds: [Tensor] = []
    seeds.reserveCapacity(roots.count)
    for (i, root) in roots.enumerated() {
      guard root.requiresGrad else {
        throw OpError(op, "output \(i) (\(root.spec)) does not require a gradient and has no graph")
      }
      if let given = gradients[i] {
        guard given.shape == root.shape else {
          throw OpError(op, "gradient \(given.spec) does not fit the output \(root.spec)")
        }
        seeds.append(given.dtype == root.dtype ? given : given.to(root.dtype))
      } else {
        guard root.elementCount == 1 else {
          throw OpError(op, "a gradient can be left out only for one-element outputs, got \(root.spec)")
        }
        seeds.append(Tensor.filled(1, root.spec))
      }
    }
    return seeds
  }
}

// The walk.
extension BackwardPass {
  /// Numbers all nodes and leaves below `roots` and counts the edges into each leaf.
  private mutating func walk(from roots: [Tensor]) {
    var open: [Int32] = []
    open.reserveCapacity(16)
    steps.reserveCapacity(16)
    leaves.reserveCapacity(16)
    targets.reserveCapacity(48)
    order.reserveCapacity(16)
    var isSorted = true
    for root in roots { rootTargets.append(target(of: root.body.node, root.body.slot, &open)) }
    while let i = open.popLast() {
      let node = steps[Int(i)].node
      steps[Int(i)].firstTarget = targets.count
      if let last = order.last, last.serial < node.serial { isSorted = false }
      order.append((node.serial, i))
      for edge in node.edges {
        switch edge {
        case .node(let next, _): targets.append(target(of: next, nil, &open))
        case .leaf(let slot): targets.append(target(of: nil, slot, &open))
        case .none: targets.append(Self.nowhere)
        }
      }
    }
    if !isSorted { order.sort { $0.serial > $1.serial } }
  }

  /// The number of a node or leaf; nodes that are new go to `open`.
  private mutating func target(of node: GradNode?, _ slot: GradSlot?, _ open: inout [Int32]) -> Target {
    if let node {
      let fresh = Target(steps.count)
      let target = numbers.number(of: node, orNew: fresh)
      if target == fresh {
        steps.append(Step(node))
        open.append(fresh)
      }
      return target
    }
    guard let slot else { return Self.nowhere }
    let fresh = ~Target(leaves.count)
    let target = numbers.number(of: slot, orNew: fresh)
    if target == fresh { leaves.append(Leaf(slot)) }
    leaves[Int(~target)].missing += 1
    return target
  }

  /// Keeps the pass to what `inputs` need; for each input the number of the first that is the same tensor, nil if it does
  /// not lie below the roots.
  private mutating func limit(to inputs: [Tensor]) -> [Int?] {
    isLimited = true
    for l in leaves.indices { leaves[l].isWanted = false }
    var firsts: [Int?] = []
    for (i, input) in inputs.enumerated() {
      let object: AnyObject = input.body.node ?? input.body.slot!
      guard let target = numbers.number(of: object) else {
        firsts.append(nil)
        continue
      }
      if target < 0 {
        let first = leaves[Int(~target)].input ?? i
        leaves[Int(~target)].input = first
        leaves[Int(~target)].isWanted = true
        firsts.append(first)
      } else {
        let output = input.body.outputIndex
        steps[Int(target)].isWanted = true
        if let known = wantedOutputs[Int(target)]?.first(where: { $0.output == output }) {
          firsts.append(known.input)
        } else {
          wantedOutputs[Int(target), default: []].append((output, i))
          firsts.append(i)
        }
      }
    }
    for (_, i) in order.reversed() {  // oldest first: what lies below a node is known before the node
      let first = steps[Int(i)].firstTarget
      steps[Int(i)].isNeeded = targets[first..<first + steps[Int(i)].node.edges.count].contains { target in
        if target >= 0 { return steps[Int(target)].isNeeded || steps[Int(target)].isWanted }
        return target != Self.nowhere && leaves[Int(~target)].isWanted
      }
    }
    return firsts
  }
}

// The run.
extension BackwardPass {
  private mutating func run(_ roots: [Tensor], _ seeds: [Tensor]) throws(OpError) {
    for (i, seed) in seeds.enumerated() { deliver(seed, to: rootTargets[i], roots[i].body.outputIndex) }
    for (_, i) in order { try visit(Int(i)) }
  }

  /// Runs a node if a gradient has arrived, and hands on what comes out; a node that does not run hands on nothing.
  private mutating func visit(_ i: Int) throws(OpError) {
    let node = steps[i].node
    var cotangents: [Tensor?] = []
    swap(&cotangents, &steps[i].cotangents)
    var gradients: [Tensor?] = []
    if !cotangents.isEmpty {
      watch(node, i, &cotangents)
      if steps[i].isNeeded {
        gradients = try node.run(cotangents, retain: retainGraph)
        if let callSite = node.callSite { try checkForNaN(gradients, node.name, callSite) }
      }
      cotangents = []
    }
    let first = steps[i].firstTarget
    for (k, edge) in node.edges.enumerated() {
      var gradient: Tensor?
      if k < gradients.count { swap(&gradient, &gradients[k]) }  // no copy stays: sums may be written over it
      var output = 0
      if case .node(_, let index) = edge { output = index }
      deliver(gradient.take(), to: targets[first + k], output)
    }
  }

  /// Hooks, retained gradients and wanted inputs of a node's outputs.
  private mutating func watch(_ node: GradNode, _ i: Int, _ cotangents: inout [Tensor?]) {
    let watchers = node.watchers
    for (_, output, hook) in watchers?.hooks ?? [] {
      if let gradient = cotangents[output], let replaced = hook(gradient) { cotangents[output] = replaced }
    }
    if isLimited {
      guard steps[i].isWanted else { return }
      for (output, input) in wantedOutputs[i] ?? [] {
        guard let gradient = cotangents[output] else { continue }
        if accumulates { accumulate(gradient, into: node.retainGrad(output)) } else { results[input] = gradient }
      }
    } else if let retained = watchers?.retained, !retained.isEmpty {
      for (output, gradient) in cotangents.enumerated() {
        if let gradient, let slot = retained[output] { accumulate(gradient, into: slot) }
      }
    }
  }

  /// Adds a gradient (nil: none) to what has arrived for a node's output or for a leaf.
  private mutating func deliver(_ gradient: consuming Tensor?, to target: Target, _ output: Int) {
    if target >= 0 {
      let i = Int(target)
      guard let gradient, steps[i].isNeeded || steps[i].isWanted else { return }
      if steps[i].cotangents.isEmpty {
        steps[i].cotangents = Array(repeating: nil, count: steps[i].node.outputSpecs.count)
      }
      Self.add(gradient, to: &steps[i].cotangents[output])
    } else if target != Self.nowhere {
      let l = Int(~target)
      leaves[l].missing -= 1
      if let gradient, leaves[l].isWanted { Self.add(gradient, to: &leaves[l].gradient) }
      if leaves[l].missing == 0 { complete(l) }
    }
  }

  /// The leaf's gradient has all its contributions.
  private mutating func complete(_ l: Int) {
    guard var gradient = leaves[l].gradient.take() else { return }
    let slot = leaves[l].slot
    for hook in slot.hooks { gradient = hook(gradient) ?? gradient }
    if accumulates {
      accumulate(gradient, into: slot)
    } else if let input = leaves[l].input {
      results[input] = gradient
    }
  }

  private func accumulate(_ gradient: Tensor, into slot: GradSlot) {
    slot.accumulate(createGraph ? gradient : gradient.withoutHistory)
  }

  /// In the memory of the sum where nobody else holds it.
  private static func add(_ gradient: Tensor, to sum: inout Tensor?) {
    if sum == nil {
      sum = gradient
    } else if !Elementwise.add.overwrite(&sum!, .tensor(gradient)) {
      sum = sum! + gradient
    }
  }
}

/// Numbers by object: a small hash table of addresses. The objects must outlive it.
private struct IdentityTable {
  private var slots: [(address: UInt, number: Int32)] = Array(repeating: (0, 0), count: 32)
  private var count = 0

  /// The place of the address or the free one where it belongs. Addresses differ in their middle bits.
  private func place(_ address: UInt) -> Int {
    let mask = UInt(slots.count - 1)
    var i = ((address >> 4) &* 0x9E37_79B9_7F4A_7C15) >> 20 & mask
    while slots[Int(i)].address != 0, slots[Int(i)].address != address { i = (i &+ 1) & mask }
    return Int(i)
  }

  func number(of object: AnyObject) -> Int32? {
    let slot = slots[place(UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque()))]
    return slot.address == 0 ? nil : slot.number
  }

  /// The number of a known object; a new one gets `new`.
  mutating func number(of object: AnyObject, orNew new: Int32) -> Int32 {
    let address = UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
    let i = place(address)
    if slots[i].address != 0 { return slots[i].number }
    slots[i] = (address, new)
    count += 1
    if count * 2 > slots.count { grow() }
    return new
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: (0, 0), count: old.count * 4)
    for slot in old where slot.address != 0 { slots[place(slot.address)] = slot }
  }
}

/// Functions to call at the end of the outermost backward pass of a task.
final class BackwardEnd: Sendable {
  private let waiting = Mutex<[@Sendable () -> Void]>([])

  func add(_ body: @escaping @Sendable () -> Void) { waiting.withLock { $0.append(body) } }

  func run() {
    while true {
      let bodies = waiting.withLock { waiting in
        let bodies = waiting
        waiting = []
        return bodies
      }
      if bodies.isEmpty { return }
      for body in bodies { body() }
    }
  }
}

/// Calls `body` when the backward pass that runs now has ended, the outermost one if a node runs one of its own; without
/// a pass, at once. A pass that fails calls nothing. SeeAlso: torch.autograd.Variable._execution_engine.queue_callback
package func afterBackward(_ body: @escaping @Sendable () -> Void) {
  if let end = Context.current.values.backwardEnd { end.add(body) } else { body() }
}

/// One scope for a whole pass: pullbacks, hooks and sums record exactly if the graph of the gradient is wanted.
func inBackward<R>(_ records: Bool, _ fallback: R, _ body: () throws(OpError) -> R) -> R {
  let outer = Context.current.values.backwardEnd
  let end = outer ?? BackwardEnd()
  let change: (inout Context.Values) -> Void = {
    $0.recordsGradients = records
    $0.readsWeightsAgain = false
    $0.backwardEnd = end
  }
  return Context.scoped(change) {
    attempt(fallback) { () throws(OpError) in
      let result = try body()
      if outer == nil { end.run() }
      return result
    }
  }
}
