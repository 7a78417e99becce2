import ArgumentParser
import Foundation

/// `flameback`: train, evaluate, predict, look at what is installed.
@main
struct Tool: ParsableCommand {
  static func main() {
    setvbuf(stdout, nil, _IOLBF, 0)  // lines and progress bars in their order, in files too
    main(nil)
  }

  static let configuration = CommandConfiguration(
    commandName: "flameback",
    abstract: "Tensors, gradients, neural networks and training in Swift.",
    discussion: "The first steps: flameback train digits, then flameback predict digits IMAGE.",
    version: "flameback 0.1.0",
    subcommands: [Train.self, Eval.self, Predict.self, Bench.self, Doctor.self])
}
