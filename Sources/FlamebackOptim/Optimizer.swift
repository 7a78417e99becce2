import FlamebackCore
import FlamebackKernels
import FlamebackNN

/// What an optimizer remembers of one parameter.
public final class ParameterState {
  /// Steps made.
  public package(set) var step = 0.0
  /// Whether the step is part of the saved state.
  var countsSteps = true
  package var tensors: Named<Tensor> = [:]
  package var numbers: Named<Double> = [:]
  /// Where updates wait for those of the other parameters.
  var queue: UpdateQueue?

  /// The tensor of that name; zeros of `value`'s kind (or `initial`) the first time.
  func tensor(_ name: String, like value: Tensor, initial: Double = 0) -> Tensor {
    if let known = tensors[name] { return known }
    let tensor = Tensor.filled(.float(initial), value.spec)
    if !tensor.isPoisoned { tensors[name] = tensor }
    return tensor
  }

  private static let nothing = Tensor([Float](), shape: [0])

  /// Runs `rule` over the parameter and the named tensors, in their own memory.
  func update(_ rule: ElementwiseUpdate, _ p: inout Tensor, _ names: [String], _ g: Tensor, _ numbers: [Double]) {
    var targets = [p]
    for name in names { targets.append(tensor(name, like: p)) }
    if targets.contains(where: \.isPoisoned) || g.isPoisoned { return }
    p = Self.nothing  // released, so that the memory has one holder
    for name in names { tensors[name] = Self.nothing }
    rule(&targets, [g], numbers, in: queue)
    p = targets[0]
    for (i, name) in names.enumerated() { tensors[name] = targets[i + 1] }
  }
}

/// The base of optimizers: groups of parameters, their state, and a rule for one parameter.
///
/// A subclass gives its options to `init` and overrides `update`. SeeAlso: torch.optim.Optimizer
open class Optimizer {
  /// The groups; change `groups[i].lr` or any option between steps. SeeAlso: torch.optim.Optimizer.param_groups
  public var groups: [ParameterGroup] = []
  public let defaults: Named<StateValue>
  /// What is remembered of each parameter, for as long as the parameter lives.
  private var states = WeakTable<ParameterCell, ParameterState>()
  private let queue = UpdateQueue()
  private var preHooks: [(Optimizer) -> Void] = []
  private var postHooks: [(Optimizer) -> Void] = []

  public init(_ groups: [ParameterGroup], defaults: Named<StateValue>) {
    self.defaults = defaults
    if groups.isEmpty || groups.allSatisfy(\.parameters.isEmpty) {
      report(OpError(name, "got no parameters"))
    }
    for group in groups { addGroup(group) }
  }

  /// An optimizer of nothing: it stands in where one is missing.
  init() { defaults = [:] }

  /// In errors.
  var name: String { String(describing: type(of: self)) }

  /// The rule: changes the parameter's value by its gradient.
  open func update(_ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup) {
    fatalError("[\(name)] has no rule: override update")
  }

