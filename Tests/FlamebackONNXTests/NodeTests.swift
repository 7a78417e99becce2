import Flameback
import FlamebackFiles
import FlamebackONNX
import Testing

/// ONNX's own tests of single operators (`Scripts/make_onnx_fixtures.py`); `conformance onnx DIR` runs all of them.
@Suite struct NodeTests {
  @Test func operatorsGiveWhatONNXExpects() throws {
    let archive = try ZipArchive(fixture("node-tests.zip"))
    var tests: [String: [String: [UInt8]]] = [:]
    for record in archive.records {
      let parts = record.name.split(separator: "/", maxSplits: 1)
      tests[String(parts[0]), default: [:]][String(parts[1])] = try archive.read(record).array
    }
    var passed = 0
    var unsupported = 0
    for (name, files) in tests.sorted(by: { $0.key < $1.key }) {
      do {
        let model = try ONNXModel(bytes: files["model.onnx"]!)
        func tensors(_ kind: String, _ count: Int) throws -> [Tensor] {
          try (0..<count).compactMap { i in
            try files["test_data_set_0/\(kind)_\(i).pb"].map { try Tensor(ONNXTensor(FileBytes($0, path: name))) }
          }
        }
        let outputs = try noGrad { try model.run(tensors("input", model.inputNames.count)) }
        let expected = try tensors("output", outputs.count)
        for (output, wanted) in zip(outputs, expected) {
          #expect(
            output.shape == wanted.shape && output.dtype == wanted.dtype, "\(name): \(output.spec), \(wanted.spec)")
          let close = output.to(.float64).allClose(wanted.to(.float64), rtol: 1e-3, atol: 1e-7, equalNaN: true)
          #expect(close, "\(name): \(output) instead of \(wanted)")
        }
        passed += 1
      } catch is ONNXUnsupported { unsupported += 1 } catch { Issue.record("\(name): \(error)") }
    }
    #expect(passed >= 180 && unsupported <= 20, "\(passed) tests ran, \(unsupported) did not")
  }
}
