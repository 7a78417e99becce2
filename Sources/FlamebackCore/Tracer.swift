import FlamebackKernels
import Synchronization

/// Writes down what `apply` runs.
///
/// Values are known by their memory (storage, layout, dtype): tensors are immutable, so equal memory is the same value,
/// also after `detached()`.
final class Tracer: Sendable {
  private struct Key: Hashable {
    let storage: ObjectIdentifier
    let layout: Layout
    let dtype: DType

    init(_ tensor: Tensor) {
      storage = ObjectIdentifier(tensor.body.storage)
      layout = tensor.layout
      dtype = tensor.dtype
    }
  }

  private struct State {
    var graph = Graph()
    var values: [Key: Int] = [:]
    var alive: [Tensor] = []  // no memory is reused while a value may be looked up
    var scope: [String] = []
    var openRegions = 0
    var notes: [String] = []

    mutating func new(_ tensor: Tensor) -> Int {
      let i = graph.specs.count
      graph.specs.append(tensor.spec)
      values[Key(tensor)] = i
      alive.append(tensor.withoutHistory)
      return i
    }

    mutating func number(_ tensor: Tensor) -> Int {
      if let known = values[Key(tensor)] { return known }
      if tensor.requiresGrad { notes.append("reads a tensor that requires a gradient and is none of its inputs") }
      let i = new(tensor)
      graph.constants[i] = tensor.withoutHistory
      return i
    }
  }

  private let state = Mutex(State())

  func addInput(_ tensor: Tensor) { state.withLock { $0.graph.inputs.append($0.new(tensor)) } }
  func name(_ tensor: Tensor, _ name: String) {
    state.withLock { state in
      let i = state.number(tensor.withoutHistory)
      state.graph.names[i] = name
    }
  }

  func record(_ op: some Primitive, _ inputs: [Tensor], _ outputs: inout [Tensor]) {
    state.withLock { state in
      let numbers = inputs.map { state.number($0) }
      let results = outputs.map { state.new($0) }
      state.graph.instructions.append(
        Graph.Instruction(
          primitive: op, inputs: numbers, outputs: results, scope: state.scope.last ?? "",
          recordsGradients: Context.isGradEnabled))
    }
  }

  /// Something happened that the graph does not say.
  func note(_ what: String) {
    state.withLock { if !$0.notes.contains(what) { $0.notes.append(what) } }
  }
  var notes: [String] { state.withLock { $0.notes } }

  func enter(_ path: String) { state.withLock { $0.scope.append(path) } }
  func leave() { state.withLock { _ = $0.scope.popLast() } }

  /// Begins a region; nil inside of another one.
  func beginRegion(_ inputs: [Tensor]) -> (start: Int, inputs: [Int])? {
    state.withLock { state in
      state.openRegions += 1
      guard state.openRegions == 1 else { return nil }
      return (state.graph.instructions.count, inputs.map { state.number($0) })
    }
  }

  func endRegion(_ begun: (start: Int, inputs: [Int])?, _ region: any ExportableRegion, _ outputs: [Tensor]) {
    state.withLock { state in
      state.openRegions -= 1
      guard let begun else { return }
      state.graph.regions.append(
        Graph.Region(
          instructions: begun.start..<state.graph.instructions.count, region: region, inputs: begun.inputs,
          outputs: outputs.map { state.number($0) }))
    }
  }

  func finish(_ outputs: [Tensor]) -> Graph {
    state.withLock { state in
      state.graph.outputs = outputs.map { state.number($0) }
      return state.graph
    }
  }
}

/// Runs `body` once on `inputs` and returns what it computed as a graph. SeeAlso: torch.jit.trace
public func trace(_ inputs: [Tensor], named: [(String, Tensor)] = [], _ body: ([Tensor]) -> [Tensor]) -> Graph {
  traceWithNotes(inputs, named: named, body).graph
}

/// The graph, and what `body` did that the graph does not say (it read values, cut history).
package func traceWithNotes(
  _ inputs: [Tensor], named: [(String, Tensor)], _ body: ([Tensor]) -> [Tensor]
) -> (graph: Graph, notes: [String]) {
  let tracer = Tracer()
  let inputs = inputs.map { $0.clone() }
  for input in inputs { tracer.addInput(input) }
  for (name, tensor) in named { tracer.name(tensor, name) }
  let outputs = Context.scoped({ $0.tracer = tracer }) { body(inputs) }
  return (tracer.finish(outputs), tracer.notes)
}

/// For whatever a graph cannot say.
package func noteInTrace(_ what: @autoclosure () -> String) { Context.current.tracer?.note(what()) }

/// Marks the operations inside `body` as belonging to the module at that path, for graphs; the innermost mark counts.
package func traceScope<R>(_ path: String, _ body: () throws -> R) rethrows -> R {
  guard let tracer = Context.current.tracer else { return try body() }
  tracer.enter(path)
  defer { tracer.leave() }
  return try body()
}

/// Marks what `body` computes from `inputs` as one operation of ONNX, for graphs.
package func traceRegion(
  _ region: @autoclosure () -> any ExportableRegion, inputs: @autoclosure () -> [Tensor], _ body: () -> [Tensor]
) -> [Tensor] {
  guard let tracer = Context.current.tracer else { return body() }
  let begun = tracer.beginRegion(inputs())
  let outputs = body()
  tracer.endRegion(begun, region(), outputs)
  return outputs
}
