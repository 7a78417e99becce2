import FlamebackCore
import FlamebackKernels
import FlamebackOps

#if canImport(Glibc)
  import Glibc
#endif

/// A model (or a function of tensors) whose calls run as optimised graphs. SeeAlso: torch.compile
///
/// The first call with inputs of new shapes, or in another mode, runs `body` while a graph is recorded. Without gradients
/// the graph's constants and batch norms are folded, elementwise functions joined, and memory is planned; with gradients
/// elementwise functions are joined. Random numbers are drawn anew in each call, in the order of `body`, and buffers of
/// `model` that `body` changes get their new values. Where a graph would not say what `body` does - it reads values, has
/// gradients of its own making - further calls run `body` itself; `log` tells when and why.
///
/// Parameters and buffers of `model` may change between calls. Whatever else `body` reads is taken as fixed, and so is the
/// model's structure: call `reset` after changing it.
public final class Compiled {
  private let model: Module?
  private let body: ([Tensor]) -> [Tensor]
  private var entries: [Key: Entry] = [:]
  /// What was recorded and why, a sentence each. `FLAMEBACK_COMPILE_LOG=1` prints them as well.
  public private(set) var log: [String] = []

  /// Recorded graphs kept; further shapes run without. SeeAlso: torch._dynamo.config.recompile_limit
  public var limit = 32 { didSet { hasReachedLimit = false } }
  /// Whether the log tells that there are as many.
  private var hasReachedLimit = false

  public init(_ model: Module?, _ body: @escaping ([Tensor]) -> [Tensor]) {
    self.model = model
    self.body = body
  }

  private struct Key: Hashable {
    let specs: [TensorSpec]
    let modes: [Bool]
    /// Whether gradients would be recorded, and which inputs and parameters ask for one.
    let isGradEnabled: Bool
    let wanted: [Bool]
    let autocast: DType?
    let defaultDType: DType

    var recordsGradients: Bool { !wanted.isEmpty }
  }

  private enum Entry {
    case eager
    case graph(Recorded)
  }

  /// A graph whose last inputs are the values of buffers that it changes, and whose last outputs the new ones.
  private struct Recorded {
    enum Runner {
      /// With the numbers of the constants whose values are read anew at each call.
      case replay(Replay, [(number: Int, cell: any StateCell)])
      /// With the tensors that were folded into it.
      case plan(ExecutionPlan, [(cell: any StateCell, tensor: Tensor)])
    }

    let runner: Runner
    let changed: [(cell: any StateCell, spec: TensorSpec)]
  }

  /// What the model is made of: looking it through takes longer than a small one's call.
  private struct Parts {
    var cells: [(name: String, cell: any StateCell)] = []
    var parameters: [ParameterCell] = []
    var modules: [Module] = []

    init(_ model: Module?) {
      guard let model else { return }
      parameters = model.parameters()
      cells = model.namedParameters.map { ($0.name, $0.parameter) } + model.namedBuffers.map { ($0.name, $0.buffer) }
      modules = model.modules
    }
  }

  private lazy var parts = Parts(model)

  /// Forgets all graphs, and what the model is made of. SeeAlso: torch._dynamo.reset
  public func reset() {
    entries = [:]
    hasReachedLimit = false
    parts = Parts(model)
  }

  public func callAsFunction(_ inputs: [Tensor]) -> [Tensor] {
    guard !Context.isTracing, inputs.allSatisfy({ !$0.isPoisoned }) else { return body(inputs) }
    if parts.parameters.contains(where: { $0.parametrization != nil }) { reset() }
    var wanted: [Bool] = []
    if Context.isGradEnabled {
      wanted = inputs.map(\.requiresGrad) + parts.parameters.map(\.requiresGrad)
      if !wanted.contains(true) { wanted = [] }
    }
    let key = Key(
      specs: inputs.map(\.spec), modes: parts.modules.map(\.isTraining), isGradEnabled: Context.isGradEnabled,
      wanted: wanted, autocast: Context.autocastDType, defaultDType: Context.defaultDType)
    switch entries[key] {
    case .eager: return body(inputs)
    case .graph(let recorded):
      guard let change = change(since: recorded) else { return run(recorded, inputs) }
      say("recorded again: \(change)")
    case nil:
      guard entries.count < limit else {
        if !hasReachedLimit {
          say("no more graphs are recorded: \(entries.count) are kept, and other calls run without")
        }
        hasReachedLimit = true
        return body(inputs)
      }
      say(reason(key))
    }
    return record(key, inputs)
  }

