import ArgumentParser
import Flameback
import FlamebackFiles
import FlamebackVision

/// A data set with the networks and the settings that suit it.
enum ImageTask: String, CaseIterable, ExpressibleByArgument {
  case digits, mnist, cifar10

  /// Networks to choose from, the default first.
  var models: [String] { self == .cifar10 ? ["small", "large"] : ["small"] }

  var classes: [String] { self == .cifar10 ? CIFAR.classes : (0...9).map(String.init) }

  /// Image channels and pixels of a side.
  var channels: Int { self == .cifar10 ? 3 : 1 }
  var size: Int {
    switch self {
    case .digits: 8
    case .mnist: 28
    case .cifar10: 32
    }
  }

  struct Settings {
    var epochs: Int
    var batchSize: Int
    var lr: Double
  }

  var settings: Settings {
    switch self {
    case .digits: Settings(epochs: 30, batchSize: 32, lr: 0.05)
    case .mnist: Settings(epochs: 5, batchSize: 64, lr: 0.02)
    case .cifar10: Settings(epochs: 10, batchSize: 100, lr: 0.01)
    }
  }

  func makeModel(_ name: String) throws -> any UnaryLayer {
    switch (self, name) {
    case (.digits, "small"): ConvNet(channels: 1, size: 8, widths: (16, 32), kernelSize: 3, padding: 1)
    case (.mnist, "small"): ConvNet(channels: 1, size: 28)
    case (.cifar10, "small"): ConvNet()
    case (.cifar10, "large"): ThreeConvNet()
    default:
      throw ValidationError("\(rawValue) has no model '\(name)': choose \(models.joined(separator: " or "))")
    }
  }

  /// Training and test samples; of the digits a fixed fifth is the test set.
  func load(_ folder: String?, download: Bool) throws -> (train: TensorDataset, test: TensorDataset) {
    if self == .digits {
      let (images, labels) = try Digits.load().tensors(scale: 16)
      let order = Generator(seed: 0).permutation(labels.shape[0])
      func part(_ range: Range<Int>) -> TensorDataset {
        let index = Tensor(Array(order[range]), shape: [range.count])
        return TensorDataset(
          normalized(images.indexSelect(dim: 0, index: index)), labels.indexSelect(dim: 0, index: index))
      }
      let cut = order.count * 4 / 5
      return (part(0..<cut), part(cut..<order.count))
    }
    let folder = folder ?? "data/\(rawValue)"
    if download { try fetch(to: folder) }
    func part(train: Bool) throws -> TensorDataset {
      let set = self == .mnist ? try IDX.mnist(folder, train: train) : try CIFAR.load(folder, train: train)
      let (images, labels) = set.tensors()
      return TensorDataset(normalized(images), labels)
    }
    return (try part(train: true), try part(train: false))
  }

  /// Pixels from 0 … 1 to about −1 … 1.
  func normalized(_ images: Tensor) -> Tensor { (images - 0.5) / 0.5 }

  /// The files as their makers publish them.
  private var downloads: [Download] {
    let mnist = "https://ossci-datasets.s3.amazonaws.com/mnist"
    switch self {
    case .digits: return []
    case .mnist:
      return [
        Download("\(mnist)/train-images-idx3-ubyte.gz", checksum: .md5("f68b3c2dcbeaaa9fbdd348bbdeb94873")),
        Download("\(mnist)/train-labels-idx1-ubyte.gz", checksum: .md5("d53e105ee54ea40749a09fcbcd1e9432")),
        Download("\(mnist)/t10k-images-idx3-ubyte.gz", checksum: .md5("9fb629c4189551a2d022fa330f9573f3")),
        Download("\(mnist)/t10k-labels-idx1-ubyte.gz", checksum: .md5("ec29112dd5afa0611ce80d1b7f02629c")),
      ]
    case .cifar10:
      return [
        Download(
          "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", checksum: .md5("c32a1d4ab5d03f1284b67883e8d87530"))
      ]
    }
  }

  /// Gets the data set's files from where its makers put them.
  private func fetch(to folder: String) throws {
    for file in downloads {
      let bar = ProgressBar(total: nil, label: file.fileName, unit: "B")
      let path = try file.fetch(to: folder) { done, _ in bar.update(done) }
      bar.finish()
      if file.fileName.hasSuffix(".tar.gz") { try Tar.extract(path, to: folder) }
    }
  }

  /// A picture as the network sees it: gray or colour, its size, and bright strokes on a dark ground for digits.
  func input(_ image: RawImage) -> Tensor {
    var x = image.tensor
    if channels == 1 {
      if x.mean().itemDouble() > 0.5 { x = 1 - x }
    }
    x = x.unsqueeze(0)
    if x.shape[2] != size || x.shape[3] != size { x = x.adaptiveAvgPool2d([size, size]) }
    return normalized(x)
  }
}
