import FlamebackCore
import FlamebackNN

/// Adam with Nesterov's momentum. SeeAlso: torch.optim.NAdam
public final class NAdam: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, momentumDecay: Double = 4e-3, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "betas": .tuple([.double(betas.0), .double(betas.1)]), "eps": .double(eps),
        "weight_decay": .double(weightDecay), "momentum_decay": .double(momentumDecay),
        "decoupled_weight_decay": .bool(decoupledWeightDecay), "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, momentumDecay: Double = 4e-3, decoupledWeightDecay: Bool = false, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay,
      momentumDecay: momentumDecay, decoupledWeightDecay: decoupledWeightDecay, maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group[.momentumDecay] >= 0, "invalid momentumDecay: \(group[.momentumDecay])")
  }

  override var numberNames: Set<String> { ["mu_product"] }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let betas = group[.betas]
    func momentum(_ step: Double) -> Double { betas[0] * (1 - 0.5 * pow(0.96, step * group[.momentumDecay])) }
    let mu = momentum(state.step)
    let next = momentum(state.step + 1)
    let product = Double(Float((state.numbers["mu_product"] ?? 1) * mu))  // PyTorch keeps it as float32
    state.numbers["mu_product"] = product
    let (decay, penalty) =
      group[.decoupledWeightDecay] ? (1 - group.lr * group[.weightDecay], 0) : (1, group[.weightDecay])
    state.update(
      Self.rule, &value, ["exp_avg", "exp_avg_sq"], gradient,
      [
        group.lr * (1 - mu) / (1 - product), group.lr * next / (1 - product * next), 1 - betas[0], betas[1],
        1 - betas[1], 1 - pow(betas[1], state.step), group[.eps], penalty, decay, group[.maximize] ? -1 : 1,
      ])
  }

  private static let rule = ElementwiseUpdate("nadam", targets: 3, sources: 1, scalars: 10) { t, s, c in
    let g = c[9] * s[0] + c[7].times(t[0])
    let mean = t[1] + c[2] * (g - t[1])
    let square = c[3] * t[2] + c[4] * g * g
    let spread = Expression.sqrt(square / c[5]) + c[6]
    return [c[8] * t[0] - c[0] * g / spread - c[1] * mean / spread, mean, square]
  }
}
