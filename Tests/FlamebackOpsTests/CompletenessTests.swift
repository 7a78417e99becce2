import FlamebackTesting
import Foundation
import Testing

/// Every operation in the sources has a record: no operation goes unchecked by being forgotten.
@Suite struct CompletenessTests {
  private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Sources")

  /// The text of all files of a target.
  private func texts(_ target: String) throws -> [String] {
    let folder = CompletenessTests.sources.appending(path: target)
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
    return try (files ?? []).filter { $0.pathExtension == "swift" }.map { try String(contentsOf: $0, encoding: .utf8) }
  }

  @Test func everyPrimitiveHasARecord() throws {
    var functions: Set<String> = []
    var types: Set<String> = []
    for text in try ["FlamebackCore", "FlamebackOps", "FlamebackNN"].flatMap(texts) {
      for match in text.matches(of: /^[^\/\n]*\bElementwise\(\s*"([^"\\]+)"/.anchorsMatchLineEndings()) {
        functions.insert(String(match.1))
      }
      let declaration = /struct (\w+)(<[^>]*>)?: (\w*Primitive|Reducing|PlaneMap)\b/
      for match in text.matches(of: declaration) { types.insert(String(match.1)) }
    }
    #expect(functions.count > 100 && types.count > 50, "the sources were not found")
    types.remove("Pointwise")  // counted by function
    types.remove("Transfer")  // every test of a device goes through it
    types.remove("Int8Linear")  // rounds: compared with its rule in QuantizationTests
    types.subtract(["Sampled", "Multinomial", "RandomSlopes", "RandomDraw"])  // compared with PyTorch's random numbers

    var seen: Set<String> = []
    for record in OpRecord.all { try seen.formUnion(record.primitives()) }
    let words = Set(
      seen.flatMap { $0.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }) }.map(String.init))
    #expect(functions.subtracting(seen).subtracting(["rtol"]) == [], "elementwise functions without a record")
    #expect(types.subtracting(words) == [], "primitives without a record")
  }
}
