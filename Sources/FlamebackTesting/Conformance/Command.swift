import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackReference
import Foundation

/// The command-line program `conformance`.
public enum ConformanceCommand {
  static let usage = """
    usage: conformance DIR [--only NAME[,NAME]] [--kind KIND[,KIND]] [--tier N] [--device D [--strict]] [--compile]
                           [--json FILE] [--jobs N] [--timeout SECONDS] [--failures FILE] [--coverage FILE] [--list-unknown]

    Runs the conformance cases in DIR: a line for each failing case, a summary, and last
    `N passed, N failed, N skipped`. --failures writes the names of the failing cases, one a line; --coverage a table of
    counts; --device reference runs on the reference device (--strict: nothing may run on the host); --compile calls
    modules through `compile`. NAME is an operator, a function, a case, or a prefix followed by *.
    """

  /// Runs the program; the result is its exit status.
  public static func main(_ arguments: [String]) -> Int32 {
    var options = ConformanceRunner.Options()
    options.executable = Bundle.main.executablePath ?? arguments[0]
    var isWorker = false
    var listsUnknown = false
    var failuresPath: String?
    var coveragePath: String?
    var rest = arguments.dropFirst()
    while let argument = rest.popFirst() {
      switch argument {
      case "--only": options.only = rest.popFirst() ?? ""
      case "--kind": options.kinds = Set((rest.popFirst() ?? "").split(separator: ",").map(String.init))
      case "--tier": options.tier = rest.popFirst().flatMap(Int.init)
      case "--device": options.device = rest.popFirst() ?? "cpu"
      case "--strict": options.isStrict = true
      case "--compile": options.compiles = true
      case "--failures": failuresPath = rest.popFirst()
      case "--coverage": coveragePath = rest.popFirst()
      case "--json": options.jsonPath = rest.popFirst()
      case "--jobs": options.jobs = rest.popFirst().flatMap(Int.init) ?? options.jobs
      case "--timeout": options.timeout = rest.popFirst().flatMap(Double.init) ?? options.timeout
      case "--list-unknown": listsUnknown = true
      case "--worker": isWorker = true
      case "--help", "-h":
        print(usage)
        return 0
      case _ where argument.hasPrefix("-") || !options.directory.isEmpty:
        print("unknown argument \(argument)\n\(usage)")
        return 2
      default: options.directory = argument
      }
    }
    guard !options.directory.isEmpty else {
      print(usage)
      return 2
    }
    do {
      _ = Device.Kind.reference  // makes the name known
      let device = try Device(options.device)
      if device.kind == .reference { ReferenceBackend.register(count: device.index + 1, isStrict: options.isStrict) }
      if isWorker {
        Worker(directory: options.directory, device: device, compiles: options.compiles).serve()
        return 0
      }
      if listsUnknown {
        try listUnknown(options)
        return 0
      }
      let outcomes = try ConformanceRunner(options).run()
      if let failuresPath {
        let ids = outcomes.filter(\.result.isFailure).map { $0.id + "\n" }.sorted().joined()
        try ids.write(toFile: failuresPath, atomically: true, encoding: .utf8)
      }
      if let coveragePath {
        try Coverage.markdown(outcomes).write(toFile: coveragePath, atomically: true, encoding: .utf8)
      }
      print(ConformanceRunner.summary(outcomes))
      let passed = outcomes.count { $0.result == .passed }
      let failed = outcomes.count { $0.result.isFailure }
      print("\(passed) passed, \(failed) failed, \(outcomes.count - passed - failed) skipped")
      return failed == 0 ? 0 : 1
    } catch {
      print("\(error)")
      return 2
    }
  }

  /// Prints the names that the operator table lacks, with the number of cases that call them.
  private static func listUnknown(_ options: ConformanceRunner.Options) throws {
    let index = try JSON(contentsOf: "\(options.directory)/index.json")
    var counts: [String: Int] = [:]
    for entry in index["files"]?.array ?? [] where entry["kind"]?.string == "ops" {
      if let tier = options.tier, entry["tier"]?.int != tier { continue }
      let file = try CaseFile(directory: options.directory, file: entry["file"]?.string ?? "")
      for json in file.cases {
        let names = [json["fn"]?.string ?? ""] + (json["also"]?.array ?? []).compactMap(\.string)
        for name in Set(names) where OperatorTable.find(name, op: file.op, aliases: file.aliases) == nil {
          counts[name, default: 0] += 1
        }
      }
    }
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(name) \(count)") }
    print("\(counts.count) unknown names")
  }
}
