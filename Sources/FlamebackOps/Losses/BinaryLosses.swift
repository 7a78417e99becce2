import FlamebackCore
import FlamebackKernels

extension Elementwise {
  /// −(t ln x + (1 − t) ln(1 − x)), logarithms not below −100.
  static let binaryCrossEntropy = Elementwise(
    "binaryCrossEntropy", domain: .floating,
    gradient: { g, x, t, _ in
      // PyTorch's least divisor is a float32.
      [
        g * (x - t) / .maximum((1 - x) * x, 9.999999960041972e-13),
        g * (.maximum(.log1p(-x), -100) - .maximum(.log(x), -100)),
      ]
    }
  ) { x, t in (t - 1) * .maximum(.log1p(-x), -100) - t * .maximum(.log(x), -100) }

  /// (1 − t) x + ln(1 + e⁻ˣ).
  static let binaryCrossEntropyWithLogits = Elementwise(
    "binaryCrossEntropyWithLogits", .floating, domain: .real,
    gradient: { g, x, t, _ in [g * (.sigmoid(x) - t), g * -x] }
  ) { x, t in (1 - t) * x + softplusNegative(x) }

  /// (1 − t) x + (1 + (p − 1) t) ln(1 + e⁻ˣ), p the weight of positive targets.
  static let weightedBinaryCrossEntropyWithLogits = Elementwise(
    "binaryCrossEntropyWithLogits", arity: 3, .floating, domain: .real,
    gradient: { g, v, _ in
      let (x, t, p) = (v[0], v[1], v[2])
      let soft = softplusNegative(x)
      return [g * (1 - t - (1 + (p - 1) * t) * .sigmoid(-x)), g * ((p - 1) * soft - x), g * t * soft]
    }
  ) { v in (1 - v[1]) * v[0] + (1 + (v[2] - 1) * v[1]) * softplusNegative(v[0]) }

  /// ln(1 + e⁻ˣ) without overflow.
  private static func softplusNegative(_ x: Expression) -> Expression {
    .log1p(.exp(-x.abs)) + .maximum(-x, 0)
  }

  /// t (ln t − x), 0 where t is 0; the target's gradient is no number there, as in PyTorch.
  static let klDiv = Elementwise(
    "klDiv", domain: .floating,
    gradient: { g, x, t, _ in [g * -t, g * ((t .== 0).select(0, .log(t)) + t / t - x)] }
  ) { x, t in (t .== 0).select(0, t * .log(t)) - t * x }
  static let klDivLog = Elementwise("klDiv", domain: .floating) { x, t in .exp(t) * (t - x) }

  static let hingeEmbeddingLoss = Elementwise("hingeEmbeddingLoss", arity: 3, domain: .real) { v in
    (v[1] .!= 1).select((v[2] - v[0] .> 0).select(v[2] - v[0], 0), 0) + (v[1] .!= -1).select(v[0], 0)
  }
  static let marginRankingLoss = Elementwise("marginRankingLoss", arity: 4, domain: .real) { v in
    let loss = v[3] - v[2] * (v[0] - v[1])
    return (loss .> 0).select(loss, 0)
  }
  static let softMarginLoss = Elementwise(
    "softMarginLoss", .floating, domain: .real,
    gradient: { g, x, t, _ in [g * -(t * .sigmoid(-(t * x))), g * -(x * .sigmoid(-(t * x)))] }
  ) { x, t in .log1p(.exp(-(t * x))) }
}

extension Tensor {
  /// The cross entropy between probabilities and targets in 0...1. SeeAlso: torch.nn.functional.binary_cross_entropy
  public func binaryCrossEntropy(_ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean) -> Tensor {
    guard shape == target.shape else {
      return fail("binaryCrossEntropy", "the target \(target.spec) does not have the shape of \(spec)", like: spec)
    }
    guard dtype == target.dtype else {
      return fail("binaryCrossEntropy", "the target \(target.spec) does not have the dtype of \(spec)", like: spec)
    }
    for (what, values) in [("input", self), ("target", target)]
    where !noGrad({ ((values .>= 0) & (values .<= 1)).all().item().bool }) {
      return fail("binaryCrossEntropy", "all elements of the \(what) must be between 0 and 1", like: spec)
    }
    let losses = Elementwise.binaryCrossEntropy(self, target)
    return (weight.map { losses * $0 } ?? losses).reduced(reduction, "binaryCrossEntropy")
  }

