import Flameback
import FlamebackFiles
import Foundation

/// How a network does on samples it did not learn from.
struct Evaluation {
  let loss: Double
  let accuracy: Double
  let confusion: ConfusionMatrix
  private let count: Int

  init(_ net: any UnaryLayer, _ samples: TensorDataset, classes: [String]) {
    net.eval()
    var (loss, correct) = (0.0, 0)
    var confusion = ConfusionMatrix(labels: classes)
    noGrad {
      for (images, labels) in DataLoader(samples, batchSize: 256) {
        let output = net(images)
        loss += output.crossEntropy(labels, reduction: .sum).itemDouble()
        let predicted = output.argmax(dim: 1)
        correct += (predicted .== labels).sum().itemInt()
        for (truth, guess) in zip(labels.scalars(Int.self), predicted.scalars(Int.self)) {
          confusion.add(truth: truth, prediction: guess)
        }
      }
    }
    count = samples.count
    self.loss = loss / Double(max(count, 1))
    accuracy = Double(correct) / Double(max(count, 1))
    self.confusion = confusion
  }

  /// The line that PyTorch's tutorials print.
  var summary: String {
    String(format: "Accuracy of the network on the %d test images: %.2f %%", count, 100 * accuracy)
  }
}
