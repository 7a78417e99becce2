import FlamebackCore
import FlamebackNN
import FlamebackOps

/// Momentum whose matrix is made orthogonal before the step; for matrices only. SeeAlso: torch.optim.Muon
public final class Muon: Optimizer {
  /// How the rate depends on the matrix's shape.
  public enum RateAdjustment: String, Sendable {
    case original
    case matchRMSAdamW = "match_rms_adamw"
    case spectralUnclamped = "spectral_unclamped"

    func factor(_ rows: Double, _ columns: Double) -> Double {
      switch self {
      case .original: max(1, rows / columns).squareRoot()
      case .matchRMSAdamW: 0.2 * max(rows, columns).squareRoot()
      case .spectralUnclamped: (rows / columns).squareRoot()
      }
    }
  }

  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95,
    nesterov: Bool = true, nsCoefficients: (Double, Double, Double) = (3.4445, -4.775, 2.0315), eps: Double = 1e-7,
    nsSteps: Int = 5, adjustLR: RateAdjustment? = nil
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "weight_decay": .double(weightDecay), "momentum": .double(momentum),
        "nesterov": .bool(nesterov),
        "ns_coefficients": .tuple([
          .double(nsCoefficients.0), .double(nsCoefficients.1), .double(nsCoefficients.2),
        ]), "eps": .double(eps), "ns_steps": .int(nsSteps),
        "adjust_lr_fn": adjustLR.map { .string($0.rawValue) } ?? .none,
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95,
    nesterov: Bool = true, nsCoefficients: (Double, Double, Double) = (3.4445, -4.775, 2.0315), eps: Double = 1e-7,
    nsSteps: Int = 5, adjustLR: RateAdjustment? = nil
  ) {
    self.init(
      [ParameterGroup(parameters)], lr: lr, weightDecay: weightDecay, momentum: momentum, nesterov: nesterov,
      nsCoefficients: nsCoefficients, eps: eps, nsSteps: nsSteps, adjustLR: adjustLR)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group[.nsSteps] < 100, "nsSteps must be below 100, got \(group[.nsSteps])")
    for parameter in group.parameters where parameter.shape.count != 2 {
      require(false, "takes matrices only, got a parameter of shape \(parameter.shape)")
    }
  }

  public override func update(
    _ value: inout Tensor, _ gradient: Tensor, _ state: ParameterState, _ group: ParameterGroup
  ) {
    let momentum = group[.momentum]
    let buffer = state.tensor("momentum_buffer", like: value).lerp(gradient, weight: 1 - momentum)
    state.tensors["momentum_buffer"] = buffer
    let update = group[.nesterov] ? gradient.lerp(buffer, weight: momentum) : buffer
    let orthogonal = Muon.orthogonalized(
      update, group[.nsCoefficients], steps: group[.nsSteps], eps: group[.eps])
    let adjustment = group[.adjustLR].flatMap(RateAdjustment.init(rawValue:)) ?? .original
    let rate = group.lr * adjustment.factor(Double(value.shape[0]), Double(value.shape[1]))
    state.update(Self.rule, &value, [], orthogonal, [1 - group.lr * group[.weightDecay], rate])
  }

  /// Newton and Schulz's iteration towards U·Vᵀ, in bfloat16 as the reference has it.
  private static func orthogonalized(_ matrix: Tensor, _ c: [Double], steps: Int, eps: Double) -> Tensor {
    let isTall = matrix.shape[0] > matrix.shape[1]
    var x = matrix.to(.bfloat16)
    if isTall { x = x.T }
    x = x / x.vectorNorm().clamp(min: eps)
    for _ in 0..<steps {
      let gram = x.matmul(x.T)
      let polynomial = gram.addmm(gram, gram, beta: .float(c[1]), alpha: .float(c[2]))
      x = x.addmm(polynomial, x, beta: .float(c[0]))
    }
    return isTall ? x.T : x
  }

  private static let rule = ElementwiseUpdate("muon", targets: 1, sources: 1, scalars: 2) { t, s, c in
    [c[0] * t[0] - c[1] * s[0]]
  }
}
