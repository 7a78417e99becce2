import Flameback
import FlamebackFiles
import Foundation

@testable import FlamebackONNX

func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}

/// Runs `body` with a folder of its own, which is removed afterwards.
func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = NSTemporaryDirectory() + "flameback-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

extension ONNXFile {
  /// A model of these nodes with float inputs and outputs of unknown shape.
  init(
    _ nodes: [ONNXNode], inputs: [String], outputs: [String], initializers: [ONNXTensor] = [], opset: Int = 20
  ) {
    self.init()
    opsets = ["": opset]
    path = "model"
    graph.nodes = nodes
    graph.inputs = inputs.map { ONNXValueInfo(name: $0, type: .float32) }
    graph.outputs = outputs.map { ONNXValueInfo(name: $0, type: .float32) }
    graph.initializers = initializers
  }
}

func node(
  _ op: String, _ inputs: [String], _ outputs: [String], _ attributes: [String: ONNXAttribute] = [:]
) -> ONNXNode { ONNXNode(name: op, op: op, inputs: inputs, outputs: outputs, attributes: attributes) }

func floats(_ name: String, _ values: [Float], _ shape: [Int]) -> ONNXTensor {
  ONNXTensor(name: name, Tensor(values, shape: Shape(shape)))
}

func ints(_ name: String, _ values: [Int]) -> ONNXTensor {
  ONNXTensor(name: name, Tensor(values, shape: [values.count]))
}
