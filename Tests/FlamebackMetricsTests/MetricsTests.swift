import Flameback
import Testing

@Suite struct MetricsTests {
  private func near(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-9 }

  /// True classes 0, 0, 1, 1, 2, 2 were taken for 0, 2, 1, 1, 0, 2.
  private var matrix: ConfusionMatrix {
    var matrix = ConfusionMatrix(numClasses: 4)
    matrix.update(Tensor([0, 2, 1], shape: [3]), Tensor([0, 0, 1], shape: [3]))
    matrix.update(Tensor([1, 0, 2], shape: [3]), Tensor([1, 2, 2], shape: [3]))
    return matrix
  }

  @Test func confusionMatrixCounts() {
    #expect(matrix.counts == [[1, 0, 1, 0], [0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    #expect(matrix.total == 6 && near(matrix.accuracy, 4.0 / 6))
    #expect(matrix.support == [2, 2, 2, 0] && matrix.predicted == [2, 2, 2, 0])
    #expect(matrix.precisions == [0.5, 1, 0.5, 0] && matrix.recalls == [0.5, 1, 0.5, 0])
    #expect(near(matrix.f1(), 2.0 / 3) && near(matrix.precision(.weighted), 2.0 / 3))
    #expect(near(matrix.recall(.micro), 4.0 / 6))
    #expect(near(matrix.meanIoU, (1.0 / 3 + 1 + 1.0 / 3) / 3))
  }

  @Test func scoresOfPixelsBecomeClasses() {
    var matrix = ConfusionMatrix(numClasses: 2, ignoreIndex: 255)
    let scores = Tensor([Float(1), 0, 0, 1, 0, 1, 1, 0], shape: [1, 2, 2, 2])  // classes 0 1 1 0
    matrix.update(scores, Tensor([0, 1, 0, 255], shape: [1, 2, 2]))
    #expect(matrix.counts == [[1, 1], [0, 1]])
    #expect(matrix.ious == [0.5, 0.5])
  }

  @Test func aClassOutOfRangeIsAnError() {
    #expect(throws: OpError.self) {
      try withErrors {
        var matrix = ConfusionMatrix(numClasses: 2)
        matrix.update(Tensor([0, 2], shape: [2]), Tensor([0, 1], shape: [2]))
      }
    }
    #expect(throws: OpError.self) {
      try withErrors { _ = Tensor.zeros([3, 2]).accuracy(Tensor([0, 1], shape: [2])) }
    }
  }

  @Test func topKAccuracy() {
    let scores = Tensor([Float(0.5), 0.3, 0.2, 0.1, 0.2, 0.7, 0.4, 0.5, 0.1], shape: [3, 3])
    let targets = Tensor([1, 2, 2], shape: [3])
    #expect(near(scores.accuracy(targets), 1.0 / 3))
    #expect(near(scores.accuracy(targets, topK: 2), 2.0 / 3))
    #expect(near(scores.accuracy(targets, topK: 3), 1))
    #expect(near(Tensor([1, 2, 0], shape: [3]).accuracy(targets), 2.0 / 3))
  }

  /// Of nine pairs five are in order and two are equal.
  @Test func areaUnderTheCurve() {
    var metric = AUROC()
    metric.update(Tensor([Float(0.1), 0.4, 0.35], shape: [3]), Tensor([0, 0, 1], shape: [3]))
    metric.update(Tensor([Float(0.8), 0.4, 0.4], shape: [3]), Tensor([1, 1, 0], shape: [3]))
    #expect(near(metric.value, 6.0 / 9))
    metric.reset()
    let scores = Tensor([Float(0.9), 0.05, 0.05, 0.1, 0.8, 0.1, 0.2, 0.3, 0.5], shape: [3, 3])
    metric.update(scores, Tensor([0, 1, 2], shape: [3]))
    #expect(metric.valuesByClass == [1, 1, 1] && metric.value == 1)
  }

  /// exp of torch.nn.functional.cross_entropy.
  @Test func perplexity() {
    var metric = Perplexity(ignoreIndex: -1)
    let logits = Tensor([Float(1), 2, 3, 0, 0, 0, 3, 1, 2, 2, 2, 1], shape: [2, 2, 3])
    metric.update(logits, Tensor([2, 1, 0, -1], shape: [2, 2]))
    #expect(abs(metric.value - 1.8926) < 1e-4 && metric.count == 3)
  }

  /// The example of torchtext's documentation, and one computed by hand.
  @Test func bleu() {
    var metric = BLEU()
    metric.update(
      ["My", "full", "pytorch", "test"],
      references: [["My", "full", "pytorch", "test"], ["Completely", "Different"]])
    metric.update(["Another", "Sentence"], references: [["No", "Match"]])
    #expect(abs(metric.value - 0.8408964276313782) < 1e-7)
    var smoothed = BLEU(isSmoothed: true)
    smoothed.update(
      ["the", "cat", "sat", "here"], references: [["the", "cat", "sat", "on", "the", "mat"]])
    #expect(near(smoothed.value, 0.39911961965336407))
    #expect(BLEU().value == 0)
  }
}
