import FlamebackNN

/// A reduced rate for the first epochs. SeeAlso: torch.optim.lr_scheduler.ConstantLR
public final class ConstantLR: LRScheduler {
  private let factor: Double
  private let totalIters: Int

  public init(_ optimizer: Optimizer, factor: Double = 1 / 3, totalIters: Int = 5, lastEpoch: Int = -1) {
    self.factor = factor
    self.totalIters = totalIters
    super.init(optimizer, lastEpoch: lastEpoch)
    require(factor >= 0 && factor <= 1, "expected a factor between 0 and 1, got \(factor)")
  }

  public override func nextRates() -> [Double] {
    if lastEpoch == 0 { return rates.map { $0 * factor } }
    if lastEpoch != totalIters { return rates }
    return factor == 0 ? baseRates : rates.map { $0 * (1 / factor) }  // 0 cannot be divided out again
  }

  public override func closedForm() -> [Double]? {
    baseRates.map { $0 * (lastEpoch >= totalIters ? 1 : factor) }
  }
}

/// A straight line from one factor to another: warm-up. SeeAlso: torch.optim.lr_scheduler.LinearLR
public final class LinearLR: LRScheduler {
  private let startFactor: Double
  private let endFactor: Double
  private let totalIters: Int

  public init(
    _ optimizer: Optimizer, startFactor: Double = 1 / 3, endFactor: Double = 1, totalIters: Int = 5, lastEpoch: Int = -1
  ) {
    self.startFactor = startFactor
    self.endFactor = endFactor
    self.totalIters = totalIters
    super.init(optimizer, lastEpoch: lastEpoch)
    require(startFactor > 0 && startFactor <= 1, "expected a startFactor above 0 and up to 1, got \(startFactor)")
    require(endFactor >= 0 && endFactor <= 1, "expected an endFactor between 0 and 1, got \(endFactor)")
  }

  public override func nextRates() -> [Double] {
    if lastEpoch == 0 { return rates.map { $0 * startFactor } }
    if isInitial || lastEpoch > totalIters { return rates }
    let slope = endFactor - startFactor
    let passed = Double(totalIters) * startFactor + Double(lastEpoch - 1) * slope
    return rates.map { $0 * (1 + slope / passed) }
  }

  public override func closedForm() -> [Double]? {
    let part = totalIters == 0 ? 1 : Double(min(totalIters, lastEpoch)) / Double(totalIters)
    return baseRates.map { $0 * (startFactor + (endFactor - startFactor) * part) }
  }
}

/// A power of the remaining part. SeeAlso: torch.optim.lr_scheduler.PolynomialLR
public final class PolynomialLR: LRScheduler {
  private let totalIters: Int
  private let power: Double

  public init(_ optimizer: Optimizer, totalIters: Int = 5, power: Double = 1, lastEpoch: Int = -1) {
    self.totalIters = totalIters
    self.power = power
    super.init(optimizer, lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] {
    if isInitial || lastEpoch > totalIters { return rates }
    func rest(_ epoch: Int) -> Double { 1 - Double(epoch) / Double(totalIters) }
    return rates.map { $0 * pow(rest(lastEpoch) / rest(lastEpoch - 1), power) }
  }

  public override func closedForm() -> [Double]? {
    let part = totalIters == 0 ? 1 : Double(min(totalIters, lastEpoch)) / Double(totalIters)
    return baseRates.map { $0 * pow(1 - part, power) }
  }
}
