import FlamebackCore
import FlamebackNN

/// The base of learning-rate schedulers: after each epoch (or batch) `step()` gives the groups new rates.
///
/// A subclass overrides `nextRates`, and `closedForm` where a rate follows from the epoch alone.
/// SeeAlso: torch.optim.lr_scheduler.LRScheduler
open class LRScheduler {
  public let optimizer: Optimizer
  /// The rates with which the groups began.
  public internal(set) var baseRates: [Double]
  /// Steps made so far, the first (in construction) not counted.
  public internal(set) var lastEpoch: Int
  var stepCount = 0
  /// True during the step that construction makes.
  private(set) var isInitial = false

  /// With a `lastEpoch` of -1 the schedule begins; otherwise it goes on behind that epoch.
  public init(_ optimizer: Optimizer, lastEpoch: Int = -1) {
    self.optimizer = optimizer
    self.lastEpoch = lastEpoch
    baseRates = []
    for i in optimizer.groups.indices where optimizer.groups[i][ifPresent: .initialLR] == nil {
      if lastEpoch == -1 {
        optimizer.groups[i][.initialLR] = optimizer.groups[i].lr
      } else {
        report(OpError("\(type(of: self))", "group \(i) has no initial_lr: needed to go on at epoch \(lastEpoch)"))
      }
    }
    baseRates = optimizer.groups.map { $0[ifPresent: .initialLR] ?? $0.lr }
    initialStep()
  }

  /// For schedulers that set up everything themselves.
  init(plain optimizer: Optimizer, lastEpoch: Int) {
    self.optimizer = optimizer
    self.lastEpoch = lastEpoch
    baseRates = optimizer.groups.map { $0[ifPresent: .initialLR] ?? $0.lr }
  }

  func initialStep() {
    stepCount = 0
    isInitial = true
    step()
    isInitial = false
  }

  /// The rates for `lastEpoch`, usually from the present ones. SeeAlso: torch.optim.lr_scheduler.LRScheduler.get_lr
  open func nextRates() -> [Double] { rates }

  /// The rates for `lastEpoch` from the initial ones; nil if there is no such formula.
  open func closedForm() -> [Double]? { nil }

  /// The groups' present rates. SeeAlso: torch.optim.lr_scheduler.LRScheduler.get_last_lr
  public var rates: [Double] { optimizer.groups.map(\.lr) }

  /// Goes to the next epoch. SeeAlso: torch.optim.lr_scheduler.LRScheduler.step
  open func step() {
    stepCount += 1
    lastEpoch += 1
    set(nextRates())
  }

  /// Goes to that epoch.
  open func step(epoch: Int) {
    stepCount += 1
    go(to: epoch)
  }

  func go(to epoch: Int) {
    lastEpoch = epoch
    set(closedForm() ?? nextRates())
  }

  func set(_ rates: [Double]) { for (i, rate) in rates.enumerated() { optimizer.groups[i].lr = rate } }

  /// One value a group: a single one stands for all.
  func perGroup(_ values: [Double], _ name: String) -> [Double] {
    if values.count == 1 { return Array(repeating: values[0], count: optimizer.groups.count) }
    require(
      values.count == optimizer.groups.count,
      "expected \(optimizer.groups.count) values for \(name), got \(values.count)")
    return values.count == optimizer.groups.count ? values : optimizer.groups.map { _ in values.first ?? 0 }
  }

  /// Reports a mistake in the schedule's description.
  func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { report(OpError("\(type(of: self))", message())) }
  }

  /// What changes while the schedule runs. SeeAlso: torch.optim.lr_scheduler.LRScheduler.state_dict
  open func stateDict() -> StateValue {
    .dict([
      "base_lrs": .list(baseRates.map(StateValue.double)), "last_epoch": .int(lastEpoch),
      "_step_count": .int(stepCount), "_last_lr": .list(rates.map(StateValue.double)),
    ])
  }

  /// Takes over a saved state; the rates themselves are in the optimizer's.
  /// SeeAlso: torch.optim.lr_scheduler.LRScheduler.load_state_dict
  open func load(_ state: StateValue) throws {
    guard let epoch = state["last_epoch"]?.int else {
      throw StateError("[\(type(of: self))] the saved state has no last_epoch")
    }
    lastEpoch = epoch
    stepCount = state["_step_count"]?.int ?? stepCount
    if let rates = state["base_lrs"]?.elements { baseRates = rates.compactMap(\.double) }
  }
}

extension StateValue {
  /// A dictionary with more entries.
  func adding(_ more: Named<StateValue>) -> StateValue {
    guard case .dict(var entries) = self else { return self }
    for (name, value) in more { entries[name] = value }
    return .dict(entries)
  }
}
