import FlamebackCore
import FlamebackNN

/// The curve between two values.
public enum AnnealStrategy: String, Sendable {
  case cos, linear

  func callAsFunction(_ start: Double, _ end: Double, _ part: Double) -> Double {
    switch self {
    case .cos: end + (start - end) / 2 * (FlamebackOptim.cos(.pi * part) + 1)
    case .linear: (end - start) * part + start
    }
  }
}

/// Up to a large rate and down to a tiny one, with momentum the other way round.
/// SeeAlso: torch.optim.lr_scheduler.OneCycleLR
public final class OneCycleLR: LRScheduler {
  private enum Level { case initial, max, min }
  private struct Phase {
    let end: Double
    let from: Level
    let to: Level
    let momentumFalls: Bool?  // nil: stays at its maximum
  }

  private let totalSteps: Int
  private let phases: [Phase]
  private let anneal: AnnealStrategy
  private let cyclesMomentum: Bool
  private let momentums: (base: Double, max: Double)
  private var levels: [(initial: Double, max: Double, min: Double)] = []

  /// `maxLR`: one rate, or one a group.
  public init(
    _ optimizer: Optimizer, maxLR: [Double], totalSteps: Int, pctStart: Double = 0.3,
    annealStrategy: AnnealStrategy = .cos, cycleMomentum: Bool = true, baseMomentum: Double = 0.85,
    maxMomentum: Double = 0.95, divFactor: Double = 25, finalDivFactor: Double = 1e4, threePhase: Bool = false,
    lastEpoch: Int = -1
  ) {
    self.totalSteps = totalSteps
    let up = pctStart * Double(totalSteps)
    let last = Double(totalSteps - 1)
    phases =
      threePhase
      ? [
        Phase(end: up - 1, from: .initial, to: .max, momentumFalls: true),
        Phase(end: 2 * up - 2, from: .max, to: .initial, momentumFalls: false),
        Phase(end: last, from: .initial, to: .min, momentumFalls: nil),
      ]
      : [
        Phase(end: up - 1, from: .initial, to: .max, momentumFalls: true),
        Phase(end: last, from: .max, to: .min, momentumFalls: false),
      ]
    anneal = annealStrategy
    cyclesMomentum = cycleMomentum && optimizer.hasMomentum
    momentums = (baseMomentum, maxMomentum)
    for i in optimizer.groups.indices {
      let top = maxLR.count == 1 ? maxLR[0] : i < maxLR.count ? maxLR[i] : .nan
      levels.append((top / divFactor, top, top / divFactor / finalDivFactor))
      if lastEpoch == -1 { optimizer.groups[i][.initialLR] = top / divFactor }
    }
    super.init(optimizer, lastEpoch: lastEpoch)
    require(totalSteps > 0, "expected a positive totalSteps, got \(totalSteps)")
    require(pctStart >= 0 && pctStart <= 1, "expected pctStart between 0 and 1, got \(pctStart)")
    require(maxLR.count == 1 || maxLR.count == levels.count, "expected \(levels.count) values for maxLR")
    require(
      !cycleMomentum || optimizer.hasMomentum, "the optimizer has no momentum to cycle: pass cycleMomentum: false")
  }

  public convenience init(
    _ optimizer: Optimizer, maxLR: Double, totalSteps: Int, pctStart: Double = 0.3,
    annealStrategy: AnnealStrategy = .cos, cycleMomentum: Bool = true, baseMomentum: Double = 0.85,
    maxMomentum: Double = 0.95, divFactor: Double = 25, finalDivFactor: Double = 1e4, threePhase: Bool = false,
    lastEpoch: Int = -1
  ) {
    self.init(
      optimizer, maxLR: [maxLR], totalSteps: totalSteps, pctStart: pctStart, annealStrategy: annealStrategy,
      cycleMomentum: cycleMomentum, baseMomentum: baseMomentum, maxMomentum: maxMomentum, divFactor: divFactor,
      finalDivFactor: finalDivFactor, threePhase: threePhase, lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] {
    require(lastEpoch <= totalSteps, "tried to step \(lastEpoch) times: the schedule has \(totalSteps) steps")
    let step = Double(lastEpoch)
    var start = 0.0
    for (k, phase) in phases.enumerated() {
      if step <= phase.end || k == phases.count - 1 {
        // A phase of no length is at its end.
        let part = phase.end == start ? 1 : (step - start) / (phase.end - start)
        if cyclesMomentum {
          let (from, to) =
            switch phase.momentumFalls {
            case true?: (momentums.max, momentums.base)
            case false?: (momentums.base, momentums.max)
            case nil: (momentums.max, momentums.max)
            }
          for i in optimizer.groups.indices { optimizer.setMomentum(i, anneal(from, to, part)) }
        }
        return levels.map { anneal(value(phase.from, $0), value(phase.to, $0), part) }
      }
      start = phase.end
    }
    return rates
  }

  private func value(_ level: Level, _ levels: (initial: Double, max: Double, min: Double)) -> Double {
    switch level {
    case .initial: levels.initial
    case .max: levels.max
    case .min: levels.min
    }
  }
}
