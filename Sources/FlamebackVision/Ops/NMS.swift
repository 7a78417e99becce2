import Flameback

extension Tensor {
  /// The positions of the boxes [n, 4] that no better one overlaps by more than `iouThreshold`, best first.
  /// SeeAlso: torchvision.ops.nms
  public func nms(scores: Tensor, iouThreshold: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank == 2, shape[1] == 4, scores.shape == [shape[0]] else {
        throw OpError("nms", "expected boxes [n, 4] and scores [n]: \(spec) × \(scores.spec)")
      }
      guard dtype == scores.dtype, dtype.isFloatingPoint else {
        throw OpError("nms", "expected one floating point dtype: \(spec) × \(scores.spec)")
      }
      let order = scores.detached().argsort(descending: true, stable: true).scalars(Int.self)
      let kept =
        dtype == .float64
        ? suppress(detached().scalars(Double.self), order, iouThreshold)
        : suppress(detached().scalars(Float.self), order, iouThreshold)
      return Tensor(kept, shape: [kept.count], device: device)
    }
  }

  /// `nms` within each class: `indices` [n] tells the boxes' classes. SeeAlso: torchvision.ops.batched_nms
  public func batchedNMS(scores: Tensor, indices: Tensor, iouThreshold: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank == 2, indices.shape == [shape[0]] else {
        throw OpError("batchedNMS", "expected boxes [n, 4] and classes [n]: \(spec) × \(indices.spec)")
      }
      if elementCount == 0 { return Tensor([Int](), shape: [0], device: device) }
      // Boxes of different classes are moved so far apart that they cannot overlap.
      let offsets = indices.to(dtype) * (max() + 1)
      return (self + offsets.unsqueeze(1)).nms(scores: scores, iouThreshold: iouThreshold)
    }
  }
}

private func suppress<T: BinaryFloatingPoint>(_ boxes: [T], _ order: [Int], _ threshold: Double) -> [Int] {
  let areas = order.indices.map { i in (boxes[4 * i + 2] - boxes[4 * i]) * (boxes[4 * i + 3] - boxes[4 * i + 1]) }
  var isSuppressed = [Bool](repeating: false, count: order.count)
  var kept: [Int] = []
  for (place, i) in order.enumerated() where !isSuppressed[i] {
    kept.append(i)
    for j in order[(place + 1)...] where !isSuppressed[j] {
      let width = max(0, min(boxes[4 * i + 2], boxes[4 * j + 2]) - max(boxes[4 * i], boxes[4 * j]))
      let height = max(0, min(boxes[4 * i + 3], boxes[4 * j + 3]) - max(boxes[4 * i + 1], boxes[4 * j + 1]))
      let overlap = width * height
      if Double(overlap / (areas[i] + areas[j] - overlap)) > threshold { isSuppressed[j] = true }
    }
  }
  return kept
}
