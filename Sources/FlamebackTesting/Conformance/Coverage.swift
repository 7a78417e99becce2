/// The counts of a run as a page of the documentation.
enum Coverage {
  private struct Count {
    var passed = 0
    var total = 0

    mutating func add(_ outcome: ConformanceRunner.Outcome) {
      switch outcome.result {
      case .passed: passed += 1
      case .failed: break
      case .skipped: return
      }
      total += 1
    }

    var text: String { total == 0 ? "" : passed == total ? "\(total)" : "\(passed) of \(total)" }
  }

  private static let titles: [String: String] = [
    "torch": "torch.* and tensor methods", "averaged": "averaged models", "gradscaler": "gradient scaler",
    "models": "torchvision models", "modules": "torch.nn modules", "optim": "optimizers and averaging",
    "programs": "autograd programs", "rng": "random numbers, bit for bit", "schedulers": "learning-rate schedulers",
    "train": "training runs",
  ]

  /// A table of areas: how many cases of each tier pass.
  static func markdown(_ outcomes: [ConformanceRunner.Outcome]) -> String {
    var areas: [String: [Int: Count]] = [:]
    var totals: [Int: Count] = [:]
    for outcome in outcomes {
      areas[titles[outcome.area] ?? outcome.area, default: [:]][outcome.tier, default: Count()].add(outcome)
      totals[outcome.tier, default: Count()].add(outcome)
    }
    func row(_ name: String, _ counts: [Int: Count]) -> String {
      "| \(name) | " + (1...3).map { counts[$0]?.text ?? "" }.joined(separator: " | ") + " |"
    }
    let skipped = outcomes.count { if case .skipped = $0.result { true } else { false } }
    var lines = [
      "# Coverage", "",
      "PyTorch's own test cases, replayed: values, gradients, gradients of gradients, errors. Made by",
      "`conformance DIR --coverage Docs/coverage.md`; a single number means that all cases of that kind pass.",
      "Cases that differ by design (\(skipped)) are not counted; what fails is explained in `known-issues.md`.", "",
      "| area | tier 1 (core) | tier 2 (common) | tier 3 (long tail) |", "|---|---|---|---|",
    ]
    lines += areas.sorted { $0.key < $1.key }.map(row)
    lines.append(row("**all**", totals))
    let percent = (1...3).map { tier -> String in
      guard let count = totals[tier], count.total > 0 else { return "" }
      let hundredths = count.passed * 10_000 / count.total
      return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) %"
    }
    lines.append("| | " + percent.joined(separator: " | ") + " |")
    return lines.joined(separator: "\n") + "\n"
  }
}
