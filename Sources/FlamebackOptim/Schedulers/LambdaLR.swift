import FlamebackNN

/// The initial rate times a function of the epoch. SeeAlso: torch.optim.lr_scheduler.LambdaLR
public final class LambdaLR: LRScheduler {
  private let lambdas: [(Int) -> Double]

  /// One function for all groups, or one for each.
  public init(_ optimizer: Optimizer, _ lambdas: [(Int) -> Double], lastEpoch: Int = -1) {
    self.lambdas = lambdas.count == 1 ? optimizer.groups.map { _ in lambdas[0] } : lambdas
    super.init(optimizer, lastEpoch: lastEpoch)
    require(self.lambdas.count == baseRates.count, "expected \(baseRates.count) lambdas, got \(lambdas.count)")
  }

  public convenience init(_ optimizer: Optimizer, lastEpoch: Int = -1, _ lambda: @escaping (Int) -> Double) {
    self.init(optimizer, [lambda], lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] { zip(baseRates, lambdas).map { $0 * $1(lastEpoch) } }
}

/// The present rate times a function of the epoch. SeeAlso: torch.optim.lr_scheduler.MultiplicativeLR
public final class MultiplicativeLR: LRScheduler {
  private let lambdas: [(Int) -> Double]

  /// One function for all groups, or one for each.
  public init(_ optimizer: Optimizer, _ lambdas: [(Int) -> Double], lastEpoch: Int = -1) {
    self.lambdas = lambdas.count == 1 ? optimizer.groups.map { _ in lambdas[0] } : lambdas
    super.init(optimizer, lastEpoch: lastEpoch)
    require(self.lambdas.count == baseRates.count, "expected \(baseRates.count) lambdas, got \(lambdas.count)")
  }

  public convenience init(_ optimizer: Optimizer, lastEpoch: Int = -1, _ lambda: @escaping (Int) -> Double) {
    self.init(optimizer, [lambda], lastEpoch: lastEpoch)
  }

  public override func nextRates() -> [Double] {
    isInitial ? rates : zip(rates, lambdas).map { $0 * $1(lastEpoch) }
  }
}
