import FlamebackCore

/// A module's hooks, by number so that they can be removed.
struct Hooks {
  var next = 0
  var before: [(id: Int, body: (Module, [Tensor]) -> [Tensor]?)] = []
  var after: [(id: Int, body: (Module, [Tensor], [Tensor]) -> [Tensor]?)] = []
  var backward: [(id: Int, body: @Sendable (Tensor) -> Tensor?)] = []
  var isEmpty: Bool { before.isEmpty && after.isEmpty && backward.isEmpty }
}

/// Removes a module's hook again. SeeAlso: torch.utils.hooks.RemovableHandle
public struct ModuleHookHandle {
  fileprivate let removal: () -> Void
  public func remove() { removal() }
}

extension Module {
  /// Calls `hook` with the inputs before each call; tensors it returns replace them.
  /// SeeAlso: torch.nn.Module.register_forward_pre_hook
  @discardableResult
  public func registerForwardPreHook(_ hook: @escaping (Module, [Tensor]) -> [Tensor]?) -> ModuleHookHandle {
    add(\.before, hook)
  }

  /// Calls `hook` with inputs and outputs after each call; tensors it returns replace the outputs.
  /// SeeAlso: torch.nn.Module.register_forward_hook
  @discardableResult
  public func registerForwardHook(_ hook: @escaping (Module, [Tensor], [Tensor]) -> [Tensor]?) -> ModuleHookHandle {
    add(\.after, hook)
  }

  /// Calls `hook` with the gradient of the first output in each backward; what it returns replaces it.
  /// SeeAlso: torch.nn.Module.register_full_backward_pre_hook
  @discardableResult
  public func registerBackwardHook(_ hook: @escaping @Sendable (Tensor) -> Tensor?) -> ModuleHookHandle {
    add(\.backward, hook)
  }

  private func add<Body>(_ list: WritableKeyPath<Hooks, [(id: Int, body: Body)]>, _ body: Body) -> ModuleHookHandle {
    var hooks = self.hooks ?? Hooks()
    hooks.next += 1
    let id = hooks.next
    hooks[keyPath: list].append((id, body))
    self.hooks = hooks
    return ModuleHookHandle { [weak self] in
      self?.hooks?[keyPath: list].removeAll { $0.id == id }
      if self?.hooks?.isEmpty == true { self?.hooks = nil }
    }
  }

  /// Runs one call of the module: hooks before and after, and its name in a traced graph.
  ///
  /// Flameback's layers compute inside it; a module of your own needs it only for hooks and names:
  /// `func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0 * weight } }`
  public func call(_ x: Tensor, _ body: (Tensor) -> Tensor) -> Tensor {
    if hooks == nil && tracePath.isEmpty { return body(x) }
    return call([x]) { [body($0[0])] }[0]
  }

  /// The form for several tensors.
  public func call(_ inputs: [Tensor], _ body: ([Tensor]) -> [Tensor]) -> [Tensor] {
    guard let hooks else { return tracePath.isEmpty ? body(inputs) : traceScope(tracePath) { body(inputs) } }
    var inputs = inputs
    for hook in hooks.before { if let replaced = hook.body(self, inputs) { inputs = replaced } }
    var outputs = tracePath.isEmpty ? body(inputs) : traceScope(tracePath) { body(inputs) }
    for hook in hooks.after { if let replaced = hook.body(self, inputs, outputs) { outputs = replaced } }
    if let first = outputs.first, first.requiresGrad {
      for hook in hooks.backward { first.registerHook(hook.body) }
    }
    return outputs
  }
}

/// Records one call of a model as a graph whose instructions carry the paths of their modules and whose constants carry
/// the names of their parameters. SeeAlso: torch.jit.trace
public func trace(_ model: Module, _ inputs: [Tensor], _ body: ([Tensor]) -> [Tensor]) -> Graph {
  let modules = model.namedModules
  for (path, module) in modules { module.tracePath = path }
  defer { for (_, module) in modules { module.tracePath = "" } }
  return trace(inputs, named: model.namedState.map { ($0.name, $0.cell.tensor) }, body)
}

/// Records a model from one tensor to one tensor. SeeAlso: torch.jit.trace
public func trace(_ model: some UnaryLayer, _ input: Tensor) -> Graph { trace(model, [input]) { [model($0[0])] } }
