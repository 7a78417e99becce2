import FlamebackKernels
import FoundationEssentials
import Glibc
import Synchronization

/// Progress on one line: share, bar, count, time gone and time left, speed, and numbers of one's own.
///
/// On a terminal the line is redrawn at most ten times a second; anywhere else a plain line comes every few seconds, so
/// that logs stay readable. `NO_COLOR` is respected. SeeAlso: tqdm.tqdm
public final class ProgressBar: @unchecked Sendable {
  // Unchecked: all state is guarded by `lock`.
  private let lock = Mutex(())
  private let total: Int?
  private let label: String
  private let unit: String
  private let descriptor: Int32
  private let isTerminal: Bool
  private let usesColor: Bool
  private let usesBlocks: Bool
  private let now: @Sendable () -> Double
  private let start: Double
  private var count = 0
  private var metrics: [(String, String)] = []
  private var lastDrawn = -Double.infinity
  private var lastCount = 0
  private var lastTime: Double
  private var rate = 0.0
  private var isFinished = false

  /// Seconds between two lines where the output is no terminal.
  static let plainInterval = 5.0

  /// A bar of `total` steps (nil if nobody knows) on standard output, or on another descriptor.
  public convenience init(total: Int?, label: String = "", unit: String = "it", descriptor: Int32 = STDOUT_FILENO) {
    let environment = ProcessInfo.processInfo.environment
    let isTerminal = isatty(descriptor) == 1 && environment["TERM"] != "dumb"
    let language = environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? ""
    let upper = language.uppercased()
    self.init(
      total: total, label: label, unit: unit, descriptor: descriptor, isTerminal: isTerminal,
      usesColor: isTerminal && (environment["NO_COLOR"] ?? "").isEmpty,
      usesBlocks: upper.contains("UTF-8") || upper.contains("UTF8"),
      now: { ProcessInfo.processInfo.systemUptime })
  }

  /// With all that the environment decides given.
  public init(
    total: Int?, label: String, unit: String, descriptor: Int32, isTerminal: Bool, usesColor: Bool, usesBlocks: Bool,
    now: @escaping @Sendable () -> Double
  ) {
    self.total = total
    self.label = label
    self.unit = unit
    self.descriptor = descriptor
    self.isTerminal = isTerminal
    self.usesColor = usesColor
    self.usesBlocks = usesBlocks
    self.now = now
    start = now()
    lastTime = start
    lastDrawn = isTerminal ? -Double.infinity : start
  }

  /// Goes on by `steps` and shows `metrics`, such as `[("loss", "0.312")]`.
  public func advance(by steps: Int = 1, metrics: [(String, String)]? = nil) {
    lock.withLock { _ in
      count += steps
      if let metrics { self.metrics = metrics }
      draw(isLast: false)
    }
  }

  /// Sets the count.
  public func update(_ count: Int, metrics: [(String, String)]? = nil) {
    lock.withLock { _ in
      self.count = count
      if let metrics { self.metrics = metrics }
      draw(isLast: false)
    }
  }

  /// Draws the last state and ends the line. Later calls do nothing.
  public func finish(metrics: [(String, String)]? = nil) {
    lock.withLock { _ in
      if isFinished { return }
      if let metrics { self.metrics = metrics }
      draw(isLast: true)
      isFinished = true
    }
  }

  private func draw(isLast: Bool) {
    let time = now()
    guard !isFinished, isLast || time - lastDrawn >= (isTerminal ? 0.1 : Self.plainInterval) else { return }
    if time > lastTime {
      // Recent steps count most, so that the time left follows a change of speed.
      let recent = Double(count - lastCount) / (time - lastTime)
      rate = rate == 0 ? recent : 0.7 * rate + 0.3 * recent
      (lastCount, lastTime) = (count, time)
    }
    lastDrawn = time
    let elapsed = time - start
    let speed = isLast && elapsed > 0 ? Double(count) / elapsed : rate
    var text: String
    if isTerminal {
      text = "\r" + line(elapsed: elapsed, rate: speed, width: terminalWidth - 1) + "\u{1B}[K" + (isLast ? "\n" : "")
    } else {
      text = line(elapsed: elapsed, rate: speed, width: nil) + "\n"
    }
    // Whether or not anybody reads it, the work goes on.
    text.withUTF8 { _ = writeAll(UnsafeRawBufferPointer($0), to: descriptor) }
  }

  private var terminalWidth: Int {
    var size = winsize()
    if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return Int(ProcessInfo.processInfo.environment["COLUMNS"] ?? "") ?? 80
  }

  /// The line of `width` characters at most; without a width, without a bar.
  private func line(elapsed: Double, rate: Double, width: Int?) -> String {
    let name = label.isEmpty ? "" : label + ": "
    var facts: [String] = []
    if let total, total > 0, count < total {
      let left = rate > 0 ? Self.clock(Double(total - count) / rate) : "?"
      facts.append("\(Self.clock(elapsed))<\(left)")
    } else {
      facts.append(Self.clock(elapsed))
    }
    facts.append(Self.speed(rate, unit))
    facts += metrics.map { "\($0.0)=\($0.1)" }
    guard let total, total > 0 else {
      let text = "\(name)\(count) \(unit) [\(facts.joined(separator: ", "))]"
      return width.map { String(text.prefix($0)) } ?? text
    }
    let share = min(max(Double(count) / Double(total), 0), 1)
    let percent = "\(Int(share * 100))".aligned(right: 3) + "%"
    let counts = "\(count)/\(total)"
    guard let width else { return "\(name)\(percent) \(counts) [\(facts.joined(separator: ", "))]" }
    // Metrics give way first, then the bar.
    var tail = " \(counts) [\(facts.joined(separator: ", "))]"
    while name.count + percent.count + tail.count + 8 > width && facts.count > 2 {
      facts.removeLast()
      tail = " \(counts) [\(facts.joined(separator: ", "))]"
    }
    let room = min(width - name.count - percent.count - tail.count - 2, 40)
    if room < 4 { return String((name + percent + tail).prefix(width)) }
    return name + percent + "|" + bar(share, room) + "|" + tail
  }

  private func bar(_ share: Double, _ width: Int) -> String {
    let text: String
    if usesBlocks {
      let eighths = Int(share * Double(width) * 8)
      let parts = Array(" ▏▎▍▌▋▊▉")
      text =
        String(repeating: "█", count: eighths / 8) + (eighths / 8 < width ? String(parts[eighths % 8]) : "")
        + String(repeating: " ", count: max(0, width - eighths / 8 - 1))
    } else {
      let full = Int(share * Double(width))
      text = String(repeating: "#", count: full) + String(repeating: " ", count: width - full)
    }
    return usesColor ? "\u{1B}[\(share >= 1 ? 32 : 36)m\(text)\u{1B}[0m" : text
  }

  /// `02:05`, or `1:02:05` from an hour on.
  static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 360_000 else { return "?" }
    let s = Int(max(seconds, 0).rounded())
    let text = [s / 60 % 60, s % 60].map { "\($0)".aligned(right: 2, filledWith: "0") }.joined(separator: ":")
    return s >= 3600 ? "\(s / 3600):\(text)" : text
  }

  /// `612 it/s`, or `1.6 s/it` for slow ones.
  static func speed(_ rate: Double, _ unit: String) -> String {
    if rate <= 0 || !rate.isFinite { return "? \(unit)/s" }
    if rate < 1 { return "\(printed(1 / rate, 2)) s/\(unit)" }
    return "\(printed(rate, rate < 10 ? 2 : rate < 100 ? 1 : 0)) \(unit)/s"
  }
}
