import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The share of samples whose class is among the `topK` best scores, over any number of batches.
public struct Accuracy: Sendable {
  public let topK: Int
  public private(set) var correct = 0
  public private(set) var total = 0

  public init(topK: Int = 1) { self.topK = topK }

  /// Adds a batch: scores [N, C] (or [N, C, …]) or classes, and the true classes.
  public mutating func update(_ predictions: Tensor, _ targets: Tensor) {
    let hits = predictions.hits(targets, topK: topK)
    if hits.isPoisoned { return }
    correct += hits.sum().itemInt()
    total += targets.elementCount
  }

  /// NaN before the first sample.
  public var value: Double { Double(correct) / Double(total) }
  public mutating func reset() { self = Accuracy(topK: topK) }
}

extension Tensor {
  /// The share of rows of these scores [N, C] whose target is among the `topK` largest; classes are compared directly.
  public func accuracy(_ targets: Tensor, topK: Int = 1) -> Double {
    var metric = Accuracy(topK: topK)
    metric.update(self, targets)
    return metric.value
  }

  fileprivate func hits(_ targets: Tensor, topK: Int) -> Tensor {
    if topK == 1 { return predictedClasses(self, targets, op: "accuracy") .== targets }
    return attempt(like: targets) { () throws(OpError) in
      guard rank == targets.rank + 1, rank >= 2, topK >= 1, topK <= shape[1] else {
        throw OpError("accuracy", "cannot take the \(topK) best of \(spec) for the targets \(targets.spec)")
      }
      return (detached().topk(topK, dim: 1).indices .== targets.unsqueeze(1)).any(dim: 1)
    }
  }
}
