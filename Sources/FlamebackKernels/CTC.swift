#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Connectionist temporal classification (Graves et al. 2006), in logarithms; blanks lie between all labels.
public struct CTC: Sendable {
  public let steps: Int
  public let classes: Int
  public let blank: Int
  public let inputLengths: [Int]
  public let targetLengths: [Int]
  /// Where each sample's labels begin.
  public let targetStarts: [Int]
  /// Places in the extended label sequence: twice the longest target and one.
  public let width: Int

  public init(steps: Int, classes: Int, blank: Int, inputLengths: [Int], targetLengths: [Int], targetStarts: [Int]) {
    self.steps = steps
    self.classes = classes
    self.blank = blank
    self.inputLengths = inputLengths
    self.targetLengths = targetLengths
    self.targetStarts = targetStarts
    width = 2 * (targetLengths.max() ?? 0) + 1
  }

  private var samples: Int { inputLengths.count }

  /// Losses [n] and the logarithms of all forward probabilities [n, steps, width] from logProbs [steps, n, classes].
  public func forward<T: BinaryFloatingPoint & Sendable>(
    _ logProbs: UnsafePointer<T>, _ targets: UnsafePointer<Int64>, losses: UnsafeMutablePointer<T>,
    logAlpha: UnsafeMutablePointer<T>
  ) {
    ThreadPool.run(count: samples, grain: 1) { range in
      for n in range {
        let alpha = logAlpha + n * steps * width
        let labels = targets + targetStarts[n]
        let places = 2 * targetLengths[n] + 1
        let length = inputLengths[n]
        for i in 0..<(steps * width) { alpha[i] = -.infinity }
        if length == 0 {
          losses[n] = targetLengths[n] == 0 ? 0 : .infinity
          continue
        }
        alpha[0] = logProbs[n * classes + blank]
        if places > 1 { alpha[1] = logProbs[n * classes + Int(labels[0])] }
        for t in 1..<max(length, 1) {
          let row = alpha + t * width
          let before = row - width
          for s in 0..<places {
            let label = label(labels, s)
            var sum = before[s]
            if s > 0 { sum = logAdd(sum, before[s - 1]) }
            if s > 1, s % 2 == 1, labels[s / 2] != labels[s / 2 - 1] { sum = logAdd(sum, before[s - 2]) }
            row[s] = sum + logProbs[(t * samples + n) * classes + label]
          }
        }
        let end = alpha + (length - 1) * width
        losses[n] = -(places > 1 ? logAdd(end[places - 1], end[places - 2]) : end[0])
      }
    }
  }

  /// PyTorch's gradient, for logProbs that are a log-softmax: g (e^logProb − e^(α + β + loss − logProb)).
  public func backward<T: BinaryFloatingPoint & Sendable>(
    _ g: UnsafePointer<T>, _ logProbs: UnsafePointer<T>, _ targets: UnsafePointer<Int64>, _ losses: UnsafePointer<T>,
    _ logAlpha: UnsafePointer<T>, zeroInfinity: Bool, into dx: UnsafeMutablePointer<T>
  ) {
    for i in 0..<(steps * samples * classes) { dx[i] = 0 }
    ThreadPool.run(count: samples, grain: 1) { range in
      var beta = [T](repeating: -.infinity, count: width)
      var next = beta
      var occupancy = [T](repeating: -.infinity, count: classes)
      for n in range {
        if zeroInfinity && losses[n] == .infinity { continue }
        let labels = targets + targetStarts[n]
        let places = 2 * targetLengths[n] + 1
        for t in stride(from: inputLengths[n] - 1, through: 0, by: -1) {
          let probs = logProbs + (t * samples + n) * classes
          let isLast = t == inputLengths[n] - 1
          for c in 0..<classes { occupancy[c] = -.infinity }
          for s in 0..<places {
            let label = label(labels, s)
            var sum: T
            if isLast {
              sum = s >= places - 2 ? 0 : -.infinity
            } else {
              sum = next[s]
              if s + 1 < places { sum = logAdd(sum, next[s + 1]) }
              if s + 2 < places, s % 2 == 1, labels[s / 2] != labels[s / 2 + 1] { sum = logAdd(sum, next[s + 2]) }
            }
            beta[s] = sum + probs[label]
            occupancy[label] = logAdd(occupancy[label], logAlpha[(n * steps + t) * width + s] + beta[s])
          }
          swap(&beta, &next)
          let out = dx + (t * samples + n) * classes
          for c in 0..<classes {
            out[c] = g[n] * (exponential(probs[c]) - exponential(occupancy[c] + losses[n] - probs[c]))
          }
        }
      }
    }
  }

  private func label(_ labels: UnsafePointer<Int64>, _ place: Int) -> Int {
    place % 2 == 0 ? blank : Int(labels[place / 2])
  }
}

private func exponential<T: BinaryFloatingPoint>(_ x: T) -> T { T(exp(Double(x))) }

/// ln(eᵃ + eᵇ).
private func logAdd<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> T {
  let high = max(a, b)
  if high == -.infinity { return high }
  return high + T(log1p(exp(Double(min(a, b) - high))))
}