  /// Why a graph does not fit the model any more.
  private func change(since recorded: Recorded) -> String? {
    if case .plan(_, let fixed) = recorded.runner,
      !fixed.allSatisfy({ $0.cell.tensor.sharesStorage(with: $0.tensor) })
    {
      return "parameters changed"
    }
    return recorded.changed.allSatisfy { $0.cell.tensor.spec == $0.spec } ? nil : "a buffer has another shape"
  }

  private func run(_ recorded: Recorded, _ inputs: [Tensor]) -> [Tensor] {
    // Buffers let go of the values that they get anew, so that these can be written over.
    var results: [Tensor]
    switch recorded.runner {
    case .replay(let replay, let live):
      var arguments = inputs.map { $0.contiguous() }
      for (cell, _) in recorded.changed {
        arguments.append((Context.gathersErrors ? cell.tensor : cell.letGo()).contiguous())
      }
      results = replay(consume arguments, live: live.map { ($0.number, $0.cell.tensor) })
    case .plan(let plan, _):
      var arguments = inputs + recorded.changed.map { $0.cell.letGo() }
      do { results = try plan(&arguments) } catch {
        report(error)
        for ((cell, _), value) in zip(recorded.changed, arguments.suffix(recorded.changed.count)) {
          cell.tensor = value
        }
        return body(inputs)
      }
    }
    let values = results.suffix(recorded.changed.count)
    results.removeLast(recorded.changed.count)
    if !values.contains(where: \.isPoisoned) {
      for ((cell, _), value) in zip(recorded.changed, values) { cell.tensor = value }
    }
    return results
  }

  /// Runs `body`, and keeps what it did as a graph if one can say it.
  private func record(_ key: Key, _ inputs: [Tensor]) -> [Tensor] {
    let cells = parts.cells
    let before = cells.map(\.cell.tensor)
    // Two buffers may begin with the same memory, and `body` may hold a parameter's first value.
    for (cell, tensor) in zip(cells, before) { cell.cell.tensor = tensor.withOwnIdentity }
    let values = cells.map(\.cell.tensor)
    var changed: [Int] = []
    var count = 0
    let traced = recording(
      inputs.map { key.recordsGradients ? $0 : $0.detached() }, named: values.enumerated().map { ("\($0)", $1) }
    ) { inputs in
      let outputs = body(inputs)
      count = outputs.count
      changed = cells.indices.filter { i in
        let value = cells[i].cell.tensor
        return !value.sharesStorage(with: values[i]) || value.layout != values[i].layout
      }
      return outputs + changed.map { cells[$0].cell.tensor.withoutHistory }
    }
    for i in cells.indices where !changed.contains(i) { cells[i].cell.tensor = before[i] }
    if Context.hasFailed {
      say("not recorded: the call failed")
    } else {
      entries[key] = entry(key, traced, outputs: count, changed, before)
    }
    return Array(traced.outputs.prefix(count))
  }

