import Flameback
import FlamebackFiles
import Foundation

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
    String(format: "Accuracy of the network on the %d test images: %.2f %%", count, 100 * accuracy)
  }
}
