import FlamebackCore
import FlamebackNN

/// One scheduler after the other, the next at each milestone. SeeAlso: torch.optim.lr_scheduler.SequentialLR
public final class SequentialLR: LRScheduler {
  private let schedulers: [LRScheduler]
  private let milestones: [Int]

  public init(_ optimizer: Optimizer, schedulers: [LRScheduler], milestones: [Int], lastEpoch: Int = -1) {
    self.schedulers = schedulers
    self.milestones = milestones
    super.init(plain: optimizer, lastEpoch: lastEpoch + 1)
    require(!schedulers.isEmpty, "expected at least one scheduler")
    require(schedulers.allSatisfy { $0.optimizer === optimizer }, "the schedulers have different optimizers")
    require(
      milestones.count == schedulers.count - 1,
      "expected one milestone less than schedulers, got \(milestones.count) for \(schedulers.count)")
    guard !schedulers.isEmpty else { return }
    // Undo the first step that each scheduler made when it was constructed.
    for group in optimizer.groups.indices {
      optimizer.groups[group].lr = optimizer.groups[group][ifPresent: .initialLR] ?? optimizer.groups[group].lr
    }
    for scheduler in schedulers { SequentialLR.undo(scheduler) }
    schedulers[index(0)].initialStep()
  }

  private static func undo(_ scheduler: LRScheduler) {
    switch scheduler {
    case let sequence as SequentialLR: for inner in sequence.schedulers { undo(inner) }
    case let chain as ChainedScheduler: for inner in chain.schedulers { undo(inner) }
    default: scheduler.lastEpoch -= 1
    }
  }

  private func index(_ epoch: Int) -> Int { min(milestones.count { $0 <= epoch }, schedulers.count - 1) }

  public override func step() {
    lastEpoch += 1
    let i = index(lastEpoch)
    if i > 0, milestones[i - 1] == lastEpoch { schedulers[i].go(to: 0) } else { schedulers[i].step() }
  }

  public override func stateDict() -> StateValue {
    super.stateDict().adding([
      "_milestones": .list(milestones.map(StateValue.int)), "_schedulers": .list(schedulers.map { $0.stateDict() }),
    ])
  }

  public override func load(_ state: StateValue) throws {
    try super.load(state)
    try schedulers.load(state)
  }
}

/// Several schedulers at once: their factors multiply. SeeAlso: torch.optim.lr_scheduler.ChainedScheduler
public final class ChainedScheduler: LRScheduler {
  fileprivate let schedulers: [LRScheduler]

  public init(_ schedulers: [LRScheduler]) {
    self.schedulers = schedulers
    super.init(plain: schedulers.first?.optimizer ?? Optimizer(), lastEpoch: 0)
    require(!schedulers.isEmpty, "expected at least one scheduler")
    require(schedulers.allSatisfy { $0.optimizer === optimizer }, "the schedulers have different optimizers")
  }

  public override func step() { for scheduler in schedulers { scheduler.step() } }

  public override func stateDict() -> StateValue {
    super.stateDict().adding(["_schedulers": .list(schedulers.map { $0.stateDict() })])
  }

  public override func load(_ state: StateValue) throws {
    try super.load(state)
    try schedulers.load(state)
  }
}

extension [LRScheduler] {
  fileprivate func load(_ state: StateValue) throws {
    guard let states = state["_schedulers"]?.elements, states.count == count else {
      throw StateError("[scheduler] the saved state has another number of schedulers")
    }
    for (scheduler, state) in zip(self, states) { try scheduler.load(state) }
  }
}
