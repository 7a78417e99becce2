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

  public init(_ scheduler: LRScheduler) {
    self.init(
      scheduler, step: { scheduler.step() }, stepToEpoch: { scheduler.step(epoch: Int($0)) })
  }
}

/// From PyTorch's scheduler classes to ours. A function of the epoch comes as `.any` of `@Sendable (Int) -> Double`, an
/// inner scheduler as `.any` of `BuiltScheduler`.
public enum SchedulerTable {
  public typealias Entry = @Sendable (_ optimizer: Optimizer, _ call: Call) throws -> BuiltScheduler

  static let all: [String: Entry] = [
    "LambdaLR": { optimizer, call in
      .init(LambdaLR(optimizer, try call.epochFunctions(0, "lr_lambda"), lastEpoch: try call.lastEpoch()))
    },
    "MultiplicativeLR": { optimizer, call in
      .init(MultiplicativeLR(optimizer, try call.epochFunctions(0, "lr_lambda"), lastEpoch: try call.lastEpoch()))
    },
    "StepLR": { optimizer, call in
      .init(
        StepLR(
          optimizer, stepSize: try call.int(0, "step_size"), gamma: try call.double(1, "gamma", default: 0.1),
          lastEpoch: try call.lastEpoch()))
    },
    "MultiStepLR": { optimizer, call in
      .init(
        MultiStepLR(
          optimizer, milestones: try call.ints(0, "milestones"), gamma: try call.double(1, "gamma", default: 0.1),
          lastEpoch: try call.lastEpoch()))
    },
    "ConstantLR": { optimizer, call in
      .init(
        ConstantLR(
          optimizer, factor: try call.double(0, "factor", default: 1 / 3),
          totalIters: try call.int(1, "total_iters", default: 5), lastEpoch: try call.lastEpoch()))
    },
    "LinearLR": { optimizer, call in
      .init(
        LinearLR(
          optimizer, startFactor: try call.double(0, "start_factor", default: 1 / 3),
          endFactor: try call.double(1, "end_factor", default: 1),
          totalIters: try call.int(2, "total_iters", default: 5), lastEpoch: try call.lastEpoch()))
    },
    "ExponentialLR": { optimizer, call in
      .init(ExponentialLR(optimizer, gamma: try call.double(0, "gamma"), lastEpoch: try call.lastEpoch()))
    },
    "PolynomialLR": { optimizer, call in
      .init(
        PolynomialLR(
          optimizer, totalIters: try call.int(0, "total_iters", default: 5),
          power: try call.double(1, "power", default: 1), lastEpoch: try call.lastEpoch()))
    },
    "CosineAnnealingLR": { optimizer, call in
      .init(
        CosineAnnealingLR(
          optimizer, tMax: try call.int(0, "T_max"), etaMin: try call.double(1, "eta_min", default: 0),
          lastEpoch: try call.lastEpoch()))
    },
    "CosineAnnealingWarmRestarts": { optimizer, call in
      let scheduler = CosineAnnealingWarmRestarts(
        optimizer, t0: try call.int(0, "T_0"), tMult: try call.int(1, "T_mult", default: 1),
        etaMin: try call.double(2, "eta_min", default: 0), lastEpoch: try call.lastEpoch())
      return BuiltScheduler(scheduler, step: { scheduler.step() }, stepToEpoch: { scheduler.step(epoch: $0) })
    },
    "CyclicLR": { optimizer, call in
      let mode = try call.string(nil, "mode", default: "triangular")
      guard let mode = CyclicLR.Mode(rawValue: mode) else { throw CallError("unknown mode '\(mode)'") }
      return .init(
        CyclicLR(
          optimizer, baseLR: try call.rates(0, "base_lr"), maxLR: try call.rates(1, "max_lr"),
          stepSizeUp: try call.int(2, "step_size_up", default: 2000),
          stepSizeDown: try call.optionalInt(3, "step_size_down"), mode: mode,
          gamma: try call.double(nil, "gamma", default: 1),
          cycleMomentum: try call.bool(nil, "cycle_momentum", default: true),
          baseMomentum: try call.double(nil, "base_momentum", default: 0.8),
          maxMomentum: try call.double(nil, "max_momentum", default: 0.9), lastEpoch: try call.lastEpoch()))
    },
    "OneCycleLR": { optimizer, call in
      let perEpoch = try call.optionalInt(nil, "steps_per_epoch")
      let epochs = try call.optionalInt(nil, "epochs")
      let total = try call.optionalInt(1, "total_steps") ?? (epochs ?? 0) * (perEpoch ?? 0)
      return .init(
        OneCycleLR(
          optimizer, maxLR: try call.rates(0, "max_lr"), totalSteps: total,
          pctStart: try call.double(nil, "pct_start", default: 0.3), annealStrategy: try call.annealStrategy(),
          cycleMomentum: try call.bool(nil, "cycle_momentum", default: true),
          baseMomentum: try call.double(nil, "base_momentum", default: 0.85),
          maxMomentum: try call.double(nil, "max_momentum", default: 0.95),
          divFactor: try call.double(nil, "div_factor", default: 25),
          finalDivFactor: try call.double(nil, "final_div_factor", default: 1e4),
          threePhase: try call.bool(nil, "three_phase"), lastEpoch: try call.lastEpoch()))
    },
    "ReduceLROnPlateau": { optimizer, call in
      let mode = try call.string(nil, "mode", default: "min")
      let threshold = try call.string(nil, "threshold_mode", default: "rel")
      let scheduler = ReduceLROnPlateau(
        optimizer, mode: mode == "max" ? .max : .min, factor: try call.double(nil, "factor", default: 0.1),
        patience: try call.int(nil, "patience", default: 10),
        threshold: try call.double(nil, "threshold", default: 1e-4), thresholdMode: threshold == "abs" ? .abs : .rel,
        cooldown: try call.int(nil, "cooldown", default: 0), minLR: try call.optionalDoubles(nil, "min_lr") ?? [0],
        eps: try call.double(nil, "eps", default: 1e-8))
      return BuiltScheduler(
        scheduler, step: { throw CallError("ReduceLROnPlateau needs a metric") },
        stepWithMetric: { scheduler.step($0) })
    },
    "SWALR": { optimizer, call in
      .init(
        SWALR(
          optimizer, swaLR: try call.rates(0, "swa_lr"), annealEpochs: try call.int(nil, "anneal_epochs", default: 10),
          annealStrategy: try call.annealStrategy(), lastEpoch: try call.lastEpoch()))
    },
    "SequentialLR": { optimizer, call in
      .init(
        SequentialLR(
          optimizer, schedulers: try call.schedulers(0, "schedulers"), milestones: try call.ints(1, "milestones"),
          lastEpoch: try call.lastEpoch()))
    },
    "ChainedScheduler": { optimizer, call in .init(ChainedScheduler(try call.schedulers(0, "schedulers"))) },
  ]

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
  public func epochFunctions(_ position: Int?, _ name: String) throws -> [(Int) -> Double] {
    guard let value = try value(position, name) else { throw wrong(position, name, "given", nil) }
    return try (value.items ?? [value]).map { item in
      guard case .any(let function) = item, let function = function as? @Sendable (Int) -> Double else {
        throw wrong(position, name, "a function", item)
      }
      return { function($0) }
    }
  }

  func lastEpoch() throws -> Int { try int(nil, "last_epoch", default: -1) }

  /// One rate, or one a group.
  func rates(_ position: Int?, _ name: String) throws -> [Double] {
    guard let values = try optionalDoubles(position, name) else { throw wrong(position, name, "given", nil) }
    return values
  }

  func annealStrategy() throws -> AnnealStrategy {
    let name = try string(nil, "anneal_strategy", default: "cos")
    guard let strategy = AnnealStrategy(rawValue: name) else { throw CallError("unknown anneal_strategy '\(name)'") }
    return strategy
  }

  /// The schedulers that a scheduler contains.
  func schedulers(_ position: Int?, _ name: String) throws -> [LRScheduler] {
    guard let items = try value(position, name)?.items else { throw wrong(position, name, "given", nil) }
    return try items.map { item in
      guard case .any(let scheduler) = item, let scheduler = (scheduler as? BuiltScheduler)?.scheduler as? LRScheduler
      else { throw wrong(position, name, "a scheduler", item) }
      return scheduler
    }
  }
}
