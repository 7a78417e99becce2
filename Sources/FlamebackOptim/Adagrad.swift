import FlamebackCore
import FlamebackNN

/// Adagrad: steps scaled by the sum of all squared gradients. SeeAlso: torch.optim.Adagrad
public final class Adagrad: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-2, lrDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, eps: Double = 1e-10, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "lr_decay": .double(lrDecay), "eps": .double(eps), "weight_decay": .double(weightDecay),
        "initial_accumulator_value": .double(initialAccumulatorValue), "maximize": .bool(maximize),
      ])
    for group in self.groups {
      for cell in group.parameters {
        _ = state(of: cell).tensor("sum", like: cell.tensor, initial: group[.initialAccumulatorValue])
      }
    }
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-2, lrDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, eps: Double = 1e-10, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, lrDecay: lrDecay, weightDecay: weightDecay,
      initialAccumulatorValue: initialAccumulatorValue, eps: eps, maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group[.lrDecay] >= 0, "invalid lrDecay: \(group[.lrDecay])")
    let initial = group[.initialAccumulatorValue]
    require(initial >= 0, "invalid initialAccumulatorValue: \(initial)")
  }

  override var savesFreshState: Bool { true }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let lr = group.lr / (1 + (state.step - 1) * group[.lrDecay])
    let sign = group[.maximize] ? -1.0 : 1.0
    _ = state.tensor("sum", like: value, initial: group[.initialAccumulatorValue])
    state.update(Self.rule, &value, ["sum"], gradient, [lr, group[.weightDecay], group[.eps], sign])
  }

  private static let rule = ElementwiseUpdate("adagrad", targets: 2, sources: 1, scalars: 4) { t, s, c in
    let g = c[3] * s[0] + c[1].times(t[0])
    let sum = t[1] + g * g
    return [t[0] - c[0] * g / (Expression.sqrt(sum) + c[2]), sum]
  }
}
