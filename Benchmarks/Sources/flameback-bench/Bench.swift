import ArgumentParser
import Flameback
import Foundation

/// Runs the workloads of a JSON file and prints one JSON line for each; see WORKLOADS.md.
@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flameback-bench", abstract: "Run the workloads of a file and print one JSON line for each.")

  @Option(help: "The workload file.")
  var config: String
  @Option(help: "Names of workloads, separated by commas.")
  var only: String?
  @Flag(help: "Print the names and stop.")
  var list = false
  @Option(help: "Threads that compute at once.")
  var threads: Int?
  @Option(help: "Only cpu so far.")
  var device = "cpu"
  @Option(help: "In place of the workloads' own dtype.")
  var dtype: String?
  @Flag(help: "Call models through compile.")
  var compile = false
  @Option(help: "Seconds of measuring per workload, in place of its own.")
  var budget: Double?

  func run() throws {
    var work = try Workload.read(config)
    if let only {
      let names = only.split(separator: ",").map(String.init)
      let missing = Set(names).subtracting(work.map(\.name))
      guard missing.isEmpty else {
        throw ValidationError("no such workload: \(missing.sorted().joined(separator: ", "))")
      }
      work = work.filter { names.contains($0.name) }
    }
    if list { return print(work.map(\.name).joined(separator: "\n")) }
    guard device == "cpu" else { throw ValidationError("device \(device) is not available") }
    if let threads { setNumThreads(threads) }
    var failed = false
    for var w in work {
      w.compiles = compile
      if let dtype { w = Workload(w.fields.merging(["dtype": dtype]) { $1 }) }
      if w.kind == "memory", work.count > 1 {  // the peak is the process's: give it one of its own
        failed = try runAlone(w.name) != 0 || failed
        continue
      }
      var line: [(String, JSONValue)] = [
        ("name", .text(w.name)), ("kind", .text(w.kind)), ("framework", .text("flameback")),
        ("version", .text(flamebackVersion)), ("device", .text("cpu")), ("dtype", .text(w.dtypeName)),
        ("threads", .integer(numThreads())),
      ]
      do {
        line += try withErrors { try fields(w) }
      } catch {
        line.append(("error", .text("\(error)")))
        failed = true
      }
      FileHandle.standardOutput.write(Data((JSONValue.line(line) + "\n").utf8))
    }
    if failed { throw ExitCode.failure }
  }

  private func fields(_ w: Workload) throws -> [(String, JSONValue)] {
    let built: Built
    switch w.kind {
    case "memory": return try memoryFields(w)
    case "op": built = try buildOperation(w)
    case "overhead": built = w.fields["model"] == nil ? try buildOperation(w) : try buildTraining(w)
    case "train": built = try buildTraining(w)
    case "infer": built = try buildInference(w)
    case "data": built = try buildLoader(w)
    default: throw BenchError("unknown kind \(w.kind)")
    }
    let m = measure(built.run, Timing(w.time, budget: budget))
    let per = Double(built.per)
    let middle = median(m.samples) / per
    var result: [(String, JSONValue)] = [
      ("unit", .text("s")), ("median", .number(middle)), ("min", .number(m.samples.min()! / per)),
      ("cpu", .number(median(m.cpu) / per)), ("samples", .integer(m.samples.count)), ("inner", .integer(m.inner)),
      ("echo", .numbers(built.echo)), ("compiled", .flag(w.isCompiled)),
    ]
    if let items = built.items { result.append(("items_per_s", .number(Double(items) / middle))) }
    return result
  }

  private func runAlone(_ name: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["--config", config, "--only", name]
    if let threads { process.arguments! += ["--threads", "\(threads)"] }
    if let dtype { process.arguments! += ["--dtype", dtype] }
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// The few kinds of values in a result line.
enum JSONValue {
  case text(String)
  case integer(Int)
  case number(Double)
  case numbers([Double])
  case flag(Bool)

  private static func text(_ x: Double) -> String {
    x.isFinite ? "\(x)" : x.isNaN ? "NaN" : x < 0 ? "-Infinity" : "Infinity"
  }

  private var encoded: String {
    switch self {
    case .text(let text):
      let data = try? JSONEncoder().encode(text)
      return data.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    case .integer(let value): return "\(value)"
    case .number(let value): return Self.text(value)
    case .numbers(let values): return "[" + values.map(Self.text).joined(separator: ", ") + "]"
    case .flag(let value): return value ? "true" : "false"
    }
  }

  static func line(_ fields: [(String, JSONValue)]) -> String {
    "{" + fields.map { "\"\($0.0)\": \($0.1.encoded)" }.joined(separator: ", ") + "}"
  }
}
