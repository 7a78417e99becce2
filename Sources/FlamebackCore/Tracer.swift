import FlamebackKernels
import Synchronization

/// What a trace did that its graph does not say.
package struct TraceNote: Hashable, Sendable {
  package let text: String
  /// Whether only a replay with gradients would differ.
  package let isAboutGradients: Bool
}

/// Where a module keeps a tensor; only its identity is of interest.
private struct Place: @unchecked Sendable {
  let object: AnyObject
}

/// Writes down what `apply` runs.
///
/// Values are known by their memory (storage, layout, dtype): tensors are immutable, so equal memory has equal elements.
/// Where gradients are recorded their place in the gradient graph counts too: a tensor with the memory of a known value
/// but without its history was detached, and gets an instruction for that.
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

  /// The place in the gradient graph.
  private struct History: Equatable {
    let origin: ObjectIdentifier?
    let output: Int

    init(_ tensor: Tensor) {
      origin = tensor.body.node.map { ObjectIdentifier($0) } ?? tensor.body.slot.map { ObjectIdentifier($0) }
      output = tensor.body.outputIndex
    }
  }

  private struct State {
    var graph = Graph()
    /// Values in the same memory, oldest first.
    var values: [Key: [(history: History, number: Int)]] = [:]
    var alive: [Tensor] = []  // no memory and no history is reused while a value may be looked up
    var scope: [String] = []
    var openRegions = 0
    var notes: [TraceNote] = []
    var assigned: [Place] = []

    mutating func new(_ tensor: Tensor) -> Int {
      let i = graph.specs.count
      graph.specs.append(tensor.spec)
      values[Key(tensor), default: []].append((History(tensor), i))
      alive.append(tensor)
      return i
    }

    /// With `exactly`, a value with this history.
    mutating func number(_ tensor: Tensor, exactly: Bool) -> Int {
      guard let known = values[Key(tensor)] else {
        if tensor.requiresGrad {
          note("reads a tensor that requires a gradient and is none of its inputs", aboutGradients: true)
        }
        return constant(tensor)
      }
      let history = History(tensor)
      if let same = known.last(where: { $0.history == history }) { return same.number }
      let last = known[known.count - 1].number
      if !exactly { return last }
      if history.origin != nil {
        note("has a gradient of its own making (a custom function, a checkpoint or a new leaf)", aboutGradients: true)
        return last
      }
      let i = new(tensor)
      graph.instructions.append(
        Graph.Instruction(primitive: Primitives.Detach(), inputs: [last], outputs: [i], scope: scope.last ?? ""))
      return i
    }

    mutating func constant(_ tensor: Tensor) -> Int {
      let i = new(tensor)
      graph.constants[i] = tensor.withoutHistory
      return i
    }

    mutating func note(_ text: String, aboutGradients: Bool) {
      let note = TraceNote(text: text, isAboutGradients: aboutGradients)
      if !notes.contains(note) { notes.append(note) }
    }
  }

  private let state = Mutex(State())
  /// The one that operations without a generator of their own draw from in a replay.
  private let generator = Generator.default

  func addInput(_ tensor: Tensor) { state.withLock { $0.graph.inputs.append($0.new(tensor)) } }
  func name(_ tensor: Tensor, _ name: String) {
    state.withLock { state in
      let history = History(tensor)
      let known = state.values[Key(tensor)]?.last { $0.history == history }?.number
      state.graph.names[known ?? state.constant(tensor)] = name
    }
  }

  func record(_ op: some Primitive, _ inputs: [Tensor], _ outputs: inout [Tensor]) {
    let records = Context.isGradEnabled
    if op.isRandom, Generator.default !== generator { note("draws from a generator of a scope inside") }
    state.withLock { state in
      let numbers = inputs.map { state.number($0, exactly: records) }
      let results = outputs.map { state.new($0) }
      state.graph.instructions.append(
        Graph.Instruction(
          primitive: op, inputs: numbers, outputs: results, scope: state.scope.last ?? "",
          recordsGradients: records))
    }
  }

  /// Something happened that the graph does not say.
  func note(_ text: String, aboutGradients: Bool = false) {
    state.withLock { $0.note(text, aboutGradients: aboutGradients) }
  }
  func assign(_ object: AnyObject) {
    let place = Place(object: object)
    state.withLock { $0.assigned.append(place) }
  }

  func enter(_ path: String) { state.withLock { $0.scope.append(path) } }
  func leave() { state.withLock { _ = $0.scope.popLast() } }

  /// Begins a region; nil inside of another one.
  func beginRegion(_ inputs: [Tensor]) -> (start: Int, inputs: [Int])? {
    state.withLock { state in
      state.openRegions += 1
      guard state.openRegions == 1 else { return nil }
      return (state.graph.instructions.count, inputs.map { state.number($0, exactly: false) })
    }
  }

  func endRegion(_ begun: (start: Int, inputs: [Int])?, _ region: any ExportableRegion, _ outputs: [Tensor]) {
    state.withLock { state in
      state.openRegions -= 1
      guard let begun else { return }
      state.graph.regions.append(
        Graph.Region(
          instructions: begun.start..<state.graph.instructions.count, region: region, inputs: begun.inputs,
          outputs: outputs.map { state.number($0, exactly: false) }))
    }
  }

  func finish(_ outputs: [Tensor]) -> Recording {
    let records = Context.isGradEnabled
    let (graph, notes, assigned) = state.withLock { state in
      state.graph.outputs = outputs.map { state.number($0, exactly: records) }
      return (state.graph, state.notes, state.assigned)
    }
    return Recording(graph: graph, outputs: outputs, notes: notes, assigned: assigned.map(\.object))
  }
}

/// What came of one traced run.
package struct Recording {
  package var graph: Graph
  /// The results of the run itself.
  package let outputs: [Tensor]
  package let notes: [TraceNote]
  /// The places of modules' states that got a new value.
  package let assigned: [AnyObject]
}

extension Primitives {
  /// The same memory without a history: `detached()` in a graph.
  package struct Detach: ViewPrimitive {
    package static let name = "detach"
    package func layout(of input: Layout) -> Layout { input }
    package var gradient: Gradient { .pullback(keeps: .nothing) { _, _ in [nil] } }
  }
}

/// Runs `body` once on `inputs` and returns what it computed as a graph. SeeAlso: torch.jit.trace
public func trace(_ inputs: [Tensor], named: [(String, Tensor)] = [], _ body: ([Tensor]) -> [Tensor]) -> Graph {
  recording(inputs, named: named, body).graph
}

/// The graph, the results, and what `body` did that the graph does not say (it read values, made gradients).
package func recording(
  _ inputs: [Tensor], named: [(String, Tensor)], _ body: ([Tensor]) -> [Tensor]
) -> Recording {
  let tracer = Tracer()
  let inputs = inputs.map { $0.clone() }
  for input in inputs { tracer.addInput(input) }
  for (name, tensor) in named { tracer.name(tensor, name) }
  return tracer.finish(Context.scoped({ $0.tracer = tracer }) { body(inputs) })
}

/// For whatever a graph cannot say; with `aboutGradients`, that only matters if they are recorded.
package func noteInTrace(_ what: @autoclosure () -> String, aboutGradients: Bool = false) {
  Context.current.tracer?.note(what(), aboutGradients: aboutGradients)
}

/// The place of a module's state gets a new value.
package func noteAssignment(to place: AnyObject) { Context.current.tracer?.assign(place) }

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
