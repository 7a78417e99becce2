import Flameback

extension Tensor {
  /// Each of these boxes beside each of the others': [..., n, 1, k] and [..., 1, m, k].
  private func paired(_ other: Tensor) -> (Tensor, Tensor) { (unsqueeze(-2), other.unsqueeze(-3)) }

  private func corner(_ first: Int) -> Tensor { narrow(dim: -1, start: first, length: 2) }
  private var area: Tensor { self[.ellipsis, 0] * self[.ellipsis, 1] }

  /// The areas of the intersections and unions of all pairs.
  private func intersectionAndUnion(_ other: Tensor, _ format: BoxFormat, _ op: String) throws(OpError) -> (
    Tensor, Tensor
  ) {
    try checkBoxes(op)
    try other.checkBoxes(op)
    let (first, second) = (boxConvert(from: format, to: .xyxy), other.boxConvert(from: format, to: .xyxy))
    let (a, b) = first.paired(second)
    let low = a.corner(0).maximum(b.corner(0))
    let high = a.corner(2).minimum(b.corner(2))
    let intersection = (high - low).upcast.clamp(min: 0).area
    let areas = boxArea(format: format).unsqueeze(-1) + other.boxArea(format: format).unsqueeze(-2)
    return (intersection, areas - intersection)
  }

  /// The size of the smallest box around each pair.
  private func hull(_ other: Tensor) -> Tensor {
    let (a, b) = paired(other)
    return (a.corner(2).maximum(b.corner(2)) - a.corner(0).minimum(b.corner(0))).upcast.clamp(min: 0)
  }

  /// Intersection over union of all pairs: [n, 4] × [m, 4] → [n, m]. SeeAlso: torchvision.ops.box_iou
  public func boxIoU(_ other: Tensor, format: BoxFormat = .xyxy) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let (intersection, union) = try intersectionAndUnion(other, format, "boxIoU")
      return intersection / union
    }
  }

  /// IoU less the part of the smallest common box that neither fills. SeeAlso: torchvision.ops.generalized_box_iou
  public func generalizedBoxIoU(_ other: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let (intersection, union) = try intersectionAndUnion(other, .xyxy, "generalizedBoxIoU")
      let whole = hull(other).area
      return intersection / union - (whole - union) / whole
    }
  }

  /// IoU less the squared distance of the centres, relative to the diagonal of the smallest common box.
  /// SeeAlso: torchvision.ops.distance_box_iou
  public func distanceBoxIoU(_ other: Tensor, eps: Double = 1e-7) -> Tensor {
    attempt(like: self) { () throws(OpError) in try upcast.distanceAndIoU(other.upcast, eps, "distanceBoxIoU").0 }
  }

  private func distanceAndIoU(_ other: Tensor, _ eps: Double, _ op: String) throws(OpError) -> (Tensor, Tensor) {
    let (intersection, union) = try intersectionAndUnion(other, .xyxy, op)
    let iou = intersection / union
    let diagonal = hull(other).square().sum(dim: -1) + eps
    let (a, b) = paired(other)
    let distance = ((a.corner(0) + a.corner(2)) / 2 - (b.corner(0) + b.corner(2)) / 2).square().sum(dim: -1)
    return (iou - distance / diagonal, iou)
  }

  /// `distanceBoxIoU` less the squared difference of the aspect ratios. SeeAlso: torchvision.ops.complete_box_iou
  public func completeBoxIoU(_ other: Tensor, eps: Double = 1e-7) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let (first, second) = (upcast, other.upcast)
      let (distance, iou) = try first.distanceAndIoU(second, eps, "completeBoxIoU")
      let (a, b) = first.paired(second)
      func aspect(_ x: Tensor) -> Tensor {
        let size = x.corner(2) - x.corner(0)
        return (size[.ellipsis, 0] / size[.ellipsis, 1]).atan()
      }
      let v = (aspect(a) - aspect(b)).square() * (4 / (Double.pi * Double.pi))
      let alpha = noGrad { v / (1 - iou + v + eps) }
      return distance - alpha * v
    }
  }
}
