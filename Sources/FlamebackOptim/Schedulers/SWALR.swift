import FlamebackCore
import FlamebackNN

/// From the present rate to a constant one, for stochastic weight averaging. SeeAlso: torch.optim.swa_utils.SWALR
public final class SWALR: LRScheduler {
  private let swaRates: [Double]
  private let annealEpochs: Int
  private let strategy: AnnealStrategy

  /// `swaLR`: one rate, or one a group.
  public init(
    _ optimizer: Optimizer, swaLR: [Double], annealEpochs: Int = 10, annealStrategy: AnnealStrategy = .cos,
    lastEpoch: Int = -1
  ) {
    swaRates = swaLR.count == 1 ? Array(repeating: swaLR[0], count: optimizer.groups.count) : swaLR
    self.annealEpochs = max(annealEpochs, 0)
    strategy = annealStrategy
    super.init(optimizer, lastEpoch: lastEpoch)
    require(swaRates.count == optimizer.groups.count, "expected \(optimizer.groups.count) values for swaLR")
    require(annealEpochs >= 0, "expected annealEpochs of 0 or more, got \(annealEpochs)")
  }

  public convenience init(
    _ optimizer: Optimizer, swaLR: Double, annealEpochs: Int = 10, annealStrategy: AnnealStrategy = .cos,
    lastEpoch: Int = -1
  ) {
    self.init(
      optimizer, swaLR: [swaLR], annealEpochs: annealEpochs, annealStrategy: annealStrategy, lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] {
    let step = annealEpochs == 0 ? max(1, stepCount - 1) : stepCount - 1
    func part(_ step: Int) -> Double {
      strategy(0, 1, min(1, max(0, Double(step) / Double(max(1, annealEpochs)))))
    }
    let (before, now) = (part(step - 1), part(step))
    return zip(rates, swaRates).map { rate, target in
      let initial = before == 1 ? target : (rate - before * target) / (1 - before)
      return target * now + initial * (1 - now)
    }
  }
}
