import FlamebackCore
import FlamebackNN

/// Reduces the rate when a metric has stopped improving. SeeAlso: torch.optim.lr_scheduler.ReduceLROnPlateau
public final class ReduceLROnPlateau {
  /// Whether smaller or larger metrics are better.
  public enum Mode: String, Sendable { case min, max }
  /// Whether the threshold is a part of the best metric or a number.
  public enum ThresholdMode: String, Sendable { case rel, abs }

  public let optimizer: Optimizer
  private let mode: Mode
  private let factor: Double
  private let patience: Int
  private let threshold: Double
  private let thresholdMode: ThresholdMode
  private let cooldown: Int
  private let minRates: [Double]
  private let eps: Double
  /// The best metric so far.
  public private(set) var best: Double
  public private(set) var lastEpoch = 0
  private var badEpochs = 0
  private var cooldownLeft = 0

  /// `minLR`: one rate, or one a group.
  public init(
    _ optimizer: Optimizer, mode: Mode = .min, factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4,
    thresholdMode: ThresholdMode = .rel, cooldown: Int = 0, minLR: [Double] = [0], eps: Double = 1e-8
  ) {
    self.optimizer = optimizer
    self.mode = mode
    self.factor = factor
    self.patience = patience
    self.threshold = threshold
    self.thresholdMode = thresholdMode
    self.cooldown = cooldown
    minRates = minLR
    self.eps = eps
    best = mode == .min ? .infinity : -.infinity
    if factor >= 1 { report(OpError("ReduceLROnPlateau", "expected a factor below 1, got \(factor)")) }
    if minLR.count != 1, minLR.count != optimizer.groups.count {
      report(OpError("ReduceLROnPlateau", "expected \(optimizer.groups.count) minimal rates, got \(minLR.count)"))
    }
  }

  /// The groups' present rates.
  public var rates: [Double] { optimizer.groups.map(\.lr) }

  /// Looks at a new metric. SeeAlso: torch.optim.lr_scheduler.ReduceLROnPlateau.step
  public func step(_ metric: Double) {
    lastEpoch += 1
    if isBetter(metric) {
      best = metric
      badEpochs = 0
    } else {
      badEpochs += 1
    }
    if cooldownLeft > 0 {
      cooldownLeft -= 1
      badEpochs = 0
    }
    guard badEpochs > patience else { return }
    for i in optimizer.groups.indices {
      let old = optimizer.groups[i].lr
      let new = max(old * factor, minRates.count == 1 ? minRates[0] : minRates[i])
      if old - new > eps { optimizer.groups[i].lr = new }
    }
    cooldownLeft = cooldown
    badEpochs = 0
  }

  private func isBetter(_ metric: Double) -> Bool {
    switch (mode, thresholdMode) {
    case (.min, .rel): metric < best * (1 - threshold)
    case (.min, .abs): metric < best - threshold
    case (.max, .rel): metric > best * (1 + threshold)
    case (.max, .abs): metric > best + threshold
    }
  }

  /// SeeAlso: torch.optim.lr_scheduler.LRScheduler.state_dict
  public func stateDict() -> StateValue {
    .dict([
      "best": .double(best), "last_epoch": .int(lastEpoch), "num_bad_epochs": .int(badEpochs),
      "cooldown_counter": .int(cooldownLeft),
    ])
  }

  /// SeeAlso: torch.optim.lr_scheduler.LRScheduler.load_state_dict
  public func load(_ state: StateValue) throws {
    guard let best = state["best"]?.double, let epoch = state["last_epoch"]?.int else {
      throw StateError("[ReduceLROnPlateau] the saved state has no best metric")
    }
    self.best = best
    lastEpoch = epoch
    badEpochs = state["num_bad_epochs"]?.int ?? 0
    cooldownLeft = state["cooldown_counter"]?.int ?? 0
  }
}
