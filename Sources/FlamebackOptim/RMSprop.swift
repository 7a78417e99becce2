import FlamebackCore
import FlamebackNN

/// RMSprop: steps scaled by a running mean of squared gradients. SeeAlso: torch.optim.RMSprop
public final class RMSprop: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-2, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "momentum": .double(momentum), "alpha": .double(alpha), "eps": .double(eps),
        "centered": .bool(centered), "weight_decay": .double(weightDecay), "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-2, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, alpha: alpha, eps: eps, weightDecay: weightDecay, momentum: momentum,
      centered: centered, maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group[.alpha] >= 0, "invalid alpha: \(group[.alpha])")
  }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let numbers = [
      group.lr, group[.weightDecay], group[.eps], group[.maximize] ? -1 : 1, group[.alpha], 1 - group[.alpha],
      group[.momentum],
    ]
    let names = ["square_avg"] + (group[.centered] ? ["grad_avg"] : [])
    if group[.momentum] > 0 {
      state.update(
        group[.centered] ? Self.centeredMomentum : Self.momentum, &value, names + ["momentum_buffer"], gradient, numbers
      )
    } else {
      state.update(group[.centered] ? Self.centered : Self.plain, &value, names, gradient, numbers)
    }
  }

  private static let plain = rule(centered: false, momentum: false)
  private static let centered = rule(centered: true, momentum: false)
  private static let momentum = rule(centered: false, momentum: true)
  private static let centeredMomentum = rule(centered: true, momentum: true)

  private static func rule(centered: Bool, momentum: Bool) -> ElementwiseUpdate {
    ElementwiseUpdate("rmsprop", targets: 2 + (centered ? 1 : 0) + (momentum ? 1 : 0), sources: 1, scalars: 7) {
      t, s, c in
      let g = c[3] * s[0] + c[1].times(t[0])
      let square = c[4] * t[1] + c[5] * g * g
      var results = [square]
      var spread = square
      if centered {
        let mean = t[2] + c[5] * (g - t[2])
        spread = square - mean * mean
        results.append(mean)
      }
      var step = g / (Expression.sqrt(spread) + c[2])
      if momentum {
        step = c[6] * t[t.count - 1] + step
        results.append(step)
      }
      return [t[0] - c[0] * step] + results
    }
  }
}