  /// The cross entropy between the sigmoid of the tensor and targets in 0...1; `posWeight` counts positives more.
  /// SeeAlso: torch.nn.functional.binary_cross_entropy_with_logits
  public func binaryCrossEntropyWithLogits(
    _ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean, posWeight: Tensor? = nil
  ) -> Tensor {
    let op = "binaryCrossEntropyWithLogits"
    guard shape == target.shape else {
      return fail(op, "the target \(target.spec) does not have the shape of \(spec)", like: spec)
    }
    let losses =
      posWeight.map { Elementwise.weightedBinaryCrossEntropyWithLogits(self, target, $0) }
      ?? Elementwise.binaryCrossEntropyWithLogits(self, target)
    return (weight.map { losses * $0 } ?? losses).reduced(reduction, op)
  }

  /// Kullback and Leibler's divergence of the target from the tensor, a logarithm of probabilities.
  /// SeeAlso: torch.nn.functional.kl_div
  public func klDiv(_ target: Tensor, reduction: LossReduction = .mean, logTarget: Bool = false) -> Tensor {
    let losses = logTarget ? Elementwise.klDivLog(self, target) : Elementwise.klDiv(self, target)
    guard reduction == .batchMean else { return losses.reduced(reduction, "klDiv") }
    return rank == 0 ? losses.sum() : losses.sum() / shape[0]
  }

  /// The tensor where the target is 1, `margin` minus it (at least 0) where it is −1.
  /// SeeAlso: torch.nn.functional.hinge_embedding_loss
  public func hingeEmbeddingLoss(_ target: Tensor, margin: Double = 1, reduction: LossReduction = .mean) -> Tensor {
    Elementwise.hingeEmbeddingLoss(self, target, margin).reduced(reduction, "hingeEmbeddingLoss")
  }

  /// Wants this tensor larger than the other by `margin` where the target is 1, smaller where it is −1.
  /// SeeAlso: torch.nn.functional.margin_ranking_loss
  public func marginRankingLoss(
    _ other: Tensor, _ target: Tensor, margin: Double = 0, reduction: LossReduction = .mean
  ) -> Tensor {
    guard rank == other.rank, rank == target.rank else {
      return fail(
        "marginRankingLoss", "tensors of different ranks: \(spec), \(other.spec), \(target.spec)", like: spec)
    }
    if resultType(operand, other.operand, target.operand).category == .integer {  // in their arithmetic
      return (-(target * (self - other)) + margin).clamp(min: 0).reduced(reduction, "marginRankingLoss")
    }
    return Elementwise.marginRankingLoss.call([operand, other.operand, target.operand, .scalar(.float(margin))])
      .reduced(reduction, "marginRankingLoss")
  }

  /// ln(1 + e^(−target · x)). SeeAlso: torch.nn.functional.soft_margin_loss
  public func softMarginLoss(_ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
    Elementwise.softMarginLoss(self, target).reduced(reduction, "softMarginLoss")
  }

  /// The binary cross entropy of every class, averaged over the classes of a sample.
  /// SeeAlso: torch.nn.functional.multilabel_soft_margin_loss
  public func multilabelSoftMarginLoss(
    _ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean
  ) -> Tensor {
    let losses = Elementwise.binaryCrossEntropyWithLogits(self, target)
    let weighted = weight.map { losses * $0 } ?? losses
    guard rank > 0 else { return weighted.reduced(reduction, "multilabelSoftMarginLoss") }
    return weighted.mean(dim: -1).reduced(reduction, "multilabelSoftMarginLoss")
  }
}
