import Flameback
import FlamebackFiles

/// How a network does on samples it did not learn from.
struct Evaluation {
  let loss: Double
  let accuracy: Double
  let confusion: ConfusionPlot
  private let count: Int

  init(_ net: any UnaryLayer, _ samples: TensorDataset, classes: [String]) {
    net.eval()
    var loss = 0.0
    var confusion = ConfusionMatrix(numClasses: classes.count)
    noGrad {
      for (images, labels) in DataLoader(samples, batchSize: 256) {
        let output = net(images)
        loss += output.crossEntropy(labels, reduction: .sum).itemDouble()
        confusion.update(output, labels)
      }
    }
    count = samples.count
    self.loss = loss / Double(max(count, 1))
    accuracy = confusion.total == 0 ? 0 : confusion.accuracy
    self.confusion = ConfusionPlot(labels: classes, counts: confusion.counts)
  }

  /// The line that PyTorch's tutorials print.
  var summary: String {
    "Accuracy of the network on the \(count) test images: \(printed(100 * accuracy, 2)) %"
  }
}
