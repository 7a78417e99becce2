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
  package func callAsFunction(_ arguments: [Tensor], live: [(number: Int, tensor: Tensor)] = []) -> [Tensor] {
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
    for (instruction, finished) in zip(graph.instructions, finished) {
      let inputs = instruction.inputs.map { values[$0]! }
      let cuts = !instruction.recordsGradients && inputs.contains(where: \.requiresGrad)
      let results =
        cuts ? noGrad { Graph.run(instruction.primitive, inputs) } : Graph.run(instruction.primitive, inputs)
      for (i, result) in zip(instruction.outputs, results) { values[i] = result }
      for i in finished { values[i] = nil }
    }
    return graph.outputs.map { values[$0]! }
  }
}
