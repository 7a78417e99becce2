import FlamebackCore
import FlamebackNN

/// Adam with the largest gradient in place of the second moment. SeeAlso: torch.optim.Adamax
public final class Adamax: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "betas": .tuple([.double(betas.0), .double(betas.1)]), "eps": .double(eps),
        "weight_decay": .double(weightDecay), "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, maximize: maximize)
  }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let betas = group[.betas]
    state.update(
      Self.rule, &value, ["exp_avg", "exp_inf"], gradient,
      [
        group.lr / (1 - pow(betas[0], state.step)), group[.weightDecay], group[.eps], group[.maximize] ? -1 : 1,
        1 - betas[0], betas[1],
      ])
  }

  private static let rule = ElementwiseUpdate("adamax", targets: 3, sources: 1, scalars: 6) { t, s, c in
    let g = c[3] * s[0] + c[1].times(t[0])
    let mean = t[1] + c[4] * (g - t[1])
    let largest = Expression.maximum(c[5] * t[2], g.abs + c[2])
    return [t[0] - c[0] * mean / largest, mean, largest]
  }
}
