import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels
import Foundation

/// One case of kind `schedulers`: learning rates and momenta after each step.
struct SchedulerCase {
  let file: CaseFile
  let json: JSON

  func run() throws {
    let groups = try (json["groups"]?.array ?? []).map { group in
      try OptimizerTable.group(
        [ParameterCell(Tensor([Float(0)], shape: [1]))], file.keywords(group, inputs: []))
    }
    let optimizer = try withErrors {
      try OptimizerTable.build(
        json["optimizer"]?.string ?? "", groups, file.keywords(json["optimizer_kwargs"], inputs: []))
    }
    let name = json["scheduler"]?.string ?? ""
    guard SchedulerTable.all[name] != nil else { throw UnknownOperation("optim.lr_scheduler.\(name)") }
    func build() throws -> BuiltScheduler {
      try withErrors {
        try SchedulerTable.build(
          name, optimizer, try (json["args"]?.array ?? []).map { try value($0, optimizer) },
          try (json["kwargs"]?.object ?? [:]).map { ($0.key, try value($0.value, optimizer)) })
      }
    }
    if json["error"]?.bool == true {
      do { _ = try build() } catch { return }
      throw Mismatch("must fail: \(json["message"]?.string ?? "")")
    }
    let scheduler = try build()
    let refusal = json["raises_at_step"]?.int
    for (t, expected) in (json["lrs"]?.array ?? []).enumerated() {
      if t > 0 { try step(optimizer, scheduler, t) }
      try check(optimizer.groups.map(\.lr), expected, "learning rate", t)
      if let momenta = json["momentums"]?[t] {
        try check(optimizer.groups.map { $0[ifPresent: .momentum] ?? $0[.betas][0] }, momenta, "momentum", t)
      }
    }
    if let refusal {
      do { try step(optimizer, scheduler, refusal) } catch { return }
      throw Mismatch("step \(refusal) must fail")
    }
    if let initial = json["initial_lr"] {
      try check(optimizer.groups.compactMap { $0[ifPresent: .initialLR] }, initial, "initial learning rate", -1)
    }
  }

  private func step(_ optimizer: Optimizer, _ scheduler: BuiltScheduler, _ t: Int) throws {
    try withErrors {
      optimizer.step()
      if let metric = json["metrics"]?[t - 1] {
        guard let step = scheduler.stepWithMetric else { throw CallError("the scheduler takes no metric") }
        try step(try CaseFile.number(metric))
      } else if let epoch = json["epochs"]?[t - 1] {
        guard let step = scheduler.stepToEpoch else { throw CallError("the scheduler takes no epoch") }
        try step(try CaseFile.number(epoch))
      } else {
        try scheduler.step()
      }
    }
  }

  private func check(_ got: [Double], _ expected: JSON, _ what: String, _ t: Int) throws {
    let wanted = try (expected.array ?? []).map(CaseFile.number)
    let rtol = json["rtol"]?.double ?? 1e-9
    guard got.count == wanted.count, zip(got, wanted).allSatisfy({ abs($0 - $1) <= 1e-12 + rtol * abs($1) }) else {
      throw Mismatch("\(what) after \(t) steps is \(got), expected \(wanted)")
    }
  }

  /// Values, and the two further forms: inner schedulers and functions of the epoch.
  private func value(_ json: JSON, _ optimizer: Optimizer) throws -> Value {
    if let name = json["scheduler"]?.string {
      let scheduler = try SchedulerTable.build(
        name, optimizer, try (json["args"]?.array ?? []).map { try value($0, optimizer) },
        try (json["kwargs"]?.object ?? [:]).map { ($0.key, try value($0.value, optimizer)) })
      return .any(scheduler)
    }
    if let function = json["lambda"] { return .any(try SchedulerCase.function(function)) }
    for key in ["list", "tuple"] {
      if let items = json[key]?.array { return .list(try items.map { try value($0, optimizer) }) }
    }
    return try file.value(json)
  }

  private static func function(_ json: JSON) throws -> @Sendable (Int) -> Double {
    func number(_ key: String) throws -> Double {
      guard let number = json[key]?.double else { throw CallError("a function without '\(key)': \(json)") }
      return number
    }
    switch json["kind"]?.string {
    case "pow":
      let base = try number("base")
      return { pow(base, Double($0)) }
    case "inv":
      let k = try number("k")
      return { 1 / (1 + k * Double($0)) }
    case "warmup":
      let n = try number("n")
      return { min(1, Double($0 + 1) / n) }
    case "const":
      let c = try number("c")
      return { _ in c }
    case "floor_pow":
      let base = try number("base")
      let n = try number("n")
      return { pow(base, floor(Double($0) / n)) }
    default: throw CallError("unknown function \(json)")
    }
  }
}
