import ArgumentParser
import Flameback
import FlamebackFiles
import FlamebackONNX

/// `flameback run model.onnx --input x.npy`
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run an ONNX model on NumPy arrays.",
    discussion: "Without --input the model's inputs and outputs are printed.")

  @Argument(help: "The model.")
  var model: String
  @Option(name: .customLong("input"), help: "An .npy file for each input, in order, or NAME=FILE. Repeatable.")
  var inputs: [String] = []
  @Option(name: .customLong("output"), help: "Where to write each output, in order (.npy). Repeatable; default: print.")
  var outputs: [String] = []
  @Option(help: "Threads that compute (default: all cores).")
  var threads: Int?
  @Option(help: "Run so many times and print the median time.")
  var times: Int?

  func run() throws {
    if let threads { setNumThreads(threads) }
    let model = try ONNXModel(contentsOf: model, frozen: true)
    guard !inputs.isEmpty else { return describe(model) }
    var given: [String: Tensor] = [:]
    for (i, argument) in inputs.enumerated() {
      let parts = argument.split(separator: "=", maxSplits: 1)
      let isNamed = parts.count == 2 && model.inputNames.contains(String(parts[0]))
      guard isNamed || i < model.inputNames.count else {
        throw ValidationError(
          "the model has \(model.inputNames.count) inputs: \(model.inputNames.joined(separator: ", "))")
      }
      given[isNamed ? String(parts[0]) : model.inputNames[i]] = try Tensor(npy: isNamed ? String(parts[1]) : argument)
    }
    let arguments = try model.inputNames.map { name in
      guard let tensor = given[name] else { throw ValidationError("input '\(name)' is missing") }
      return tensor
    }
    let results = try inferenceMode { try model.run(arguments) }
    for (i, (name, tensor)) in zip(model.outputNames, results).enumerated() {
      if i < outputs.count {
        try tensor.save(npy: outputs[i])
        say("\(name): \(tensor.spec) → \(outputs[i])")
      } else {
        say("\(name): \(tensor.spec)\n\(tensor)")
      }
    }
    if let times { try measure(times) { _ = try inferenceMode { try model.run(arguments) } } }
  }

  private func describe(_ model: ONNXModel) {
    func line(_ info: ONNXValueInfo) -> String {
      let sizes = info.shape.map { shape in
        shape.map { dimension in
          switch dimension {
          case .size(let size): "\(size)"
          case .named(let name): name
          case .unknown: "?"
          }
        }.joined(separator: ", ")
      }
      return "  \(info.name): \(info.type.map { "\($0)" } ?? "?") [\(sizes ?? "…")]"
    }
    let producer = [model.file.producer, model.file.producerVersion].filter { !$0.isEmpty }.joined(separator: " ")
    say("\(producer), operator set \(model.file.opsets[""] ?? 0)")
    say(
      "inputs\n"
        + model.file.graph.inputs.filter { model.inputNames.contains($0.name) }.map(line).joined(separator: "\n"))
    say("outputs\n" + model.file.graph.outputs.map(line).joined(separator: "\n"))
  }

  private func measure(_ count: Int, _ body: () throws -> Void) throws {
    try body()
    var samples: [Double] = []
    for _ in 0..<max(count, 1) {
      let start = ContinuousClock.now
      try body()
      let elapsed = ContinuousClock.now - start
      samples.append(Double(elapsed.components.seconds) * 1e3 + Double(elapsed.components.attoseconds) * 1e-15)
    }
    samples.sort()
    say("median of \(count) runs: \((samples[samples.count / 2] * 100).rounded() / 100) ms, \(numThreads()) threads")
  }
}
