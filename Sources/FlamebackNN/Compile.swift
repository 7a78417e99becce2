import FlamebackCore
import FlamebackKernels
import FlamebackOps

#if canImport(Glibc)
  import Glibc
#endif

/// A model (or a function of tensors) whose calls run as optimised graphs. SeeAlso: torch.compile
///
/// The first call with inputs of new shapes, or in another mode, runs `body` once while a graph is recorded. Without
/// gradients the graph's constants and batch norms are folded, elementwise functions joined, and memory is planned; with
/// gradients elementwise functions are joined. Where a graph would not say what `body` does - it draws random numbers,
/// reads values, cuts gradients - the call runs `body` itself; `log` tells when and why.
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
  public var limit = 32

  public init(_ model: Module?, _ body: @escaping ([Tensor]) -> [Tensor]) {
    self.model = model
    self.body = body
  }

  private struct Key: Hashable {
    let specs: [TensorSpec]
    let modes: [Bool]
    /// Whether gradients would be recorded, and whether something asks for one.
    let isGradEnabled: Bool
    let recordsGradients: Bool
    let autocast: DType?
    let defaultDType: DType
  }

  private enum Entry {
    case eager
    /// With the numbers of the constants whose values are read anew at each call.
    case graph(Graph, [(number: Int, cell: any StateCell)])
    /// With the tensors that were folded into it.
    case plan(ExecutionPlan, [(cell: any StateCell, tensor: Tensor)])
  }

  public func callAsFunction(_ inputs: [Tensor]) -> [Tensor] {
    guard !Context.isTracing, inputs.allSatisfy({ !$0.isPoisoned }) else { return body(inputs) }
    let cells = self.cells
    let records =
      Context.isGradEnabled
      && (inputs.contains(where: \.requiresGrad)
        || cells.contains { ($0.cell as? ParameterCell)?.requiresGrad == true })
    let key = Key(
      specs: inputs.map(\.spec), modes: modules.map(\.isTraining), isGradEnabled: Context.isGradEnabled,
      recordsGradients: records,
      autocast: Context.autocastDType, defaultDType: Context.defaultDType)
    switch entries[key] {
    case .eager: return body(inputs)
    case .graph(let graph, let live): return run(graph, inputs, live)
    case .plan(let plan, let fixed):
      if fixed.allSatisfy({ $0.cell.tensor.sharesStorage(with: $0.tensor) }) { return run(plan, inputs) }
      say("recorded again: parameters changed")
    case nil: say(reason(key))
    }
    if entries.count >= limit, entries[key] == nil {
      say("not recorded: \(limit) graphs are kept already")
      return body(inputs)
    }
    let entry = record(key, inputs, cells)
    entries[key] = entry
    switch entry {
    case .eager: return body(inputs)
    case .graph(let graph, let live): return run(graph, inputs, live)
    case .plan(let plan, _): return run(plan, inputs)
    }
  }

  private func run(_ plan: ExecutionPlan, _ inputs: [Tensor]) -> [Tensor] {
    do { return try plan(inputs) } catch {
      report(error)
      return body(inputs)
    }
  }

  private func run(_ graph: Graph, _ inputs: [Tensor], _ live: [(number: Int, cell: any StateCell)]) -> [Tensor] {
    var constants = graph.constants
    for (number, cell) in live { constants[number] = cell.tensor }
    return graph(inputs.map { $0.contiguous() }, constants: constants)  // as it was recorded
  }

  /// Looking a model through takes longer than a small one's call.
  private lazy var cells: [(name: String, cell: any StateCell)] = model?.namedState.map { ($0.name, $0.cell) } ?? []
  private lazy var modules: [Module] = model?.modules ?? []

  /// Forgets all graphs, and what the model is made of. SeeAlso: torch._dynamo.reset
  public func reset() {
    entries = [:]
    cells = model?.namedState.map { ($0.name, $0.cell) } ?? []
    modules = model?.modules ?? []
  }

  private func record(_ key: Key, _ inputs: [Tensor], _ cells: [(name: String, cell: any StateCell)]) -> Entry {
    func eager(_ reason: String) -> Entry {
      say("runs without a graph: it \(reason)")
      return .eager
    }
    if cells.contains(where: { ($0.cell as? ParameterCell)?.parametrization != nil }) {
      return eager("has parameters that are computed from others")
    }
    let random = Generator(state: Generator.default.state)  // a copy: the recording must not move the stream on
    let before = cells.map(\.cell.tensor)
    // Within withErrors, so that inputs which the model refuses are refused by the call itself.
    let traced = try? withErrors {
      withGenerator(random) {
        traceWithNotes(
          inputs.map { key.recordsGradients ? $0 : $0.detached() }, named: zip(cells, before).map { ($0.name, $1) },
          body)
      }
    }
    let changed = zip(cells, before).filter { !$0.cell.tensor.sharesStorage(with: $1) }.map { $0.0 }
    for (cell, tensor) in zip(cells, before) where !cell.cell.tensor.sharesStorage(with: tensor) {
      cell.cell.tensor = tensor
    }
    guard let (graph, notes) = traced else { return eager("failed") }
    if let cell = changed.first { return eager("changes '\(cell.name)'") }
    func live(_ graph: Graph) -> Entry {
      let named = Dictionary(cells.map { ($0.name, $0.cell) }) { first, _ in first }
      return .graph(graph, graph.names.compactMap { number, name in named[name].map { (number, $0) } })
    }
    let always = ["draws random numbers", "reads values", "runs backward"]
    if let note = notes.first(where: { key.isGradEnabled || always.contains($0) }) { return eager(note) }
    if key.recordsGradients {
      if graph.instructions.contains(where: { !$0.recordsGradients }) { return eager("turns gradients off for a part") }
      return live(graph.withoutUnused().fused(differentiable: true))
    }
    let used = graph.withoutUnused()
    let folded = used.foldingConstants().foldingBatchNorms().fused(differentiable: false).withoutUnused()
    guard let plan = ExecutionPlan(folded) else { return live(used.fused(differentiable: false)) }
    let names = Set(used.names.values)
    return .plan(plan, zip(cells, before).filter { names.contains($0.0.name) }.map { ($0.0.cell, $0.1) })
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
