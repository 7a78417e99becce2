import FlamebackCore
import FlamebackKernels
import FlamebackNN

/// Adam: steps scaled by running means of the gradient and its square. SeeAlso: torch.optim.Adam
public class Adam: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false, decoupledWeightDecay: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "betas": .tuple([.double(betas.0), .double(betas.1)]), "eps": .double(eps),
        "weight_decay": .double(weightDecay), "amsgrad": .bool(amsgrad), "maximize": .bool(maximize),
        "decoupled_weight_decay": .bool(decoupledWeightDecay),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false, decoupledWeightDecay: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad,
      maximize: maximize, decoupledWeightDecay: decoupledWeightDecay)
  }

  override var updatesTogether: Bool { true }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let betas = group[.betas]
    let (decay, penalty) =
      group[.decoupledWeightDecay] ? (1 - group.lr * group[.weightDecay], 0) : (1, group[.weightDecay])
    let numbers = [
      group.lr / (1 - pow(betas[0], state.step)), 1 - betas[0], betas[1],
      (1 - pow(betas[1], state.step)).squareRoot(), group[.eps], penalty, decay, group[.maximize] ? -1 : 1,
      1 - betas[1],
    ]
    if group[.amsgrad] {
      state.update(Self.amsgrad, &value, ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"], gradient, numbers)
    } else {
      state.update(Self.adam, &value, ["exp_avg", "exp_avg_sq"], gradient, numbers)
    }
  }

  private static let adam = ElementwiseUpdate("adam", targets: 3, sources: 1, scalars: 9, kernel: .adam) { t, s, c in
    let g = c[7] * s[0] + c[5].times(t[0])
    let mean = t[1] + c[1] * (g - t[1])
    let square = c[2] * t[2] + c[8] * g * g
    return [c[6] * t[0] - c[0] * mean / (Expression.sqrt(square) / c[3] + c[4]), mean, square]
  }

  private static let amsgrad = ElementwiseUpdate("adam.amsgrad", targets: 4, sources: 1, scalars: 9) { t, s, c in
    let g = c[7] * s[0] + c[5].times(t[0])
    let mean = t[1] + c[1] * (g - t[1])
    let square = c[2] * t[2] + c[8] * g * g
    let largest = Expression.maximum(t[3], square)
    return [c[6] * t[0] - c[0] * mean / (Expression.sqrt(largest) / c[3] + c[4]), mean, square, largest]
  }
}

/// Adam whose weight decay does not pass through the moments. SeeAlso: torch.optim.AdamW
public final class AdamW: Adam {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    super.init(
      groups, lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize,
      decoupledWeightDecay: true)
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad,
      maximize: maximize)
  }
}
