import FlamebackNN

/// Half a cosine from the initial rate to `etaMin`, and back. SeeAlso: torch.optim.lr_scheduler.CosineAnnealingLR
public final class CosineAnnealingLR: LRScheduler {
  private let tMax: Int
  private let etaMin: Double

  public init(_ optimizer: Optimizer, tMax: Int, etaMin: Double = 0, lastEpoch: Int = -1) {
    self.tMax = tMax == 0 ? 1 : tMax
    self.etaMin = etaMin
    super.init(optimizer, lastEpoch: lastEpoch)
    require(tMax != 0, "expected a tMax other than 0")
  }

  public override func nextRates() -> [Double] {
    if isInitial { return rates }
    if stepCount == 1, lastEpoch > 0 { return closedForm()! }
    func height(_ epoch: Int) -> Double { 1 + cos(.pi * Double(epoch) / Double(tMax)) }
    let beyond = Double(lastEpoch - 1) - Double(tMax)
    // Out of the minimum, where the factor below is 0 / 0.
    if beyond.truncatingRemainder(dividingBy: 2 * Double(tMax)) == 0 {
      return zip(rates, baseRates).map { $0 + ($1 - etaMin) * (1 - cos(.pi / Double(tMax))) / 2 }
    }
    return rates.map { height(lastEpoch) / height(lastEpoch - 1) * ($0 - etaMin) + etaMin }
  }

  public override func closedForm() -> [Double]? {
    baseRates.map { etaMin + ($0 - etaMin) * (1 + cos(.pi * Double(lastEpoch) / Double(tMax))) / 2 }
  }
}

/// Half a cosine again and again, each `tMult` times as long as the one before.
/// SeeAlso: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts
public final class CosineAnnealingWarmRestarts: LRScheduler {
  private let t0: Int
  private let tMult: Int
  private let etaMin: Double
  private var length: Double
  private var position: Double

  public init(_ optimizer: Optimizer, t0: Int, tMult: Int = 1, etaMin: Double = 0, lastEpoch: Int = -1) {
    self.t0 = max(t0, 1)
    self.tMult = max(tMult, 1)
    self.etaMin = etaMin
    length = Double(self.t0)
    position = Double(lastEpoch)
    super.init(optimizer, lastEpoch: lastEpoch)
    require(t0 > 0, "expected a positive t0, got \(t0)")
    require(tMult >= 1, "expected tMult >= 1, got \(tMult)")
  }

  public override func nextRates() -> [Double] {
    baseRates.map { etaMin + ($0 - etaMin) * (1 + cos(.pi * position / length)) / 2 }
  }

  public override func step() {
    if lastEpoch < 0 { return step(epoch: 0.0) }
    lastEpoch += 1
    position += 1
    if position >= length {
      position = position.truncatingRemainder(dividingBy: length)
      length *= Double(tMult)
    }
    set(nextRates())
  }

  public override func step(epoch: Int) { step(epoch: Double(epoch)) }

  /// Goes to that epoch, fractions included: within an epoch, `epoch + batch / batches`.
  public func step(epoch: Double) {
    guard epoch >= 0, epoch < 0x1p53 else {
      return require(false, "expected an epoch of 0 or more, got \(epoch)")
    }
    let first = Double(t0)
    if epoch < first {
      length = first
      position = epoch
    } else if tMult == 1 {
      position = epoch.truncatingRemainder(dividingBy: first)
    } else {
      let multiple = Double(tMult)
      let cycle = (log(epoch / first * (multiple - 1) + 1) / log(multiple)).rounded(.towardZero)
      position = epoch - first * (pow(multiple, cycle) - 1) / (multiple - 1)
      length = first * pow(multiple, cycle)
    }
    lastEpoch = Int(epoch.rounded(.down))
    set(nextRates())
  }

  public override func stateDict() -> StateValue {
    super.stateDict().adding(["T_i": .double(length), "T_cur": .double(position)])
  }

  public override func load(_ state: StateValue) throws {
    try super.load(state)
    length = state["T_i"]?.double ?? length
    position = state["T_cur"]?.double ?? position
  }
}
