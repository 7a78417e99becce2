import FlamebackCore
import FlamebackKernels
import FlamebackNN
import FlamebackOps

/// Adaptive steps whose second moments are kept as a row and a column. SeeAlso: torch.optim.Adafactor
public final class Adafactor: Optimizer {
  /// `eps.0` nil: the precision of the parameter's dtype.
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-2, beta2Decay: Double = -0.8, eps: (Double?, Double) = (nil, 1e-3),
    d: Double = 1, weightDecay: Double = 0, maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "beta2_decay": .double(beta2Decay),
        "eps": .tuple([eps.0.map(StateValue.double) ?? .none, .double(eps.1)]), "d": .double(d),
        "weight_decay": .double(weightDecay), "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-2, beta2Decay: Double = -0.8, eps: (Double?, Double) = (nil, 1e-3),
    d: Double = 1, weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, beta2Decay: beta2Decay, eps: eps, d: d, weightDecay: weightDecay,
      maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group[.beta2Decay] <= 0, "beta2Decay must not be positive: \(group[.beta2Decay])")
    require(group[.d] >= 1, "the clipping threshold d must be at least 1: \(group[.d])")
    for eps in group[.adafactorEps] { require((eps ?? 0) >= 0, "invalid epsilon: \(eps ?? 0)") }
  }

  override func stateShape(_ name: String, of shape: Shape) -> Shape? {
    guard shape.count > 1 else { return shape }
    switch name {
    case "row_var": return Shape(shape.dropLast() + [1])
    case "col_var": return Shape(shape.dropLast(2) + [1, shape[shape.count - 1]])
    default: return shape
    }
  }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    state.step += 1
    let eps = group[.adafactorEps]
    let precision = eps[0] ?? value.dtype.epsilon
    let g = group[.maximize] ? -gradient : gradient
    func size(_ tensor: Tensor) -> Double {
      tensor.vectorNorm().itemDouble() / Double(max(tensor.elementCount, 1)).squareRoot()
    }
    let share = pow(state.step, group[.beta2Decay])
    let rate = max(eps[1] ?? 0, size(value)) * min(group.lr, 1 / state.step.squareRoot())
    func averaged(_ name: String, _ new: Tensor) -> Tensor {
      let result = state.tensor(name, like: new).lerp(new, weight: share)
      state.tensors[name] = result
      return result
    }
    var variance: Tensor
    if g.rank > 1 {
      let rows = averaged("row_var", g.square().mean(dim: -1, keepDim: true))
      let columns = averaged("col_var", g.square().mean(dim: -2, keepDim: true))
      variance = rows.matmul(columns) / rows.mean(dim: -2, keepDim: true).clamp(min: precision)
    } else {
      variance = averaged("variance", g.square())
    }
    let update = variance.clamp(min: precision * precision).rsqrt() * g
    let clipped = rate / max(1, size(update) / group[.d])
    let decay = 1 - group.lr * group[.weightDecay]
    state.update(Self.rule, &value, [], update.to(value.dtype), [decay, clipped])
  }

  private static let rule = ElementwiseUpdate("adafactor", targets: 1, sources: 1, scalars: 2) { t, s, c in
    [c[0] * t[0] - c[1] * s[0]]
  }
}
