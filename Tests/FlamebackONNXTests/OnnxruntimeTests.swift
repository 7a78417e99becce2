import Flameback
import FlamebackFiles
import FlamebackVision
import Foundation
import Testing

@testable import FlamebackONNX

/// What onnxruntime makes of exported models; `FLAMEBACK_PYTHON` names a Python that has it.
@Suite struct OnnxruntimeTests {
  @Test func exportedModelsRunInOnnxruntime() throws {
    guard let python = ProcessInfo.processInfo.environment["FLAMEBACK_PYTHON"] else {
      print("skipped: FLAMEBACK_PYTHON does not name a Python with onnxruntime")
      return
    }
    try withFolder { folder in
      let folder = ProcessInfo.processInfo.environment["FLAMEBACK_ONNX_FOLDER"] ?? folder
      try write(to: folder)
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      let process = Process()
      process.executableURL = URL(fileURLWithPath: python)
      process.arguments = [root.appendingPathComponent("Scripts/check_onnx.py").path, folder]
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      if text.contains("No module named") {
        print("skipped: \(text)")
        return
      }
      print(text)
      #expect(process.terminationStatus == 0, "\(text)")
    }
  }

  /// Models with their inputs and outputs as `NAME.onnx`, `NAME.input_0.npy`, `NAME.output_0.npy`.
  private func write(to folder: String) throws {
    manualSeed(0)
    func export(
      _ name: String, _ model: Module, _ inputs: [Tensor], dynamic: [String: [Int: String]] = [:], opset: Int = 20,
      _ body: ([Tensor]) -> [Tensor]
    ) throws {
      model.eval()
      let options = ONNXExportOptions(opset: opset, dynamicAxes: dynamic)
      try exportONNX(model, inputs, to: "\(folder)/\(name).onnx", options, body)
      let outputs = noGrad { body(inputs) }
      for (i, input) in inputs.enumerated() { try input.save(npy: "\(folder)/\(name).input_\(i).npy") }
      for (i, output) in outputs.enumerated() { try output.contiguous().save(npy: "\(folder)/\(name).output_\(i).npy") }
    }
    let resnet = resnet18()
    try export("resnet18", resnet, [.randn([1, 3, 64, 64])], dynamic: ["input": [0: "batch"]]) { [resnet($0[0])] }
    let lstm = LSTM(8, 16, numLayers: 2, batchFirst: true, bidirectional: true)
    try export("lstm", lstm, [.randn([3, 7, 8])], dynamic: ["input": [0: "batch", 1: "time"]]) { inputs in
      let result = lstm(inputs[0])
      return [result.output, result.state.h, result.state.c]
    }
    let gru = GRU(8, 16)
    try export("gru", gru, [.randn([7, 3, 8]), .randn([1, 3, 16])]) { [gru($0[0], $0[1]).output] }
    let encoder = TransformerEncoder(
      TransformerEncoderLayer(32, 4, dimFeedforward: 64, activation: { $0.gelu() }, batchFirst: true), numLayers: 2)
    let axes = ["input": [0: "batch", 1: "time"]]
    try export("encoder", encoder, [.randn([2, 9, 32])], dynamic: axes) { [encoder($0[0])] }
    for opset in [18, 23] {
      try export("encoder\(opset)", encoder, [.randn([2, 9, 32])], opset: opset) { [encoder($0[0])] }
    }
    // DCGAN's generator.
    let generator = Sequential(
      ConvTranspose2d(16, 32, kernelSize: 4, bias: false), BatchNorm2d(32), ReLU(),
      ConvTranspose2d(32, 16, kernelSize: 4, stride: 2, padding: 1, bias: false), BatchNorm2d(16), ReLU(),
      ConvTranspose2d(16, 3, kernelSize: 4, stride: 2, padding: 1, bias: false), Tanh())
    for _ in 0..<2 { _ = noGrad { generator(.randn([4, 16, 1, 1])) } }
    try export("generator", generator, [.randn([2, 16, 1, 1])], dynamic: ["input": [0: "batch"]]) { [generator($0[0])] }
    let x = Tensor.randn([2, 3, 8, 8])
    let mix: [(String, (Tensor) -> Tensor)] = [
      ("activations", { $0.gelu() + $0.silu().mish() * $0.elu() + $0.selu() + $0.hardswish() + $0.softplus() }),
      ("arithmetic", { ($0.remainder(0.3) + $0.floorDivide(0.7) + $0.abs().pow(1.5)).logSigmoid() + $0.erfc() }),
      ("reductions", { $0.var(dim: 1) + $0.logsumexp(dim: 1) + $0.norm(dim: 1) + $0.amax(dim: 1) }),
      ("resize", { $0.interpolate(size: [13, 11], mode: .bilinear, alignCorners: false) }),
      ("bicubic", { $0.interpolate(scaleFactor: 2, mode: .bicubic, alignCorners: true) }),
      ("pools", { $0.maxPool2d(3, stride: 2, padding: 1) + $0.avgPool2d(2) }),
      ("views", { Tensor.cat([$0.flip(2), $0.roll(1, dim: 3)], dim: 1).permute(0, 2, 3, 1)[0..., 1..., 2] }),
      ("attention", { $0.scaledDotProductAttention($0, $0, isCausal: true) }),
      ("norms", { $0.groupNorm(3) + $0.instanceNorm().output + $0.layerNorm([8, 8]) + $0.rmsNorm([8]) }),
      ("selection", { $0.topk(3).values.sum(dim: -1) + $0.argmax(dim: 3).to(.float32) }),
    ]
    for (name, function) in mix { try export(name, NoParameters(), [x]) { [function($0[0])] } }
  }
}
