import ArgumentParser
import Flameback
import FlamebackFiles
import Glibc

/// `flameback`: train, evaluate, predict, run ONNX models, look at what is installed.
@main
struct Tool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flameback",
    abstract: "Tensors, gradients, neural networks and training in Swift.",
    discussion: "The first steps: flameback train digits, then flameback predict digits IMAGE.",
    version: "flameback \(flamebackVersion)",
    subcommands: [
      Train.self, Eval.self, Predict.self, Run.self, Bench.self, Doctor.self, Embed.self, Export.self, Tokenize.self,
      Inspect.self,
      Convert.self,
    ])
}

/// Prints a line at once, so that lines and progress bars keep their order in files and pipes too.
func say(_ line: String) {
  var text = line + "\n"
  text.withUTF8 { _ = writeAll(UnsafeRawBufferPointer($0), to: STDOUT_FILENO) }
}
