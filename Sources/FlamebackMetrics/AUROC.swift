import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The area under the receiver operating characteristic: how likely a positive sample scores above a negative one
/// (equal scores count half). Exact, over any number of batches.
public struct AUROC: Sendable {
  private var scores: [[Double]] = []
  private var targets: [Int] = []

  public init() {}

  /// Adds a batch: scores [N] of class 1, or [N, C] of all classes, and the true classes [N].
  public mutating func update(_ predictions: Tensor, _ classes: Tensor) {
    let ok = attempt(false) { () throws(OpError) -> Bool in
      let width = predictions.rank == 2 ? predictions.shape[1] : 1
      guard predictions.rank == 1 || predictions.rank == 2, classes.rank == 1,
        classes.shape[0] == predictions.shape[0], scores.isEmpty || scores.count == width
      else { throw OpError("AUROC", "predictions \(predictions.spec) do not fit the targets \(classes.spec)") }
      return !predictions.isPoisoned && !classes.isPoisoned
    }
    if !ok { return }
    let columns = predictions.rank == 2 ? predictions.detached().unbind(dim: 1) : [predictions.detached()]
    if scores.isEmpty { scores = columns.map { _ in [] } }
    for (i, column) in columns.enumerated() { scores[i] += column.scalars(Double.self) }
    targets += classes.scalars(Int.self)
  }

  /// The area; of several classes the mean over those that have samples inside and outside. NaN if there are none.
  public var value: Double {
    let areas = valuesByClass.filter { !$0.isNaN }
    return areas.reduce(0, +) / Double(areas.count)
  }

  /// Each class against the rest; NaN where all samples are on one side. One number for scores of class 1 alone.
  public var valuesByClass: [Double] {
    scores.enumerated().map { i, column in
      let positive = scores.count == 1 ? 1 : i
      return AUROC.area(column, targets.map { $0 == positive })
    }
  }

  public mutating func reset() { self = AUROC() }

  /// From the ranks of the positive samples (Mann and Whitney); equal scores share their mean rank.
  private static func area(_ scores: [Double], _ isPositive: [Bool]) -> Double {
    let order = scores.indices.sorted { scores[$0] < scores[$1] }
    let positives = isPositive.count { $0 }
    var rankSum = 0.0
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      let rank = Double(start + end + 1) / 2
      rankSum += rank * Double(order[start..<end].count { isPositive[$0] })
      start = end
    }
    let pairs = Double(positives) * Double(scores.count - positives)
    return (rankSum - Double(positives) * Double(positives + 1) / 2) / pairs
  }
}
