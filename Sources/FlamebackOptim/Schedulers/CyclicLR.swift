import FlamebackCore
import FlamebackNN

extension Optimizer {
  /// Whether the groups have a momentum, or betas whose first is one.
  var hasMomentum: Bool { defaults["momentum"] != nil || defaults["betas"] != nil }

  /// The momentum of group `i`: SGD's, or the first of Adam's betas.
  func setMomentum(_ i: Int, _ value: Double) {
    if var betas = groups[i][ifPresent: .betas] {
      betas[0] = value
      groups[i][.betas] = betas
    } else {
      groups[i][.momentum] = value
    }
  }
}

/// Up and down between two rates. SeeAlso: torch.optim.lr_scheduler.CyclicLR
public final class CyclicLR: LRScheduler {
  /// How the height changes from cycle to cycle.
  public enum Mode: String, Sendable {
    case triangular
    /// Halved each cycle.
    case triangular2
    /// Times `gamma` each iteration.
    case expRange = "exp_range"
  }

  private let bases: [Double]
  private var heights: [Double] = []
  private let totalSize: Double
  private let ratio: Double
  private let scale: (_ cycle: Double, _ iteration: Double) -> Double
  private let cyclesMomentum: Bool
  private let momentums: (base: Double, max: Double)

  public init(
    _ optimizer: Optimizer, baseLR: [Double], maxLR: [Double], stepSizeUp: Int = 2000, stepSizeDown: Int? = nil,
    mode: Mode = .triangular, gamma: Double = 1, scale: ((_ cycle: Double, _ iteration: Double) -> Double)? = nil,
    cycleMomentum: Bool = true, baseMomentum: Double = 0.8, maxMomentum: Double = 0.9, lastEpoch: Int = -1
  ) {
    let count = optimizer.groups.count
    bases = baseLR.count == 1 ? Array(repeating: baseLR[0], count: count) : baseLR
    totalSize = Double(stepSizeUp) + Double(stepSizeDown ?? stepSizeUp)
    ratio = Double(stepSizeUp) / totalSize
    self.scale =
      switch (scale, mode) {
      case (let scale?, _): scale
      case (nil, .triangular): { _, _ in 1 }
      case (nil, .triangular2): { cycle, _ in 1 / pow(2, cycle - 1) }
      case (nil, .expRange): { _, iteration in pow(gamma, iteration) }
      }
    cyclesMomentum = cycleMomentum && optimizer.hasMomentum
    momentums = (baseMomentum, maxMomentum)
    let tops = maxLR.count == 1 ? Array(repeating: maxLR[0], count: count) : maxLR
    heights = zip(bases, tops).map { $1 - $0 }
    if lastEpoch == -1 { for (i, base) in bases.prefix(count).enumerated() { optimizer.groups[i].lr = base } }
    super.init(optimizer, lastEpoch: lastEpoch)
    baseRates = bases
    require(
      stepSizeUp > 0 && stepSizeDown ?? 0 >= 0,
      "expected a positive stepSizeUp and a stepSizeDown of 0 or more, got \(stepSizeUp) and \(stepSizeDown ?? stepSizeUp)"
    )
    require(bases.count == count && tops.count == count, "expected one rate or \(count), one a group")
    require(
      !cycleMomentum || optimizer.hasMomentum, "the optimizer has no momentum to cycle: pass cycleMomentum: false")
  }

  public convenience init(
    _ optimizer: Optimizer, baseLR: Double, maxLR: Double, stepSizeUp: Int = 2000, stepSizeDown: Int? = nil,
    mode: Mode = .triangular, gamma: Double = 1, cycleMomentum: Bool = true, baseMomentum: Double = 0.8,
    maxMomentum: Double = 0.9, lastEpoch: Int = -1
  ) {
    self.init(
      optimizer, baseLR: [baseLR], maxLR: [maxLR], stepSizeUp: stepSizeUp, stepSizeDown: stepSizeDown, mode: mode,
      gamma: gamma, cycleMomentum: cycleMomentum, baseMomentum: baseMomentum, maxMomentum: maxMomentum,
      lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] {
    let cycle = (1 + Double(lastEpoch) / totalSize).rounded(.down)
    let x = 1 + Double(lastEpoch) / totalSize - cycle
    let height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1)
    let factor = height * scale(cycle, Double(lastEpoch))
    if cyclesMomentum {
      for i in optimizer.groups.indices {
        optimizer.setMomentum(i, momentums.max - (momentums.max - momentums.base) * factor)
      }
    }
    return zip(bases, heights).map { $0 + $1 * factor }
  }
}
