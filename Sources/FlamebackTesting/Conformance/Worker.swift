import Flameback
import FlamebackCore
import FlamebackFiles

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Runs single cases: what a worker process does with the lines of its standard input.
public struct Worker {
  let directory: String
  let device: Device
  let compiles: Bool

  public init(directory: String, device: Device, compiles: Bool = false) {
    self.directory = directory
    self.device = device
    self.compiles = compiles
  }

  /// Reads `file <tab> first case <tab> filter` a line, and writes for each case `B n` when it begins, then `P n`, `S n`
  /// or `F n reason`, and `E` at the end of the file.
  public func serve() {
    while let line = readLine() {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3 else { continue }
      do {
        let file = try CaseFile(directory: directory, file: fields[0])
        let filter = NameFilter(fields[2])
        for (i, json) in file.cases.enumerated().dropFirst(Int(fields[1]) ?? 0) where filter.admits(file, json) {
          let id = json["id"]?.string ?? json["name"]?.string ?? "\(file.op)/\(i)"
          emit("B\t\(i)\t\(id)")
          if let reason = ByDesign.differences[id] {
            emit("S\t\(i)\t\(reason)")
            continue
          }
          do {
            try Worker.run(file, json, device: device, compiles: compiles)
            emit("P\t\(i)")
          } catch {
            emit("F\t\(i)\t\(Worker.line("\(error)"))")
          }
        }
      } catch {
        emit("X\t\(Worker.line("\(error)"))")
      }
      emit("E")
    }
  }

  /// Writes a line at once: the parent must know where a crash happened.
  private func emit(_ line: String) {
    var text = Substring(line + "\n")
    text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let count = write(1, bytes.baseAddress! + written, bytes.count - written)
        if count <= 0 { return }
        written += count
      }
    }
  }

  private static func line(_ text: String) -> String {
    String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
  }

  /// Runs one case; throws what is wrong.
  static func run(_ file: CaseFile, _ json: JSON, device: Device, compiles: Bool = false) throws {
    switch file.kind {
    case "ops": try OperatorCase(file: file, json: json, device: device).run()
    case "modules": try ModuleCase(file: file, json: json, device: device, compiles: compiles).run()
    case "optim": try OptimizerCase(file: file, json: json, device: device).run()
    case "schedulers": try SchedulerCase(file: file, json: json).run()
    case "programs": try ProgramCase(file: file, json: json).run()
    case "models": try ModelCase(file: file, json: json).run()
    case "train": try TrainCase(file: file, json: json).run()
    case "averaged": try AveragedCase(file: file, json: json).run()
    case "gradscaler": try GradScalerCase(file: file, json: json).run()
    case "rng": try RandomCase(file: file, json: json).run()
    default: throw Mismatch("unknown kind '\(file.kind)'")
    }
  }
}

/// Which cases `--only` names: an operator, a function, a case or a prefix followed by `*`; several with commas.
struct NameFilter {
  let names: [String]

  init(_ text: String) { names = text.split(separator: ",").map(String.init) }

  private func admits(_ candidates: [String]) -> Bool {
    names.isEmpty
      || names.contains { name in
        candidates.contains { candidate in
          candidate == name || candidate.hasPrefix(name + "/")
            || (name.hasSuffix("*") && candidate.hasPrefix(name.dropLast()))
        }
      }
  }

  func admits(_ file: CaseFile, _ json: JSON) -> Bool {
    let keys = ["id", "fn", "name", "module", "optimizer", "scheduler", "model"]
    return admits([file.op] + keys.compactMap { json[$0]?.string })
  }

  /// Whether a file may hold such cases, from the index alone.
  func mayAdmit(op: String) -> Bool { names.isEmpty || admits([op]) }
}
