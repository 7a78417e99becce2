import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// How the scores of the classes become one.
public enum Averaging: Sendable {
  /// All decisions count alike.
  case micro
  /// All classes that occur count alike.
  case macro
  /// Classes count by how often they are true.
  case weighted
}

/// Counts of (true class, predicted class) over any number of batches, and the measures that follow from them.
public struct ConfusionMatrix: Sendable {
  public let numClasses: Int
  /// Samples of this true class are left out.
  public let ignoreIndex: Int?
  /// `counts[t][p]`: how many samples of class `t` were taken for class `p`.
  public private(set) var counts: [[Int]]

  public init(numClasses: Int, ignoreIndex: Int? = nil) {
    self.numClasses = numClasses
    self.ignoreIndex = ignoreIndex
    counts = Array(repeating: Array(repeating: 0, count: max(numClasses, 0)), count: max(numClasses, 0))
  }

  /// Adds a batch. `predictions`: classes of the targets' shape, or scores with one more dimension, the classes, after
  /// the first; targets: classes.
  public mutating func update(_ predictions: Tensor, _ targets: Tensor) {
    let classes = predictedClasses(predictions, targets, op: "ConfusionMatrix")
    if classes.isPoisoned { return }
    let n = numClasses
    for (predicted, actual) in zip(classes.scalars(Int.self), targets.detached().scalars(Int.self)) {
      if actual == ignoreIndex { continue }
      guard (0..<n).contains(predicted), (0..<n).contains(actual) else {
        return report(OpError("ConfusionMatrix", "classes \(actual) and \(predicted) are not below \(n)"))
      }
      counts[actual][predicted] += 1
    }
  }

  /// Adds the counts of another matrix, of another worker for example.
  public mutating func merge(_ other: ConfusionMatrix) {
    guard other.numClasses == numClasses else {
      return report(OpError("ConfusionMatrix", "cannot add \(other.numClasses) classes to \(numClasses)"))
    }
    for t in counts.indices { for p in counts.indices { counts[t][p] += other.counts[t][p] } }
  }

  public mutating func reset() { self = ConfusionMatrix(numClasses: numClasses, ignoreIndex: ignoreIndex) }

  /// How many samples were counted.
  public var total: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }
  /// How many samples each class has.
  public var support: [Int] { counts.map { $0.reduce(0, +) } }
  /// How often each class was predicted.
  public var predicted: [Int] { counts.indices.map { p in counts.reduce(0) { $0 + $1[p] } } }
  private var hits: [Int] { counts.indices.map { counts[$0][$0] } }

  /// The share of right predictions; NaN without samples.
  public var accuracy: Double { Double(hits.reduce(0, +)) / Double(total) }

  /// Of what was taken for each class, the share that was right; 0 where nothing was.
  public var precisions: [Double] { ratio(hits, predicted) }
  /// Of each class, the share that was found; 0 for a class without samples.
  public var recalls: [Double] { ratio(hits, support) }
  /// The harmonic mean of precision and recall, of each class.
  public var f1s: [Double] { ratio(hits.map { 2 * $0 }, zip(support, predicted).map { $0 + $1 }) }
  /// Intersection over union of each class. SeeAlso: the Jaccard index
  public var ious: [Double] {
    ratio(hits, counts.indices.map { support[$0] + predicted[$0] - counts[$0][$0] })
  }

  public func precision(_ averaging: Averaging = .macro) -> Double { average(precisions, averaging) }
  public func recall(_ averaging: Averaging = .macro) -> Double { average(recalls, averaging) }
  public func f1(_ averaging: Averaging = .macro) -> Double { average(f1s, averaging) }

  /// The mean intersection over union of the classes that occur: the usual measure of segmentations.
  public var meanIoU: Double { average(ious, .macro) }

  private func ratio(_ a: [Int], _ b: [Int]) -> [Double] { zip(a, b).map { $1 == 0 ? 0 : Double($0) / Double($1) } }

  private func average(_ scores: [Double], _ averaging: Averaging) -> Double {
    switch averaging {
    case .micro: return accuracy  // every wrong decision is one false positive and one false negative
    case .macro:
      let present = counts.indices.filter { support[$0] + predicted[$0] > 0 }
      return present.reduce(0) { $0 + scores[$1] } / Double(present.count)
    case .weighted: return zip(scores, support).reduce(0) { $0 + $1.0 * Double($1.1) } / Double(total)
    }
  }
}

/// Classes of the targets' shape from classes or scores.
func predictedClasses(_ predictions: Tensor, _ targets: Tensor, op: String) -> Tensor {
  attempt(like: targets) { () throws(OpError) in
    let predictions = predictions.detached()
    if predictions.isPoisoned { return predictions }
    if predictions.shape == targets.shape, !predictions.dtype.isFloatingPoint { return predictions }
    var shape = Array(predictions.shape)
    if predictions.dtype.isFloatingPoint, predictions.rank == targets.rank + 1, shape.count >= 2 || targets.rank == 0 {
      shape.remove(at: min(1, shape.count - 1))
      if Shape(shape) == targets.shape { return predictions.argmax(dim: min(1, predictions.rank - 1)) }
    }
    throw OpError(op, "predictions \(predictions.spec) do not fit the targets \(targets.spec)")
  }
}
