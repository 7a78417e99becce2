import ArgumentParser
import Flameback
import FlamebackFiles
import FoundationEssentials
import Glibc

/// `flameback bench`
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time a few operations on this machine.",
    discussion: "Medians of many runs. Close other programs first: a busy core shows.")

  @Option(help: "Threads that compute (default: all cores).")
  var threads: Int?
  @Flag(help: "Time training steps of small models instead, and count what they ask of memory.")
  var steps = false
  @Option(help: "Time opening, reading and writing this file of tensors instead.")
  var file: String?

  func run() throws {
    if let threads { setNumThreads(threads) }
    if let file { return try files(file) }
    if steps { return StepBench.run() }
    manualSeed(0)
    let small = normal([8])
    let leaf = small.requiringGrad()
    let large = normal([1_000_000])
    let square = normal([512, 512])
    let images = normal([32, 64, 56, 56])
    let filters = normal([64, 64, 3, 3])
    say("threads \(numThreads()), \(vectorTarget())")
    measure("add of 8 floats") { _ = small + small }
    measure("the same, recording gradients") { _ = leaf + small }
    measure("sum of 8 floats") { _ = small.sum() }
    measure("matmul 8 × 8") { [m = normal([8, 8])] in _ = m.matmul(m) }
    measure("add of 1 M floats") { _ = large + large }
    measure("exp of 1 M floats") { _ = large.exp() }
    measure("gelu of 1 M floats") { _ = large.gelu() }
    measure("sum of 1 M floats") { _ = large.sum() }
    measure("matmul 512 × 512") { _ = square.matmul(square) }
    let rows = normal([64, 768])
    let linear = Linear(768, 3072)
    noGrad {
      measure("linear 768 → 3072, 64 rows") { _ = linear(rows) }
      quantizeDynamic(linear)
      measure("the same in 8-bit integers") { _ = linear(rows) }
    }
    measure("conv2d 3 × 3, 64 → 64, 56², batch 32") { _ = images.conv2d(filters, padding: [1]) }
  }

  /// Each line is the median of eleven runs; the first one of all brings the file into memory.
  private func files(_ path: String) throws {
    func time(_ name: String, _ body: () throws -> Void) throws {
      var samples: [Double] = []
      for _ in 0..<11 {
        let start = ContinuousClock.now
        try body()
        let elapsed = ContinuousClock.now - start
        samples.append(Double(elapsed.components.seconds) * 1e3 + Double(elapsed.components.attoseconds) * 1e-15)
      }
      say(name.aligned(left: 42) + printed(samples.sorted()[5], 2).aligned(right: 9) + " ms")
    }
    try time("open, read one tensor") {
      let file = try TensorFile(path)
      if let name = file.names.first { _ = try file.tensor(name) }
    }
    try time("read all, checksums compared") { _ = try StateDict(contentsOf: path) }
    try time("read all, copied into fresh memory") {
      let state = try StateDict(contentsOf: path)
      for (_, tensor) in state { _ = tensor.clone() }
    }
    let state = try StateDict(contentsOf: path)
    let copy = path + ".copy"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try time("write, forced to the disk") { try state.save(copy) }
  }

  private func normal(_ shape: Shape) -> Tensor {
    Tensor((0..<shape.elementCount).map { Float(sin(Double($0) * 12.9898)) }, shape: shape)
  }

  private func measure(_ name: String, _ body: () -> Void) {
    func time(_ count: Int) -> Double {
      let start = ContinuousClock.now
      for _ in 0..<count { body() }
      let elapsed = ContinuousClock.now - start
      return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    }
    _ = time(3)
    let inner = max(1, Int(0.002 / max(time(1), 1e-9)))
    var samples = (0..<25).map { _ in time(inner) / Double(inner) }
    samples.sort()
    let median = samples[samples.count / 2]
    let (number, unit) = median < 1e-3 ? (median * 1e6, "µs") : (median * 1e3, "ms")
    say(name.aligned(left: 42) + printed(number, 2).aligned(right: 9) + " " + unit)
  }
}
