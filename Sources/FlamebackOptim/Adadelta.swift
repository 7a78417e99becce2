import FlamebackCore
import FlamebackNN

/// Adadelta: steps in the parameter's own unit. SeeAlso: torch.optim.Adadelta
public final class Adadelta: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1, rho: Double = 0.9, eps: Double = 1e-6, weightDecay: Double = 0,
    maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "rho": .double(rho), "eps": .double(eps), "weight_decay": .double(weightDecay),
        "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1, rho: Double = 0.9, eps: Double = 1e-6, weightDecay: Double = 0,
    maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, rho: rho, eps: eps, weightDecay: weightDecay, maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group[.rho] >= 0 && group[.rho] <= 1, "invalid rho: \(group[.rho])")
  }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    state.update(
      Self.rule, &value, ["square_avg", "acc_delta"], gradient,
      [
        group.lr, group[.weightDecay], group[.eps], group[.maximize] ? -1 : 1, group[.rho], 1 - group[.rho],
      ])
  }

  private static let rule = ElementwiseUpdate("adadelta", targets: 3, sources: 1, scalars: 6) { t, s, c in
    let g = c[3] * s[0] + c[1].times(t[0])
    let square = c[4] * t[1] + c[5] * g * g
    let delta = Expression.sqrt(t[2] + c[2]) / Expression.sqrt(square + c[2]) * g
    return [t[0] - c[0] * delta, square, c[4] * t[2] + c[5] * delta * delta]
  }
}
