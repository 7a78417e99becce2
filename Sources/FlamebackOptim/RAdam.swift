import FlamebackCore
import FlamebackNN

/// Adam that trusts its second moment only once it rests on enough steps. SeeAlso: torch.optim.RAdam
public final class RAdam: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "betas": .tuple([.double(betas.0), .double(betas.1)]), "eps": .double(eps),
        "weight_decay": .double(weightDecay), "maximize": .bool(maximize),
        "decoupled_weight_decay": .bool(decoupledWeightDecay),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay,
      decoupledWeightDecay: decoupledWeightDecay, maximize: maximize)
  }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let betas = group[.betas]
    let correction = 1 - pow(betas[1], state.step)
    let (decay, penalty) =
      group[.decoupledWeightDecay] ? (1 - group.lr * group[.weightDecay], 0) : (1, group[.weightDecay])
    // The number of steps on which the second moment rests, in the limit and now.
    let limit = 2 / (1 - betas[1]) - 1
    let length = limit - 2 * state.step * pow(betas[1], state.step) / correction
    var rate = group.lr / (1 - pow(betas[0], state.step))
    if length > 5 {
      let rectified = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
      rate *= rectified.squareRoot() * correction.squareRoot()
    }
    state.update(
      length > 5 ? Self.adaptive : Self.plain, &value, ["exp_avg", "exp_avg_sq"], gradient,
      [rate, 1 - betas[0], betas[1], 1 - betas[1], group[.eps], penalty, decay, group[.maximize] ? -1 : 1])
  }

  private static let adaptive = rule(isAdaptive: true)
  private static let plain = rule(isAdaptive: false)

  private static func rule(isAdaptive: Bool) -> ElementwiseUpdate {
    ElementwiseUpdate("radam", targets: 3, sources: 1, scalars: 8) { t, s, c in
      let g = c[7] * s[0] + c[5].times(c[6] * t[0])
      let mean = t[1] + c[1] * (g - t[1])
      let square = c[2] * t[2] + c[3] * g * g
      let step = isAdaptive ? mean / (Expression.sqrt(square) + c[4]) : mean
      return [c[6] * t[0] - c[0] * step, mean, square]
    }
  }
}
