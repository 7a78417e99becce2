import Flameback
import FlamebackFiles
import FlamebackONNX
import Foundation

/// Runs the test folders of the `onnx` package: `model.onnx` and `test_data_set_*/input_*.pb`, `output_*.pb`.
enum ONNXNodeTests {
  enum Outcome {
    case passed
    case unsupported(String)
    case failed(String)
  }

  /// `conformance onnx DIR [--only TEXT] [--verbose]`; the exit code is 1 if a test of known operators failed.
  static func main(_ arguments: [String]) -> Int32 {
    guard let folder = arguments.first, !folder.hasPrefix("-") else {
      print("usage: conformance onnx DIR [--only TEXT] [--verbose]")
      return 2
    }
    let only = arguments.firstIndex(of: "--only").flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    var (passed, failed, unsupported) = (0, 0, 0)
    for name in names where only.map({ name.contains($0) }) ?? true {
      let path = folder + "/" + name
      guard FileManager.default.fileExists(atPath: path + "/model.onnx") else { continue }
      switch run(path) {
      case .passed: passed += 1
      case .unsupported(let reason):
        unsupported += 1
        if arguments.contains("--verbose") { print("unsupported \(name): \(reason)") }
      case .failed(let reason):
        failed += 1
        print("FAILED \(name): \(reason)")
      }
    }
    print("\(passed) passed, \(failed) failed, \(unsupported) with operators that do not exist here")
    return failed == 0 ? 0 : 1
  }

  static func run(_ path: String) -> Outcome {
    do {
      let model = try ONNXModel(contentsOf: path + "/model.onnx")
      let infos = Dictionary(
        (model.file.graph.inputs + model.file.graph.outputs).map { ($0.name, $0) },
        uniquingKeysWith: { first, _ in first })
      if let other = infos.values.first(where: { $0.kind != .tensor }) {
        return .unsupported("'\(other.name)' is a \(other.kind)")
      }
      if let other = infos.values.first(where: { $0.type.map { $0.dtype == nil } ?? false }) {
        return .unsupported("'\(other.name)' has elements of type \(other.type!)")
      }
      for set in try FileManager.default.contentsOfDirectory(atPath: path).sorted() where set.hasPrefix("test_data_set")
      {
        let folder = path + "/" + set
        let inputs = try tensors(folder, "input", model.inputNames.map { infos[$0]?.type })
        let expected = try tensors(folder, "output", model.outputNames.map { infos[$0]?.type })
        let outputs = try noGrad { try model.run(inputs) }
        for (i, (output, wanted)) in zip(outputs, expected).enumerated() {
          if let difference = difference(output, wanted) { return .failed("output \(i): \(difference)") }
        }
      }
      return .passed
    } catch let error as ONNXUnsupported {
      return .unsupported(error.operators.map(\.name).joined(separator: ", "))
    } catch { return .failed("\(error)") }
  }

  private static func tensors(_ folder: String, _ kind: String, _ types: [ONNXType?]) throws -> [Tensor] {
    try types.indices.compactMap { i in
      let path = "\(folder)/\(kind)_\(i).pb"
      guard FileManager.default.fileExists(atPath: path) else { return nil }
      var stored = try ONNXTensor(contentsOf: path)
      if types[i] == .bfloat16, stored.type == .uint16 {  // ONNX 1.15 stores their bits so
        stored.type = .bfloat16
        stored.raw?.type = .bfloat16
      }
      return try Tensor(stored)
    }
  }

  /// What differs by more than ONNX's own runner allows (rtol 1e-3, atol 1e-7), or nil.
  private static func difference(_ output: Tensor, _ wanted: Tensor) -> String? {
    guard output.shape == wanted.shape else { return "\(output.spec) instead of \(wanted.spec)" }
    guard output.dtype == wanted.dtype else { return "\(output.spec) instead of \(wanted.spec)" }
    let (a, b) = (output.to(.float64), wanted.to(.float64))
    if a.allClose(b, rtol: 1e-3, atol: 1e-7, equalNaN: true) { return nil }
    return "differs by up to \((a - b).abs().max().itemDouble()) (\(output.spec))"
  }
}
