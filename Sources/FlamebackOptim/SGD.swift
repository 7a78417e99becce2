import FlamebackCore
import FlamebackNN

/// Stochastic gradient descent with momentum, Nesterov's form included. SeeAlso: torch.optim.SGD
public final class SGD: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "momentum": .double(momentum), "dampening": .double(dampening),
        "weight_decay": .double(weightDecay), "nesterov": .bool(nesterov), "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-3, momentum: Double = 0, dampening: Double = 0,
    weightDecay: Double = 0, nesterov: Bool = false, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, momentum: momentum, dampening: dampening, weightDecay: weightDecay,
      nesterov: nesterov, maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(
      !group[.nesterov] || (group[.momentum] > 0 && group[.dampening] == 0),
      "Nesterov momentum requires a momentum and zero dampening")
  }

  override var updatesTogether: Bool { true }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    let momentum = group[.momentum]
    let sign = group[.maximize] ? -1.0 : 1.0
    state.countsSteps = false
    var numbers = [group.lr, group[.weightDecay], sign, momentum, 0, group[.nesterov] ? 1 : 0]
    if momentum == 0 {
      state.update(Self.plain, &value, [], gradient, numbers)
    } else {
      let isFirst = state.tensors["momentum_buffer"] == nil
      numbers[4] = isFirst ? 1 : 1 - group[.dampening]
      state.update(
        group[.nesterov] ? Self.nesterov : Self.momentum, &value, ["momentum_buffer"], gradient, numbers)
    }
  }

  private static let plain = ElementwiseUpdate("sgd", targets: 1, sources: 1, scalars: 6, kernel: .sgd) { t, s, c in
    [t[0] - c[0] * (c[2] * s[0] + c[1].times(t[0]))]
  }

  private static let momentum = ElementwiseUpdate(
    "sgd.momentum", targets: 2, sources: 1, scalars: 6, kernel: .sgd
  ) { t, s, c in
    let velocity = c[3] * t[1] + c[4] * (c[2] * s[0] + c[1].times(t[0]))
    return [t[0] - c[0] * velocity, velocity]
  }

  private static let nesterov = ElementwiseUpdate(
    "sgd.nesterov", targets: 2, sources: 1, scalars: 6, kernel: .sgd
  ) { t, s, c in
    let g = c[2] * s[0] + c[1].times(t[0])
    let velocity = c[3] * t[1] + c[4] * g
    return [t[0] - c[0] * (g + c[3] * velocity), velocity]
  }
}
