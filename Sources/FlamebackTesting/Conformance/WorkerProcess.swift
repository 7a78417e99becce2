import Foundation

/// A worker process seen from its parent: lines in, lines out.
final class WorkerProcess {
  struct Death: Error, CustomStringConvertible { let description: String }

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let errorPath: String
  private var buffer = Data()

  init(_ options: ConformanceRunner.Options) throws {
    process.executableURL = URL(fileURLWithPath: options.executable)
    process.arguments =
      [options.directory, "--worker", "--device", options.device]
      + (options.isStrict ? ["--strict"] : []) + (options.compiles ? ["--compile"] : [])
    // One thread: workers share the machine. No backtraces: a crash costs one case, not seconds.
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["OMP_NUM_THREADS": "1", "SWIFT_BACKTRACE": "enable=no"]) { $1 }
    errorPath = FileManager.default.temporaryDirectory.appendingPathComponent("conformance-\(UUID()).err").path
    try Data().write(to: URL(fileURLWithPath: errorPath))
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: errorPath)
    try process.run()
  }

  func send(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(line.utf8)) }

  /// The next line. Throws if the worker died or says nothing in time.
  func receive(timeout: Double) throws -> String {
    let descriptor = output.fileHandleForReading.fileDescriptor
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeSubrange(...end)
        return line
      }
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&request, 1, Int32(timeout * 1000)) > 0 else {
        throw Death(description: "hangs: no result after \(Int(timeout)) s")
      }
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { throw Death(description: "crashed: \(lastWords())") }
      buffer.append(data)
    }
  }

  /// The line of the worker's standard error that says why it died.
  private func lastWords() -> String {
    process.waitUntilExit()
    let text = (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
    let lines = text.split(separator: "\n").filter { !$0.allSatisfy(\.isWhitespace) }
    let line = lines.last { $0.contains("rror: ") } ?? lines.last { !$0.contains("libswiftCore") }
    return line.map(String.init) ?? "signal \(process.terminationStatus)"
  }

  func stop() {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: errorPath)
  }
}
