import FlamebackNN

/// Multiplies the rate by `gamma` every `stepSize` epochs. SeeAlso: torch.optim.lr_scheduler.StepLR
public final class StepLR: LRScheduler {
  private let stepSize: Int
  private let gamma: Double

  public init(_ optimizer: Optimizer, stepSize: Int, gamma: Double = 0.1, lastEpoch: Int = -1) {
    self.stepSize = max(stepSize, 1)
    self.gamma = gamma
    super.init(optimizer, lastEpoch: lastEpoch)
    require(stepSize > 0, "expected a positive stepSize, got \(stepSize)")
  }

  public override func nextRates() -> [Double] {
    lastEpoch == 0 || lastEpoch % stepSize != 0 ? rates : rates.map { $0 * gamma }
  }

  public override func closedForm() -> [Double]? { baseRates.map { $0 * pow(gamma, Double(lastEpoch / stepSize)) } }
}

/// Multiplies the rate by `gamma` at given epochs. SeeAlso: torch.optim.lr_scheduler.MultiStepLR
public final class MultiStepLR: LRScheduler {
  private let milestones: [Int]
  private let gamma: Double

  public init(_ optimizer: Optimizer, milestones: [Int], gamma: Double = 0.1, lastEpoch: Int = -1) {
    self.milestones = milestones
    self.gamma = gamma
    super.init(optimizer, lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] {
    let count = milestones.count { $0 == lastEpoch }
    return count == 0 ? rates : rates.map { $0 * pow(gamma, Double(count)) }
  }

  public override func closedForm() -> [Double]? {
    let passed = milestones.count { $0 <= lastEpoch }
    return baseRates.map { $0 * pow(gamma, Double(passed)) }
  }
}

/// Multiplies the rate by `gamma` every epoch. SeeAlso: torch.optim.lr_scheduler.ExponentialLR
public final class ExponentialLR: LRScheduler {
  private let gamma: Double

  public init(_ optimizer: Optimizer, gamma: Double, lastEpoch: Int = -1) {
    self.gamma = gamma
    super.init(optimizer, lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] { isInitial ? rates : rates.map { $0 * gamma } }
  public override func closedForm() -> [Double]? { baseRates.map { $0 * pow(gamma, Double(lastEpoch)) } }
}
