import Flameback
import FlamebackFiles
import Foundation
import Synchronization

/// Runs a directory of conformance cases in worker processes and prints what fails.
public final class ConformanceRunner: Sendable {
  public struct Options: Sendable {
    public var directory = ""
    public var only = ""
    public var kinds: Set<String> = []
    public var device = "cpu"
    /// Whether nothing may run on the host for the reference device.
    public var isStrict = false
    /// Whether modules are called through `compile`.
    public var compiles = false
    public var tier: Int?
    public var jsonPath: String?
    public var jobs = ProcessInfo.processInfo.activeProcessorCount
    public var timeout: Double = 60
    /// The program that serves as worker when it is called with `DIR --worker --device D`.
    public var executable = ""
    public var isQuiet = false

    public init() {}
  }

  struct Unit {
    let file: String
    let kind: String
    let op: String
    let tier: Int
  }

  /// The outcome of one case.
  public struct Outcome: Sendable {
    public let kind: String
    public let area: String
    public let tier: Int
    public let id: String
    public let result: Result
  }

  public enum Result: Sendable, Equatable {
    case passed
    case failed(String)
    /// Different by design.
    case skipped(String)

    public var isFailure: Bool { if case .failed = self { true } else { false } }
  }

  private let options: Options
  private let units: Mutex<[Unit]>
  private let outcomes = Mutex<[Outcome]>([])

  /// Reads the index. Throws if it is missing or damaged.
  public init(_ options: Options) throws {
    self.options = options
    let index = try JSON(contentsOf: "\(options.directory)/index.json")
    let filter = NameFilter(options.only)
    var units: [Unit] = []
    for entry in index["files"]?.array ?? [] {
      let file = entry["file"]?.string ?? ""
      let unit = Unit(
        file: file, kind: entry["kind"]?.string ?? "", op: entry["op"]?.string ?? "", tier: entry["tier"]?.int ?? 0)
      if let tier = options.tier, unit.tier != tier { continue }
      let folder = String(file.prefix { $0 != "/" })
      if !options.kinds.isEmpty, options.kinds.isDisjoint(with: [unit.kind, folder]) { continue }
      // Case ids and functions are not in the index: a filter that names no operator needs a look into the files.
      if filter.mayAdmit(op: unit.op) || filter.names.contains(where: { !ConformanceRunner.isFileName($0, index) }) {
        units.append(unit)
      }
    }
    self.units = Mutex(units.reversed())
  }

  private static func isFileName(_ name: String, _ index: JSON) -> Bool {
    let name = name.hasSuffix("*") ? String(name.dropLast()) : name
    return (index["files"]?.array ?? []).contains { $0["op"]?.string?.hasPrefix(name) == true }
  }

  /// Runs everything; returns the outcomes in no particular order.
  public func run() -> [Outcome] {
    DispatchQueue.concurrentPerform(iterations: max(1, options.jobs)) { _ in
      var worker: WorkerProcess?
      while let unit = units.withLock({ $0.popLast() }) { run(unit, &worker) }
      worker?.stop()
    }
    let outcomes = outcomes.withLock { $0 }
    if let path = options.jsonPath { write(outcomes, to: path) }
    return outcomes
  }

  /// Runs the cases of one file; after a crash a new worker goes on behind the case that caused it.
  private func run(_ unit: Unit, _ worker: inout WorkerProcess?) {
    var next = 0
    while true {
      var running: (index: Int, id: String)?
      do {
        let process = try worker ?? WorkerProcess(options)
        worker = process
        try process.send("\(unit.file)\t\(next)\t\(options.only)\n")
        while true {
          let fields = try process.receive(timeout: options.timeout).split(
            separator: "\t", maxSplits: 2, omittingEmptySubsequences: false
          ).map(String.init)
          switch fields[0] {
          case "B": running = (Int(fields[1]) ?? 0, fields[2])
          case "P": record(unit, running?.id ?? "", .passed)
          case "S": record(unit, running?.id ?? "", .skipped(fields[2]))
          case "F": record(unit, running?.id ?? "", .failed(fields[2]))
          case "X": record(unit, unit.op, .failed(fields.dropFirst().joined(separator: " ")))
          case "E": return
          default: continue  // something the case itself printed
          }
          if ["P", "F", "S"].contains(fields[0]) {
            next = (running?.index ?? next) + 1
            running = nil
          }
        }
      } catch {
        worker?.stop()
        worker = nil
        record(unit, running?.id ?? unit.op, .failed("\(error)"))
        guard let running else { return }
        next = running.index + 1
      }
    }
  }

  private func record(_ unit: Unit, _ id: String, _ result: Result) {
    let folder = String(unit.file.prefix { $0 != "/" })
    let area = folder.hasPrefix("ops") ? ConformanceRunner.area(unit.op) : folder
    let outcome = Outcome(kind: folder, area: area, tier: unit.tier, id: id, result: result)
    outcomes.withLock { outcomes in
      outcomes.append(outcome)
      if options.isQuiet { return }
      switch result {
      case .passed: break
      case .failed(let reason): print("FAIL \(folder) \(id): \(reason)")
      case .skipped(let reason): print("SKIP \(folder) \(id): \(reason)")
      }
    }
  }

  /// `linalg.norm` → `linalg`; plain functions are `torch`.
  private static func area(_ op: String) -> String {
    let parts = op.split(separator: ".").map(String.init)
    return parts.count == 1 ? "torch" : parts[0] == "nn" ? parts.prefix(2).joined(separator: ".") : parts[0]
  }

  private func write(_ outcomes: [Outcome], to path: String) {
    let cases = outcomes.sorted { ($0.kind, $0.id) < ($1.kind, $1.id) }.map { outcome -> JSON in
      var object: JSONObject = [
        "kind": .string(outcome.kind), "area": .string(outcome.area), "tier": .int(outcome.tier),
        "id": .string(outcome.id), "passed": .bool(outcome.result == .passed),
      ]
      switch outcome.result {
      case .passed: break
      case .failed(let reason): object["reason"] = .string(reason)
      case .skipped(let reason): object["skipped"] = .string(reason)
      }
      return .object(object)
    }
    let text = JSON.object(["cases": .array(cases)]).text(indent: 1)
    do { try text.write(toFile: path, atomically: true, encoding: .utf8) } catch {
      print("cannot write \(path): \(error.localizedDescription)")
    }
  }

  /// A line per area and tier.
  public static func summary(_ outcomes: [Outcome]) -> String {
    var groups: [String: (passed: Int, failed: Int)] = [:]
    for outcome in outcomes {
      let kind = outcome.area == outcome.kind ? outcome.kind : "\(outcome.kind) \(outcome.area)"
      let key = "tier \(outcome.tier)  \(kind)"
      switch outcome.result {
      case .passed: groups[key, default: (0, 0)].passed += 1
      case .failed: groups[key, default: (0, 0)].failed += 1
      case .skipped: continue
      }
    }
    return groups.sorted { $0.key < $1.key }.map { key, count in
      let total = count.passed + count.failed
      let name = key.padding(toLength: 46, withPad: " ", startingAt: 0)
      return "\(name) \(count.passed)/\(total)  \(String(format: "%.1f", 100 * Double(count.passed) / Double(total))) %"
    }.joined(separator: "\n")
  }
}
