import Flameback
import FlamebackFiles
import FlamebackONNX
import FlamebackTesting
import Foundation

/// Exports the modules of the shared cases, reads them back and compares.
enum ONNXExportTests {
  /// `conformance onnx-export DIR [--only TEXT] [--write FOLDER]`; FOLDER is what `Scripts/check_onnx.py` reads.
  static func main(_ arguments: [String]) -> Int32 {
    guard let folder = arguments.first, !folder.hasPrefix("-") else {
      print("usage: conformance onnx-export DIR [--only TEXT] [--write FOLDER]")
      return 2
    }
    func option(_ name: String) -> String? {
      arguments.firstIndex(of: name).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
    }
    var (passed, failed, refused) = (0, 0, 0)
    var samples: [() throws -> ModuleSample]
    do {
      samples = try ModuleSample.all(folder).map { sample in { sample } }
      samples += try ModuleSample.models(folder)
    } catch {
      print("\(error)")
      return 2
    }
    for make in samples {
      let sample: ModuleSample
      do { sample = try make() } catch {
        failed += 1
        print("FAILED to make a model: \(error)")
        continue
      }
      if let only = option("--only"), !sample.id.contains(only) { continue }
      do {
        let file = try onnxFile(sample.module, sample.inputs) { try sample.forward($0) }
        let model = try ONNXModel(bytes: file.encoded())
        let expected = try noGrad { try sample.forward(sample.inputs) }
        let found = try noGrad { try model.run(sample.inputs) }
        let isRight = zip(found, expected).allSatisfy { a, b in
          a.shape == b.shape && a.dtype == b.dtype
            && a.to(.float64).allClose(b.to(.float64), rtol: 1e-4, atol: 1e-5, equalNaN: true)
        }
        if isRight { passed += 1 } else { failed += 1 }
        if !isRight { print("FAILED \(sample.id)") }
        if let target = option("--write") { try write(sample, file, expected, to: target) }
      } catch let error as ONNXExportError {
        refused += 1
        let items = error.items.map { "\($0.operation): \($0.reason)" }
        print("refused \(sample.id): \(items.joined(separator: "; "))")
      } catch {
        failed += 1
        print("FAILED \(sample.id): \(error)")
      }
    }
    print("\(passed) passed, \(failed) failed, \(refused) refused")
    return failed == 0 ? 0 : 1
  }

  private static func write(_ sample: ModuleSample, _ file: ONNXFile, _ outputs: [Tensor], to folder: String) throws {
    let name = folder + "/" + sample.id.replacingOccurrences(of: "/", with: "_")
    try file.write(to: name + ".onnx")
    for (i, input) in sample.inputs.enumerated() { try input.save(npy: "\(name).input_\(i).npy") }
    for (i, output) in outputs.enumerated() { try output.contiguous().save(npy: "\(name).output_\(i).npy") }
  }
}
