import FlamebackCore
import FlamebackNN
import FlamebackOps

/// Scales losses up so that 16-bit gradients do not vanish; leaves out steps whose gradients overflow.
///
///     scaler.scale(loss).backward()
///     scaler.step(optimizer)
///     scaler.update()
///
/// SeeAlso: torch.amp.GradScaler
public final class GradScaler {
  /// The present factor. SeeAlso: torch.amp.GradScaler.get_scale
  public private(set) var scale: Double
  private var growthFactor: Double
  private var backoffFactor: Double
  private var growthInterval: Int
  private let isEnabled: Bool
  private var goodSteps = 0
  /// Whether a gradient of any optimizer was not finite since the last update.
  private var foundInfinity = false
  /// For each optimizer whose gradients were divided since the last update: whether one of them was not finite.
  private var unscaled = WeakTable<Optimizer, Bool>()

  public init(
    initScale: Double = 65536, growthFactor: Double = 2, backoffFactor: Double = 0.5, growthInterval: Int = 2000,
    enabled: Bool = true
  ) {
    scale = initScale
    self.growthFactor = growthFactor
    self.backoffFactor = backoffFactor
    self.growthInterval = growthInterval
    isEnabled = enabled
    if growthFactor <= 1 { report(OpError("GradScaler", "the growth factor must be above 1, got \(growthFactor)")) }
    if backoffFactor >= 1 { report(OpError("GradScaler", "the backoff factor must be below 1, got \(backoffFactor)")) }
  }

  /// The loss times the factor. SeeAlso: torch.amp.GradScaler.scale
  public func scale(_ loss: Tensor) -> Tensor { isEnabled ? loss * scale : loss }

  /// Divides the gradients by the factor: before clipping them. SeeAlso: torch.amp.GradScaler.unscale_
  public func unscale(_ optimizer: Optimizer) {
    guard isEnabled else { return }
    guard unscaled[optimizer] == nil else {
      return report(OpError("GradScaler", "unscale was already called for this optimizer since the last update"))
    }
    noGrad {
      var isInfinite = false
      for cell in optimizer.groups.flatMap(\.parameters) {
        if cell.grad?.isFinite().all().item().bool == false { isInfinite = true }
        cell.updateGrad { $0 *= 1 / scale }
      }
      unscaled[optimizer] = isInfinite
      if isInfinite { foundInfinity = true }
    }
  }

  /// Makes the step unless a gradient of this optimizer is not finite. SeeAlso: torch.amp.GradScaler.step
  public func step(_ optimizer: Optimizer) {
    if isEnabled, unscaled[optimizer] == nil { unscale(optimizer) }
    if unscaled[optimizer] != true { optimizer.step() }
  }

  /// Adapts the factor: down after an overflow, up after enough steps without. SeeAlso: torch.amp.GradScaler.update
  public func update() {
    guard isEnabled else { return }
    if foundInfinity {
      scale *= backoffFactor
      goodSteps = 0
    } else {
      goodSteps += 1
      if goodSteps == growthInterval {
        if (scale * growthFactor).isFinite { scale *= growthFactor }
        goodSteps = 0
      }
    }
    foundInfinity = false
    unscaled = WeakTable()
  }

  /// SeeAlso: torch.amp.GradScaler.state_dict
  public func stateDict() -> StateValue {
    .dict([
      "scale": .double(scale), "growth_factor": .double(growthFactor), "backoff_factor": .double(backoffFactor),
      "growth_interval": .int(growthInterval), "_growth_tracker": .int(goodSteps),
    ])
  }

  /// SeeAlso: torch.amp.GradScaler.load_state_dict
  public func load(_ state: StateValue) throws {
    guard let saved = state["scale"]?.double else { throw StateError("[GradScaler] the saved state has no scale") }
    scale = saved
    growthFactor = state["growth_factor"]?.double ?? growthFactor
    backoffFactor = state["backoff_factor"]?.double ?? backoffFactor
    growthInterval = state["growth_interval"]?.int ?? growthInterval
    goodSteps = state["_growth_tracker"]?.int ?? 0
  }
}
