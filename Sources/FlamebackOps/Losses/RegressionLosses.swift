import FlamebackCore
import FlamebackKernels

extension Elementwise {
  static let mseLoss = Elementwise("mseLoss", domain: .numeric) { x, y in (x - y) * (x - y) }
  static let l1Loss = Elementwise("l1Loss", .realPart, domain: .numeric) { x, y in (x - y).abs }
  static let smoothL1Loss = Elementwise("smoothL1Loss", arity: 3, domain: .floating) { v in
    let d = (v[0] - v[1]).abs
    return (d .< v[2]).select(d * d * 0.5 / v[2], d - v[2] * 0.5)
  }
  static let huberLoss = Elementwise("huberLoss", arity: 3, domain: .floating) { v in
    let d = (v[0] - v[1]).abs
    return (d .<= v[2]).select(d * d * 0.5, v[2] * (d - v[2] * 0.5))
  }
  static let poissonLogLoss = Elementwise("poissonNLLLoss", .floating, domain: .real) { x, t in .exp(x) - t * x }
  static let poissonRateLoss = Elementwise("poissonNLLLoss", arity: 3, .floating, domain: .real) { v in
    v[0] - v[1] * .log(v[0] + v[2])
  }
  /// ln t! by Stirling's formula, 0 up to 1.
  static let stirling = Elementwise("stirling", .floating, domain: .real) { t in
    (t .<= 1).select(0, t * .log(t) - t + 0.5 * .log(6.283185307179586 * t))
  }
  static let gaussianLoss = Elementwise("gaussianNLLLoss", arity: 3, domain: .floating) { v in
    0.5 * (.log(v[2]) + (v[0] - v[1]) * (v[0] - v[1]) / v[2])
  }
}

extension Tensor {
  /// The mean square of the differences. SeeAlso: torch.nn.functional.mse_loss
  public func mseLoss(_ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean) -> Tensor {
    warnIfBroadcast(target, "mseLoss")
    return weighted(Elementwise.mseLoss(self, target), weight, reduction, "mseLoss")
  }

  /// The mean of the absolute differences. SeeAlso: torch.nn.functional.l1_loss
  public func l1Loss(_ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean) -> Tensor {
    warnIfBroadcast(target, "l1Loss")
    return weighted(Elementwise.l1Loss(self, target), weight, reduction, "l1Loss")
  }

  /// Quadratic up to `beta`, linear beyond. SeeAlso: torch.nn.functional.smooth_l1_loss
  public func smoothL1Loss(_ target: Tensor, reduction: LossReduction = .mean, beta: Double = 1) -> Tensor {
    warnIfBroadcast(target, "smoothL1Loss")
    if beta < 0 { return fail("smoothL1Loss", "beta must not be negative, got \(beta)", like: spec) }
    if beta == 0 { return Elementwise.l1Loss(self, target).reduced(reduction, "smoothL1Loss") }
    return Elementwise.smoothL1Loss(self, target, beta).reduced(reduction, "smoothL1Loss")
  }

  /// Quadratic up to `delta`, linear with slope `delta` beyond. SeeAlso: torch.nn.functional.huber_loss
  public func huberLoss(
    _ target: Tensor, reduction: LossReduction = .mean, delta: Double = 1, weight: Tensor? = nil
  ) -> Tensor {
    warnIfBroadcast(target, "huberLoss")
    if delta <= 0 { return fail("huberLoss", "delta must be positive, got \(delta)", like: spec) }
    return weighted(Elementwise.huberLoss(self, target, delta), weight, reduction, "huberLoss")
  }

  /// The losses times the weights; their mean is weighted too.
  private func weighted(_ losses: Tensor, _ weight: Tensor?, _ reduction: LossReduction, _ op: String) -> Tensor {
    guard let weight else { return losses.reduced(reduction, op) }
    guard weight.shape == shape else {
      return fail(op, "weights \(weight.spec) do not have the shape of \(spec)", like: losses.spec)
    }
    let weighted = losses * weight
    return reduction == .mean ? weighted.sum() / weight.sum() : weighted.reduced(reduction, op)
  }

  /// The negative log likelihood of counts under Poisson's distribution; the tensor is the logarithm of its rate, or
  /// with `logInput` false the rate. SeeAlso: torch.nn.functional.poisson_nll_loss
  public func poissonNLLLoss(
    _ target: Tensor, logInput: Bool = true, full: Bool = false, eps: Double = 1e-8, reduction: LossReduction = .mean
  ) -> Tensor {
    var losses =
      logInput ? Elementwise.poissonLogLoss(self, target) : Elementwise.poissonRateLoss(self, target, eps)
    if full { losses = losses + Elementwise.stirling(target) }
    return losses.reduced(reduction, "poissonNLLLoss")
  }

  /// The negative log likelihood under normal distributions with these means and variances, at least `eps`.
  /// SeeAlso: torch.nn.functional.gaussian_nll_loss
  public func gaussianNLLLoss(
    _ target: Tensor, variance: some TensorOperand, full: Bool = false, eps: Double = 1e-6,
    reduction: LossReduction = .mean
  ) -> Tensor {
    var spread: Tensor
    switch variance.operand {
    case .tensor(let tensor): spread = tensor
    case .scalar(let value): spread = Tensor.fullLike(self, value)
    }
    if noGrad({ (spread .< 0).any().item().bool }) {
      return fail("gaussianNLLLoss", "the variance has a negative element", like: spec)
    }
    if spread.shape != shape {
      if shape.dropLast().elementsEqual(spread.shape) {
        spread = spread.unsqueeze(-1)
      } else if rank != spread.rank || zip(shape, spread.shape).filter({ $0 != $1 }).reduce(0, { $0 + $1.1 }) != 1 {
        return fail("gaussianNLLLoss", "the variance \(spread.spec) does not fit \(spec)", like: spec)
      }
    }
    let clamped = spread + (spread.clamp(min: eps) - spread).detached()  // the slope stays
    var losses = Elementwise.gaussianLoss(self, target, clamped)
    if full { losses = losses + 0.9189385332046727 }
    return losses.reduced(reduction, "gaussianNLLLoss")
  }
}
