import FlamebackCore
import FlamebackNN

/// Averaged stochastic gradient descent. SeeAlso: torch.optim.ASGD
public final class ASGD: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-2, lambd: Double = 1e-4, alpha: Double = 0.75, t0: Double = 1e6,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "lambd": .double(lambd), "alpha": .double(alpha), "t0": .double(t0),
        "weight_decay": .double(weightDecay), "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-2, lambd: Double = 1e-4, alpha: Double = 0.75, t0: Double = 1e6,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, lambd: lambd, alpha: alpha, t0: t0, weightDecay: weightDecay,
      maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group[.lambd] >= 0, "invalid lambd: \(group[.lambd])")
    require(group[.alpha] >= 0, "invalid alpha: \(group[.alpha])")
  }

  override var numberNames: Set<String> { ["eta", "mu"] }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let eta = state.numbers["eta"] ?? Double(Float(group.lr))
    let mu = state.numbers["mu"] ?? 1
    let sign = group[.maximize] ? -1.0 : 1.0
    state.update(
      Self.rule, &value, ["ax"], gradient, [eta, group[.weightDecay], sign, 1 - group[.lambd] * eta, mu])
    // PyTorch keeps both as float32.
    state.numbers["eta"] = Double(Float(group.lr / pow(1 + group[.lambd] * group.lr * state.step, group[.alpha])))
    state.numbers["mu"] = Double(Float(1 / max(1, state.step - group[.t0])))
  }

  private static let rule = ElementwiseUpdate("asgd", targets: 2, sources: 1, scalars: 5) { t, s, c in
    let value = c[3] * t[0] - c[0] * (c[2] * s[0] + c[1].times(t[0]))
    return [value, (c[4] .== 1).select(value, t[1] + c[4] * (value - t[1]))]
  }
}