  /// Checks an option for construction; the sentence is PyTorch's.
  func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { report(OpError(name, message())) }
  }

  /// Checks the options of a group. SeeAlso: the errors of torch.optim constructors
  open func validate(_ group: ParameterGroup) {
    require(group.lr >= 0 && group.lr.isFinite, "invalid learning rate: \(group.lr)")
    if let decay = group[ifPresent: .weightDecay] {
      require(decay >= 0 && decay.isFinite, "invalid weight decay: \(decay)")
    }
    if let eps = group[ifPresent: .eps] { require(eps >= 0 && eps.isFinite, "invalid epsilon: \(eps)") }
    if let momentum = group[ifPresent: .momentum] { require(momentum >= 0, "invalid momentum: \(momentum)") }
    for (i, beta) in (group[ifPresent: .betas] ?? []).enumerated() {
      require(beta >= 0 && beta < 1, "invalid beta parameter at index \(i): \(beta)")
    }
  }

  /// Adds parameters with options of their own. SeeAlso: torch.optim.Optimizer.add_param_group
  open func addGroup(_ group: ParameterGroup) {
    var group = group
    group.fill(from: defaults)
    var known = Set(groups.flatMap(\.parameters).map(ObjectIdentifier.init))
    for parameter in group.parameters where !known.insert(ObjectIdentifier(parameter)).inserted {
      return report(OpError(name, "a parameter appears more than once, or in more than one group"))
    }
    validate(group)
    groups.append(group)
  }

  /// Whether `update` does nothing after `state.update`: then all parameters are updated together.
  /// SeeAlso: the `foreach` and `fused` options of torch.optim
  var updatesTogether: Bool { false }

  /// Changes every parameter that has a gradient. SeeAlso: torch.optim.Optimizer.step
  open func step() {
    for hook in preHooks { hook(self) }
    noGrad {
      let queue = updatesTogether ? self.queue : nil
      for group in groups {
        for cell in group.parameters { step(cell, group, queue) }
      }
      queue?.run()
    }
    states.removeDead()
    for hook in postHooks { hook(self) }
  }

  /// Changes one parameter if it has a gradient.
  func step(_ cell: ParameterCell, _ group: ParameterGroup, _ queue: UpdateQueue? = nil) {
    guard let grad = cell.grad else { return }
    let state = state(of: cell)
    state.queue = queue
    defer { state.queue = nil }
    cell.update { value in
      if value.dtype.isComplex {
        updateComplex(&value, grad, state, group)
      } else {
        update(&value, grad, state, group)
      }
    }
  }

  /// Evaluates `closure`, which computes the loss and its gradients, and makes a step. Returns the loss.
  @discardableResult
  open func step(_ closure: () -> Tensor) -> Tensor {
    let loss = enableGrad(closure)
    step()
    return loss
  }

  /// Complex numbers are pairs of real ones to an optimizer.
  private func updateComplex(_ value: inout Tensor, _ grad: Tensor, _ state: ParameterState, _ group: ParameterGroup) {
    var pairs = value.pairs
    let layout = value.layout
    let dtype = value.dtype
    update(&pairs, grad.pairs, state, group)
    value = pairs.aliased(Layout(layout.shape), dtype: dtype)
  }

  /// Drops the gradients, or fills them with zeros. SeeAlso: torch.optim.Optimizer.zero_grad
  public func zeroGrad(setToNone: Bool = true) {
    for group in groups {
      for cell in group.parameters { cell.zeroGrad(setToNone: setToNone) }
    }
  }

  /// What is remembered of a parameter.
  public func state(of cell: ParameterCell) -> ParameterState {
    if let known = states[cell] { return known }
    let state = ParameterState()
    states[cell] = state
    return state
  }

  /// Calls `hook` before each step. SeeAlso: torch.optim.Optimizer.register_step_pre_hook
  public func registerStepPreHook(_ hook: @escaping (Optimizer) -> Void) { preHooks.append(hook) }
  /// Calls `hook` after each step. SeeAlso: torch.optim.Optimizer.register_step_post_hook
  public func registerStepPostHook(_ hook: @escaping (Optimizer) -> Void) { postHooks.append(hook) }

  /// Whether parameters that had no step yet are part of the saved state.
  var savesFreshState: Bool { false }

  /// The entries of a saved state that are numbers, though PyTorch keeps them as tensors.
  var numberNames: Set<String> { [] }

  /// The entries of one parameter's saved state.
  func saved(_ state: ParameterState) -> Named<StateValue> {
    var entries: Named<StateValue> = [:]
    if state.step > 0 || savesFreshState, state.countsSteps {
      entries["step"] = .tensor(Tensor([Float(state.step)], shape: []))
    }
    for (name, number) in state.numbers { entries[name] = .tensor(Tensor([Float(number)], shape: [])) }
    for (name, tensor) in state.tensors { entries[name] = .tensor(tensor) }
    return entries
  }

  /// The shape that a saved tensor of that name must have for a parameter of shape `shape`; nil where any will do.
  func stateShape(_ name: String, of shape: Shape) -> Shape? { shape }

  /// Takes over the entries of one parameter's saved state; throws where a tensor has not the shape that the rule needs.
  func restore(_ entries: Named<StateValue>, like value: Tensor) throws -> ParameterState {
    let state = ParameterState()
    for (name, entry) in entries {
      switch entry {
      case _ where name == "step": state.step = entry.double ?? 0
      case .tensor(let tensor) where numberNames.contains(name):
        guard tensor.elementCount == 1 else {
          throw StateError("[\(self.name)] '\(name)' of the saved state must be one number, got \(tensor.spec)")
        }
        state.numbers[name] = tensor.itemDouble()
      case .tensor(let tensor):
        if let expected = stateShape(name, of: value.shape), tensor.shape != expected {
          throw StateError(
            "[\(self.name)] '\(name)' of the saved state has shape \(tensor.shape), "
              + "a parameter of shape \(value.shape) needs \(expected)")
        }
        let isState = tensor.dtype.isFloatingPoint && value.dtype.isFloatingPoint
        state.tensors[name] = isState ? tensor.detached().to(value.dtype).to(value.device) : tensor
      default: if let number = entry.double { state.numbers[name] = number }
      }
    }
    return state
  }

  /// Refuses a loaded group with an option of another kind than the optimizer's own, or out of its range.
  private func check(_ group: ParameterGroup, _ i: Int) throws {
    for (name, value) in defaults {
      guard let saved = group.options[name], saved.isLike(value) else {
        throw StateError("[\(self.name)] group \(i) of the saved state has a '\(name)' that is none")
      }
    }
    do { try withErrors { validate(group) } } catch let error as OpError {
      throw StateError("[\(name)] group \(i) of the saved state: \(error.message)")
    }
  }

  /// PyTorch's structure: the state by parameter number, and the groups' options with the numbers of their parameters.
  /// SeeAlso: torch.optim.Optimizer.state_dict
  open func stateDict() -> StateValue {
    var state: [Int: StateValue] = [:]
    var saved: [StateValue] = []
    var next = 0
    for group in groups {
      var options = group.options
      options["params"] = .list((next..<next + group.parameters.count).map { .int($0) })
      saved.append(.dict(options))
      for cell in group.parameters {
        if let known = states[cell] {
          let entries = self.saved(known)
          if !entries.isEmpty { state[next] = .dict(entries) }
        }
        next += 1
      }
    }
    return .dict(["state": .indexed(state), "param_groups": .list(saved)])
  }

  /// Takes over a saved state. Nothing changes if it does not fit. SeeAlso: torch.optim.Optimizer.load_state_dict
  public func load(_ saved: StateValue) throws {
    guard let savedGroups = saved["param_groups"]?.elements, let savedState = saved["state"] else {
      throw StateError("[\(name)] the saved state has no 'state' and 'param_groups'")
    }
    guard savedGroups.count == groups.count else {
      throw StateError("[\(name)] the saved state has \(savedGroups.count) groups, the optimizer \(groups.count)")
    }
    var newGroups = groups
    var newStates = WeakTable<ParameterCell, ParameterState>()
    for (i, savedGroup) in savedGroups.enumerated() {
      guard case .dict(var options) = savedGroup, let numbers = options["params"]?.elements,
        numbers.count == groups[i].parameters.count
      else { throw StateError("[\(name)] group \(i) of the saved state has another number of parameters") }
      options["params"] = nil
      newGroups[i].options = options
      newGroups[i].fill(from: defaults)
      try check(newGroups[i], i)
      for (number, cell) in zip(numbers, groups[i].parameters) {
        guard let number = number.int else { throw StateError("[\(name)] a parameter number is no number") }
        guard case .dict(let entries)? = savedState.entry(number) else { continue }
        newStates[cell] = try restore(entries, like: cell.tensor)
      }
    }
    groups = newGroups
    states = newStates
  }
}

extension StateValue {
  /// Whether an option with the value `other` may have this one too: a number, a list of as many, or a text or nothing.
  fileprivate func isLike(_ other: StateValue) -> Bool {
    switch (self, other) {
    case (_, .bool), (_, .int), (_, .double): double != nil
    case (_, .list(let values)), (_, .tuple(let values)): elements?.count == values.count
    case (.none, .none), (.none, .string), (.string, .none), (.string, .string): true
    default: false
    }
  }

  /// The entry of a number, also where a file turned the key into text.
  fileprivate func entry(_ number: Int) -> StateValue? {
    if case .indexed(let entries) = self { return entries[number] }
    return self["\(number)"]
  }
}

extension Tensor {
  /// A complex tensor's numbers as pairs of real ones, in the same memory if it is contiguous.
  fileprivate var pairs: Tensor {
    let packed = contiguous().detached()
    var layout = Layout(packed.shape + [2])
    layout.offset = packed.layout.offset * 2
    return packed.aliased(layout, dtype: dtype.real)
  }
}
