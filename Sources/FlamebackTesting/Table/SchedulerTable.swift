import Flameback
import FlamebackCore

/// A scheduler made from a recorded constructor, and how to step it.
public struct BuiltScheduler {
  /// Ours, for schedulers that contain others.
  public let scheduler: Any
  public let step: () throws -> Void
  /// `step(metric)` of ReduceLROnPlateau.
  public let stepWithMetric: ((Double) throws -> Void)?
  /// `step(epoch)`.
  public let stepToEpoch: ((Double) throws -> Void)?

  public init(
    _ scheduler: Any, step: @escaping () throws -> Void, stepWithMetric: ((Double) throws -> Void)? = nil,
    stepToEpoch: ((Double) throws -> Void)? = nil
  ) {
    self.scheduler = scheduler
    self.step = step
    self.stepWithMetric = stepWithMetric
    self.stepToEpoch = stepToEpoch
  }
}

/// From PyTorch's scheduler classes to ours. A function of the epoch comes as `.any` of `@Sendable (Int) -> Double`, an
/// inner scheduler as `.any` of `BuiltScheduler`.
public enum SchedulerTable {
  public typealias Entry = @Sendable (_ optimizer: Optimizer, _ call: Call) throws -> BuiltScheduler

  static let all: [String: Entry] = [:]

  static func build(
    _ name: String, _ optimizer: Optimizer, _ args: [Value], _ kwargs: [(String, Value)]
  ) throws -> BuiltScheduler {
    guard let entry = all[name] else { throw UnknownOperation("optim.lr_scheduler.\(name)") }
    let call = Call("optim.lr_scheduler.\(name)", args, kwargs)
    let scheduler = try entry(optimizer, call)
    try call.finish()
    return scheduler
  }
}

extension Call {
  /// One function of the epoch for each group, or one for all.
  public func epochFunctions(_ position: Int?, _ name: String) throws -> [@Sendable (Int) -> Double] {
    guard let value = try value(position, name) else { throw wrong(position, name, "given", nil) }
    return try (value.items ?? [value]).map { item in
      guard case .any(let function) = item, let function = function as? @Sendable (Int) -> Double else {
        throw wrong(position, name, "a function", item)
      }
      return function
    }
  }

  /// The schedulers that a scheduler contains.
  public func schedulers(_ position: Int?, _ name: String) throws -> [BuiltScheduler] {
    guard let items = try value(position, name)?.items else { throw wrong(position, name, "given", nil) }
    return try items.map { item in
      guard case .any(let scheduler) = item, let scheduler = scheduler as? BuiltScheduler else {
        throw wrong(position, name, "a scheduler", item)
      }
      return scheduler
    }
  }
}
