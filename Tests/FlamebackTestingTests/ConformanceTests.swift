import FlamebackTesting
import Foundation
import Testing

/// PyTorch's recorded behaviour. The repository keeps a few cases of everything; the whole collection is run too where
/// it is there: in the directory that FLAMEBACK_CONFORMANCE names, or as ../shared/conformance/open beside the checkout.
@Suite(.serialized) struct ConformanceTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let subset = root.appendingPathComponent("Tests/Conformance").path
  static let whole =
    ProcessInfo.processInfo.environment["FLAMEBACK_CONFORMANCE"]
    ?? root.deletingLastPathComponent().appendingPathComponent("shared/conformance/open").path

  /// Cases that are known to fail; Docs/known-issues.md says why.
  static let knownFailures: Set<String> = {
    let text = try? String(contentsOfFile: "\(subset)/known-failures.txt", encoding: .utf8)
    let lines = (text ?? "").split(separator: "\n").filter { !$0.hasPrefix("#") }
    return Set(lines.map { $0.trimmingCharacters(in: .whitespaces) })
  }()

  static func outcomes(_ directory: String, tier: Int?) throws -> [ConformanceRunner.Outcome] {
    var options = ConformanceRunner.Options()
    options.directory = directory
    options.tier = tier
    options.isQuiet = true
    let bundle = try #require(Bundle.main.executableURL)
    options.executable = bundle.deletingLastPathComponent().appendingPathComponent("conformance").path
    return try ConformanceRunner(options).run()
  }

  /// Fails for each case that fails without being known to, and for each known failure that does not fail any more.
  static func check(_ outcomes: [ConformanceRunner.Outcome]) {
    var surprises: [String] = []
    for outcome in outcomes {
      let isKnown = knownFailures.contains(outcome.id)
      if case .failed(let reason) = outcome.result, !isKnown {
        surprises.append("FAIL \(outcome.kind) \(outcome.id): \(reason)")
      } else if outcome.result == .passed, isKnown {
        surprises.append("\(outcome.id) passes: strike it off Tests/Conformance/known-failures.txt")
      }
    }
    if !surprises.isEmpty {
      Issue.record("\(surprises.count) surprises:\n\(surprises.sorted().joined(separator: "\n"))")
    }
  }

  @Test func casesOfTheRepository() throws {
    let outcomes = try Self.outcomes(Self.subset, tier: 1)
    #expect(outcomes.count > 800)
    Self.check(outcomes)
  }

  @Test func wholeCollection() throws {
    guard FileManager.default.fileExists(atPath: "\(Self.whole)/index.json") else {
      print("the whole conformance collection is not at \(Self.whole): only the repository's cases were run")
      return
    }
    let outcomes = try Self.outcomes(Self.whole, tier: 1)
    #expect(outcomes.count > 8000)
    Self.check(outcomes)
  }
}
