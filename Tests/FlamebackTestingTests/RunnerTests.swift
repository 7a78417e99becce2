import Foundation
import Testing

@testable import FlamebackTesting

/// The runner on cases whose outcome is known.
@Suite struct RunnerTests {
  private func run(_ cases: [String]) throws -> [String: ConformanceRunner.Result] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("runner-\(UUID())")
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("ops"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let index = #"{"format":1,"files":[{"file":"ops/a.json","kind":"ops","op":"a","tier":1}]}"#
    try index.write(to: folder.appendingPathComponent("index.json"), atomically: true, encoding: .utf8)
    let file =
      #"{"format":1,"kind":"ops","op":"a","tier":1,"aliases":[],"cases":["# + cases.joined(separator: ",") + "]}"
    try file.write(to: folder.appendingPathComponent("ops/a.json"), atomically: true, encoding: .utf8)
    let outcomes = try ConformanceTests.outcomes(folder.path, tier: 1)
    return Dictionary(outcomes.map { ($0.id, $0.result) }) { first, _ in first }
  }

  private func promotion(_ id: String, _ fn: String, expect: String, more: String = "") -> String {
    let args = #"[{"dtype":"int64"},{"dtype":"float32"}]"#
    return #"{"id":"\#(id)","fn":"\#(fn)","form":"function","args":\#(args),"kwargs":{\#(more)},"inputs":[],"#
      + #""expect":{"dtype":"\#(expect)"},"rtol":0,"atol":0}"#
  }

  @Test func tellsRightFromWrong() throws {
    let results = try run([
      promotion("right", "promote_types", expect: "float32"),
      promotion("wrong", "promote_types", expect: "int64"),
      promotion("unknown", "no_such_function", expect: "float32"),
      promotion("unread", "promote_types", expect: "float32", more: #""extra":{"int":1}"#),
      #"{"id":"error","fn":"promote_types","form":"function","args":[],"kwargs":{},"inputs":[],"error":true}"#,
      promotion("last", "promote_types", expect: "float32"),
    ])
    #expect(results["right"] == .passed)
    #expect(results["last"] == .passed)
    #expect(results["error"] == .passed)
    for id in ["wrong", "unknown", "unread"] { #expect(results[id]?.isFailure == true, "\(id)") }
    #expect(results.count == 6)
  }
}
