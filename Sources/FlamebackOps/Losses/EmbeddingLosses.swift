import FlamebackCore
import FlamebackKernels

extension Elementwise {
  static let cosineEmbeddingLoss = Elementwise("cosineEmbeddingLoss", arity: 3, domain: .real) { v in
    let far = v[0] - v[2]
    return (v[1] .== 1).select(1 - v[0], 0) + (v[1] .== -1).select((far .> 0).select(far, 0), 0)
  }
}

extension Tensor {
  /// Wants vectors (along the last dimension) alike where the target is 1, and where it is −1 their cosine below
  /// `margin`. SeeAlso: torch.nn.functional.cosine_embedding_loss
  public func cosineEmbeddingLoss(
    _ other: Tensor, _ target: Tensor, margin: Double = 0, reduction: LossReduction = .mean
  ) -> Tensor {
    let op = "cosineEmbeddingLoss"
    guard shape == other.shape, target.rank <= 1, rank == target.rank + 1 else {
      return fail(op, "shapes do not fit: \(spec), \(other.spec) with target \(target.spec)", like: spec)
    }
    let eps = 9.999999960041972e-13  // PyTorch's is a float32
    let product = (self * other).sum(dim: -1)
    let squares = ((self * self).sum(dim: -1) + eps) * ((other * other).sum(dim: -1) + eps)
    let cosine = product / squares.sqrt()
    return Elementwise.cosineEmbeddingLoss(cosine, target, margin).reduced(reduction, op)
  }

  /// Wants the positive nearer to this anchor than the negative by `margin`; `swap` also looks from the positive.
  /// SeeAlso: torch.nn.functional.triplet_margin_loss
  public func tripletMarginLoss(
    _ positive: Tensor, _ negative: Tensor, margin: Double = 1, p: Double = 2, eps: Double = 1e-6, swap: Bool = false,
    reduction: LossReduction = .mean
  ) -> Tensor {
    tripletMarginWithDistanceLoss(positive, negative, margin: margin, swap: swap, reduction: reduction) {
      $0.pairwiseDistance($1, p: p, eps: eps)
    }
  }

  /// `tripletMarginLoss` with any distance. SeeAlso: torch.nn.functional.triplet_margin_with_distance_loss
  public func tripletMarginWithDistanceLoss(
    _ positive: Tensor, _ negative: Tensor, margin: Double = 1, swap: Bool = false, reduction: LossReduction = .mean,
    distance: (Tensor, Tensor) -> Tensor = { $0.pairwiseDistance($1) }
  ) -> Tensor {
    let op = "tripletMarginLoss"
    guard rank == positive.rank, rank == negative.rank else {
      return fail(op, "tensors of different ranks: \(spec), \(positive.spec), \(negative.spec)", like: spec)
    }
    guard margin > 0 else { return fail(op, "margin must be positive, got \(margin)", like: spec) }
    let near = distance(self, positive)
    var far = distance(self, negative)
    if swap { far = far.minimum(distance(positive, negative)) }
    return (near - far + margin).clamp(min: 0).reduced(reduction, op)
  }

  /// Wants the score of the target class above all others by `margin`: Σ_{j ≠ y} max(0, margin − x_y + x_j)ᵖ / classes.
  /// SeeAlso: torch.nn.functional.multi_margin_loss
  public func multiMarginLoss(
    _ target: Tensor, p: Int = 1, margin: Double = 1, weight: Tensor? = nil, reduction: LossReduction = .mean
  ) -> Tensor {
    let op = "multiMarginLoss"
    guard p == 1 || p == 2 else { return fail(op, "p must be 1 or 2, got \(p)", like: spec) }
    guard rank <= 2, rank == 0 || shape[rank - 1] > 0 else {
      return fail(op, "expected a vector or a matrix with at least one class, got \(spec)", like: spec)
    }
    let rows = rank < 2 ? reshape(1, -1) : self
    let classes = rows.shape[1]
    guard target.dtype == .int64, target.elementCount == rows.shape[0], target.rank <= 1 else {
      return fail(op, "expected int64 [\(rows.shape[0])] as target, got \(target.spec)", like: spec)
    }
    if let weight, weight.shape != [classes] {
      return fail(op, "expected a weight for each of \(classes) classes, got \(weight.spec)", like: spec)
    }
    let index = target.reshape([rows.shape[0], 1])
    let own = rows.gather(dim: 1, index: index)
    var losses = (rows - own + margin).clamp(min: 0)
    if p == 2 { losses = losses * losses }
    losses = losses.scatter(dim: 1, index: index, value: 0)
    if let weight { losses = losses * weight.indexSelect(dim: 0, index: target.reshape(-1)).unsqueeze(1) }
    let perSample = losses.sum(dim: 1) / classes
    return (target.rank == 0 ? perSample.reshape([]) : perSample).reduced(reduction, op)
  }

  /// Wants the scores of all target classes (a list ended by −1) above those of all others:
  /// Σ max(0, 1 − (x_target − x_other)) / classes. SeeAlso: torch.nn.functional.multilabel_margin_loss
  public func multilabelMarginLoss(_ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
    let op = "multilabelMarginLoss"
    guard rank <= 2, shape == target.shape, target.dtype == .int64 else {
      return fail(op, "expected int64 \(shape) as target, got \(target.spec)", like: spec)
    }
    if rank == 2, shape[1] == 0 || shape[0] == 0 && shape[1] == 0 {
      return fail(op, "expected at least one class, got \(spec)", like: spec)
    }
    let rows = reshape(rank == 2 ? shape.array : [1, elementCount])
    let classes = rows.shape[1]
    let labels = target.reshape(rows.shape)
    let areLabels = (labels .>= -1) & (labels .< classes)
    guard noGrad({ areLabels.all().item().bool }) else {
      return fail(op, "labels must be −1 or lie in 0..<\(classes)", like: spec)
    }
    // Labels count up to the first −1.
    let counts = (labels .< 0).to(.int64).cumsum(dim: 1) .== 0
    let safe = Elementwise.select(counts, labels, Scalar.int(0))
    let isTarget = Tensor.zerosLike(labels).scatterAdd(dim: 1, index: safe, src: counts.to(.int64)) .> 0
    let own = rows.gather(dim: 1, index: safe).unsqueeze(2)
    let margins = (rows.unsqueeze(1) - own + 1).clamp(min: 0)
    let mask = (counts.unsqueeze(2) & isTarget.logicalNot().unsqueeze(1)).to(dtype)
    let perSample = (margins * mask).sum(dim: [1, 2]) / Swift.max(classes, 1)
    return (rank == 2 ? perSample : perSample.reshape([])).reduced(reduction, op)
  }
}
