import Foundation

/// A workload that is ready to be timed.
struct Built {
  let echo: [Double]
  /// Runs that many iterations.
  let run: (Int) -> Void
  /// Samples in a batch.
  var items: Int?
  /// Batches in an iteration: reported times are divided by it.
  var per = 1

  init(echo: [Double], items: Int? = nil, per: Int = 1, _ run: @escaping (Int) -> Void) {
    self.echo = echo
    self.items = items
    self.per = per
    self.run = run
  }
}

struct Timing {
  var warmup = 0.1
  var sample = 0.001
  var budget = 0.6
  var minSamples = 5
  var maxSamples = 2000

  init(_ w: Workload, budget given: Double?) {
    warmup = w.double("warmup_s") ?? warmup
    sample = w.double("sample_s") ?? sample
    budget = given ?? w.double("budget_s") ?? budget
    minSamples = w.int("min_samples") ?? minSamples
    maxSamples = w.int("max_samples") ?? maxSamples
  }
}

struct Measurement {
  let samples: [Double]
  let cpu: [Double]
  let inner: Int
}

private func clock(_ id: clockid_t) -> Double {
  var t = timespec()
  clock_gettime(id, &t)
  return Double(t.tv_sec) + Double(t.tv_nsec) * 1e-9
}

func measure(_ run: (Int) -> Void, _ timing: Timing) -> Measurement {
  func now() -> Double { clock(CLOCK_MONOTONIC) }
  func cpuTime() -> Double { clock(CLOCK_PROCESS_CPUTIME_ID) }
  run(1)
  var n = 0
  var start = now()
  while n < 2 || now() - start < timing.warmup {
    run(1)
    n += 1
  }
  let inner = max(1, Int((timing.sample * Double(n) / (now() - start)).rounded(.up)))
  var samples: [Double] = []
  var cpu: [Double] = []
  start = now()
  while samples.count < timing.minSamples || (now() - start < timing.budget && samples.count < timing.maxSamples) {
    let t = now()
    let c = cpuTime()
    run(inner)
    samples.append((now() - t) / Double(inner))
    cpu.append((cpuTime() - c) / Double(inner))
  }
  return Measurement(samples: samples, cpu: cpu, inner: inner)
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// A line of /proc/self/status in bytes.
func statusBytes(_ key: String) -> Int {
  guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
  for line in text.split(separator: "\n") where line.hasPrefix(key) {
    return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map {
      $0 * 1024
    }
      ?? 0
  }
  return 0
}
