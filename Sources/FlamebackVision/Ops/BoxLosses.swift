import Flameback

/// The corners of boxes and targets, and how they overlap.
private struct BoxPair {
  let a: [Tensor]
  let b: [Tensor]
  let intersection: Tensor
  let union: Tensor

  init(_ boxes: Tensor, _ targets: Tensor, _ op: String) throws(OpError) {
    guard boxes.rank >= 1, boxes.shape == targets.shape, boxes.shape[boxes.rank - 1] == 4 else {
      throw OpError(op, "expected boxes [..., 4] of equal shapes: \(boxes.spec) × \(targets.spec)")
    }
    func float(_ x: Tensor) -> Tensor { x.dtype == .float64 ? x : x.to(.float32) }
    a = float(boxes).unbind(dim: -1)
    b = float(targets).unbind(dim: -1)
    let (x1, y1) = (a[0].maximum(b[0]), a[1].maximum(b[1]))
    let (x2, y2) = (a[2].minimum(b[2]), a[3].minimum(b[3]))
    let meets = (y2 .> y1).logicalAnd(x2 .> x1)
    intersection = select(where: meets, (x2 - x1) * (y2 - y1), 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection
  }

  /// Width and height of the smallest box around each pair.
  var hull: (Tensor, Tensor) {
    (a[2].maximum(b[2]) - a[0].minimum(b[0]), a[3].maximum(b[3]) - a[1].minimum(b[1]))
  }

  /// 1 − IoU + the relative squared distance of the centres, and the IoU.
  func distanceLoss(_ eps: Double) -> (loss: Tensor, iou: Tensor) {
    let iou = intersection / (union + eps)
    let (width, height) = hull
    let diagonal = width.square() + height.square() + eps
    let dx = (a[2] + a[0]) / 2 - (b[0] + b[2]) / 2
    let dy = (a[3] + a[1]) / 2 - (b[1] + b[3]) / 2
    return (1 - iou + (dx.square() + dy.square()) / diagonal, iou)
  }
}

extension Tensor {
  /// Losses of detection are 0, not NaN, where there is nothing to average.
  private func reducedBoxLoss(_ reduction: LossReduction, _ op: String) throws(OpError) -> Tensor {
    switch reduction {
    case .none: return self
    case .sum: return sum()
    case .mean: return elementCount > 0 ? mean() : sum() * 0.0
    case .batchMean: throw OpError(op, "reduction must be none, mean or sum")
    }
  }

  /// 1 − generalized IoU of each box [..., 4] with its target. SeeAlso: torchvision.ops.generalized_box_iou_loss
  public func generalizedBoxIoULoss(_ targets: Tensor, reduction: LossReduction = .none, eps: Double = 1e-7) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "generalizedBoxIoULoss"
      let pair = try BoxPair(self, targets, op)
      let iou = pair.intersection / (pair.union + eps)
      let (width, height) = pair.hull
      let whole = width * height
      return try (1 - (iou - (whole - pair.union) / (whole + eps))).reducedBoxLoss(reduction, op)
    }
  }

  /// 1 − distance IoU of each box [..., 4] with its target. SeeAlso: torchvision.ops.distance_box_iou_loss
  public func distanceBoxIoULoss(_ targets: Tensor, reduction: LossReduction = .none, eps: Double = 1e-7) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "distanceBoxIoULoss"
      return try BoxPair(self, targets, op).distanceLoss(eps).loss.reducedBoxLoss(reduction, op)
    }
  }

  /// 1 − complete IoU of each box [..., 4] with its target. SeeAlso: torchvision.ops.complete_box_iou_loss
  public func completeBoxIoULoss(_ targets: Tensor, reduction: LossReduction = .none, eps: Double = 1e-7) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "completeBoxIoULoss"
      let pair = try BoxPair(self, targets, op)
      let (loss, iou) = pair.distanceLoss(1e-7)
      func aspect(_ x: [Tensor]) -> Tensor { ((x[2] - x[0]) / (x[3] - x[1])).atan() }
      let v = (aspect(pair.b) - aspect(pair.a)).square() * (4 / (Double.pi * Double.pi))
      let alpha = noGrad { v / (1 - iou + v + eps) }
      return try (loss + alpha * v).reducedBoxLoss(reduction, op)
    }
  }

  /// Binary cross-entropy of logits that counts what is already clear less. `alpha` weighs the positives, −1: not.
  /// SeeAlso: torchvision.ops.sigmoid_focal_loss
  public func sigmoidFocalLoss(
    _ targets: Tensor, alpha: Double = 0.25, gamma: Double = 2, reduction: LossReduction = .none
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "sigmoidFocalLoss"
      guard (0...1).contains(alpha) || alpha == -1 else {
        throw OpError(op, "alpha must lie in [0, 1] or be -1, got \(alpha)")
      }
      let p = sigmoid()
      let entropy = binaryCrossEntropyWithLogits(targets, reduction: .none)
      let certainty = p * targets + (1 - p) * (1 - targets)
      var loss = entropy * (1 - certainty).pow(gamma)
      if alpha >= 0 { loss = (targets * alpha + (1 - targets) * (1 - alpha)) * loss }
      switch reduction {
      case .none: return loss
      case .mean: return loss.mean()
      case .sum: return loss.sum()
      case .batchMean: throw OpError(op, "reduction must be none, mean or sum")
      }
    }
  }
}