  /// `changed`: the numbers of the cells that have other values than `before`.
  private func entry(
    _ key: Key, _ traced: Recording, outputs: Int, _ changed: [Int], _ before: [Tensor]
  ) -> Entry {
    func eager(_ reason: String) -> Entry {
      say("runs without a graph: it \(reason)")
      return .eager
    }
    let cells = parts.cells
    if let note = traced.notes.first(where: { key.isGradEnabled || !$0.isAboutGradients }) {
      return eager(note.text)
    }
    let own = Set(cells.map { ObjectIdentifier($0.cell) })
    if traced.assigned.contains(where: { !own.contains(ObjectIdentifier($0)) }) {
      return eager("changes a buffer or parameter that is none of the model's")
    }
    if let i = changed.first(where: { cells[$0].cell.tensor.spec != before[$0].spec }) {
      return eager("changes the shape or type of '\(cells[i].name)'")
    }
    if !key.recordsGradients, traced.outputs.prefix(outputs).contains(where: { !$0.isLeaf }) {
      return eager("turns gradients on for a part")
    }
    var graph = traced.graph
    for i in changed { graph.makeInput("\(i)") }
    let places = changed.map { (cell: cells[$0].cell, spec: before[$0].spec) }
    func replay(_ graph: Graph) -> Entry {
      let live = graph.names.map { (number: $0, cell: cells[Int($1)!].cell) }
      return .graph(
        Recorded(runner: .replay(Replay(graph, live: Set(live.map(\.number))), live), changed: places))
    }
    let used = graph.withoutUnused()
    if key.recordsGradients { return replay(used.fused(differentiable: true)) }
    let folded = used.foldingConstants().foldingBatchNorms().foldingRectifiers().fused(differentiable: false)
      .withoutUnused()
    let last = graph.inputs.count
    guard let plan = ExecutionPlan(folded, donated: last - changed.count..<last) else {
      return replay(used.fused(differentiable: false))
    }
    let fixed = used.names.values.map { Int($0)! }
    return .graph(Recorded(runner: .plan(plan, fixed.map { (cells[$0].cell, before[$0]) }), changed: places))
  }

  /// Why there is no graph yet.
  private func reason(_ key: Key) -> String {
    let shapes = key.specs.map(\.description).joined(separator: ", ")
    guard !entries.isEmpty else { return "recorded for \(shapes)" }
    let alike = entries.keys.first { $0.specs == key.specs }
    let why =
      switch alike {
      case nil: "new shapes"
      case let known? where known.modes != key.modes: "another mode of training or evaluation"
      case let known? where known.recordsGradients != key.recordsGradients:
        key.recordsGradients ? "gradients are recorded now" : "no gradients are recorded now"
      case let known? where known.wanted != key.wanted: "other tensors require gradients"
      default: "another dtype of the context"
      }
    return "recorded again for \(shapes): \(why)"
  }

  private func say(_ line: String) {
    log.append(line)
    guard getenv("FLAMEBACK_COMPILE_LOG") != nil else { return }
    var text = "[compile] \(line)\n"
    text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}

extension StateCell {
  /// The value; a buffer's cell holds it no longer.
  fileprivate func letGo() -> Tensor { (self as? BufferCell)?.take() ?? tensor }
}

/// A compiled model from one tensor to one tensor.
public final class CompiledLayer<Layer: UnaryLayer> {
  public let model: Layer
  private let compiled: Compiled

  init(_ model: Layer) {
    self.model = model
    compiled = Compiled(model) { [model($0[0])] }
  }

  /// What was recorded and why.
  public var log: [String] { compiled.log }
  public func callAsFunction(_ x: Tensor) -> Tensor { compiled([x])[0] }
}

/// A model whose calls run as optimised graphs: the same results, up to the order of additions. SeeAlso: torch.compile
///
///     let fast = compile(model)
///     let y = inferenceMode { fast(x) }
public func compile<Layer: UnaryLayer>(_ model: Layer) -> CompiledLayer<Layer> { CompiledLayer(model) }

/// A function of tensors whose calls run as optimised graphs; `model` owns the parameters that it reads.
/// SeeAlso: torch.compile
public func compile(_ model: Module? = nil, _ body: @escaping ([Tensor]) -> [Tensor]) -> Compiled {
  Compiled(model, body)
}
