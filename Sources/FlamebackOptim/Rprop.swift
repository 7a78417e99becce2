import FlamebackCore
import FlamebackNN

/// Resilient backpropagation: only the signs of gradients count. SeeAlso: torch.optim.Rprop
public final class Rprop: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-2, etas: (Double, Double) = (0.5, 1.2),
    stepSizes: (Double, Double) = (1e-6, 50), maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "etas": .tuple([.double(etas.0), .double(etas.1)]),
        "step_sizes": .tuple([.double(stepSizes.0), .double(stepSizes.1)]), "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-2, etas: (Double, Double) = (0.5, 1.2),
    stepSizes: (Double, Double) = (1e-6, 50), maximize: Bool = false
  ) {
    self.init([ParameterGroup(parameters)], lr: lr, etas: etas, stepSizes: stepSizes, maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    let etas = group[.etas]
    require(0 < etas[0] && etas[0] < 1 && 1 < etas[1], "invalid eta values: \(etas[0]), \(etas[1])")
  }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    _ = state.tensor("step_size", like: value, initial: group.lr)
    state.update(
      Self.rule, &value, ["prev", "step_size"], gradient,
      [group[.maximize] ? -1 : 1] + group[.etas] + group[.stepSizes])
  }

  private static let rule = ElementwiseUpdate("rprop", targets: 3, sources: 1, scalars: 5) { t, s, c in
    let g = c[0] * s[0]
    let agreement = g * t[1]
    let factor = (agreement .> 0).select(c[2], (agreement .< 0).select(c[1], 1))
    let size = Expression.minimum(Expression.maximum(t[2] * factor, c[3]), c[4])
    let used = (agreement .< 0).select(0, g)
    return [t[0] - used.sign * size, used, size]
  }
}
