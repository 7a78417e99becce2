import FlamebackKernels

/// A graph ready to run as `apply` runs operations: with gradients, on any device.
package struct Replay: Sendable {
  private let graph: Graph
  private let constants: [(number: Int, tensor: Tensor)]
  /// For each instruction, the values that nobody needs after it: their memory is soon somebody else's.
  private let finished: [[Int]]

  /// Constants whose numbers are among `live` have no value of their own: each call gives them.
  package init(_ graph: Graph, live: Set<Int> = []) {
    var graph = graph
    constants = graph.constants.filter { !live.contains($0.key) }.map { ($0.key, $0.value) }
    graph.constants = [:]
    self.graph = graph
    var later = Set(graph.outputs)
    var finished: [[Int]] = []
    for instruction in graph.instructions.reversed() {
      finished.append(
        (instruction.inputs + instruction.outputs).filter { later.insert($0).inserted })
    }
    self.finished = finished.reversed()
  }

  /// The results for inputs of the recorded specs.
  ///
  /// An indexed write into an argument that the caller lets go of, the last to read it, happens in its memory.
  package func callAsFunction(
    _ arguments: consuming [Tensor], live: [(number: Int, tensor: Tensor)] = []
  ) -> [Tensor] {
    var arguments = arguments
    guard arguments.count == graph.inputs.count else {
      report(OpError("graph", "expected \(graph.inputs.count) inputs, got \(arguments.count)"))
      return graph.outputs.map { .poisoned(graph.specs[$0]) }
    }
    var values: [Tensor?] = Array(repeating: nil, count: graph.specs.count)
    for (i, tensor) in constants { values[i] = tensor }
    for (i, tensor) in live { values[i] = tensor }
    for (i, argument) in zip(graph.inputs, arguments) {
      let spec = graph.specs[i]
      guard argument.shape == spec.shape, argument.dtype == spec.dtype else {
        report(OpError("graph", "was traced for \(spec), got \(argument.spec)"))
        return graph.outputs.map { .poisoned(graph.specs[$0]) }
      }
      values[i] = argument
    }
    arguments = []
    for (instruction, finished) in zip(graph.instructions, finished) {
      if overwrite(instruction, finished, &values) { continue }
      let inputs = instruction.inputs.map { values[$0]! }
      let cuts = !instruction.recordsGradients && inputs.contains(where: \.requiresGrad)
      let results =
        cuts ? noGrad { Graph.run(instruction.primitive, inputs) } : Graph.run(instruction.primitive, inputs)
      for (i, result) in zip(instruction.outputs, results) { values[i] = result }
      for i in finished { values[i] = nil }
    }
    return graph.outputs.map { values[$0]! }
  }

  /// Runs an indexed write in the memory of its first input, if this is the last instruction to read it, nobody else
  /// holds it and no gradient is recorded. Not inside `withErrors`, where the old value must outlive a failure.
  private func overwrite(_ instruction: Graph.Instruction, _ finished: [Int], _ values: inout [Tensor?]) -> Bool {
    let op = instruction.primitive
    let context = Context.current
    guard op.donates == .input(0), finished.contains(instruction.inputs[0]),
      context.errorBox == nil, context.tracer == nil,
      instruction.inputs.count(where: { $0 == instruction.inputs[0] }) == 1
    else { return false }
    let records = context.values.recordsGradients && instruction.recordsGradients
    let inputs = instruction.inputs.dropFirst().map { values[$0]! }
    guard var base = values[instruction.inputs[0]].take() else { return false }
    guard base.isContiguous, base.isUniquelyHeld(), base.body.isInference == context.values.isInference,
      op.acceptsStrides || inputs.allSatisfy(\.isContiguous),
      (inputs + [base]).allSatisfy({ $0.device.isHost && !$0.isPoisoned && !(records && $0.requiresGrad) })
    else {
      values[instruction.inputs[0]] = base
      return false
    }
    do { try op.compute([base.hostView] + inputs.map(\.hostView), into: [base.hostView]) } catch { report(error) }
    withExtendedLifetime(inputs) {}
    for i in finished { values[i] = nil }
    values[instruction.outputs[0]] = base.withoutHistory
    return true
  }
}
