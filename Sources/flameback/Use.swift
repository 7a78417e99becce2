import ArgumentParser
import Flameback
import FlamebackFiles
import FlamebackVision
import Glibc

/// A trained model's file and the network it belongs to.
struct ModelOptions: ParsableArguments {
  @Argument(help: "digits, mnist or cifar10.")
  var task: ImageTask
  @Option(name: .customLong("model"), help: "The weights (default: runs/TASK/model.pth).")
  var path: String?
  @Option(help: "The network: small, or large for cifar10.")
  var network: String?

  func load() throws -> any UnaryLayer {
    let net = try task.makeModel(network ?? task.models[0])
    let path = path ?? "runs/\(task.rawValue)/model.pth"
    let state = try StateDict(contentsOf: path)
    do { try net.load(state) } catch { throw FileError(path: path, "\(error)") }
    net.eval()
    return net
  }
}

/// `flameback eval digits --model model.pth`
struct Eval: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Measure a trained model on the test images.")

  @OptionGroup var model: ModelOptions
  @Option(help: "Folder of the data set's files (default: data/TASK).")
  var data: String?

  func run() throws {
    let net = try model.load()
    let test = try model.task.load(data, download: false).test
    say(Evaluation(net, test, classes: model.task.classes).summary)
  }
}

/// `flameback predict digits --model model.pth IMAGE`
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Classify pictures (PNG).")

  @OptionGroup var model: ModelOptions
  @Argument(help: "PNG files.")
  var images: [String]

  func validate() throws { if images.isEmpty { throw ValidationError("name at least one PNG file") } }

  func run() throws {
    let net = try model.load()
    for path in images {
      let image = try PNG.read(path, mode: model.task.channels == 1 ? .gray : .rgb)
      let probabilities = noGrad { net(model.task.input(image)).softmax(dim: 1) }.scalars(Double.self)
      let ranked = probabilities.enumerated().sorted { $0.element > $1.element }.prefix(3)
      let words = ranked.map { "\(model.task.classes[$0.offset]) \(printed(100 * $0.element, 1)) %" }
      say("\(path): \(words.joined(separator: ", "))")
    }
  }
}
