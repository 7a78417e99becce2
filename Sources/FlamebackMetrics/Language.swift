import FlamebackCore
import FlamebackKernels
import FlamebackOps

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// e to the mean negative log likelihood of the right tokens, over any number of batches.
public struct Perplexity: Sendable {
  /// Targets of this value are left out.
  public let ignoreIndex: Int?
  private var sum = 0.0
  public private(set) var count = 0

  public init(ignoreIndex: Int? = nil) { self.ignoreIndex = ignoreIndex }

  /// Adds a batch: logits [N, L, V] (or [N, V]) and the right tokens [N, L] (or [N]).
  public mutating func update(_ logits: Tensor, _ targets: Tensor) {
    let losses = noGrad {
      attempt(like: logits) { () throws(OpError) in
        guard logits.rank == targets.rank + 1, logits.shape.dropLast().elementsEqual(targets.shape) else {
          throw OpError("Perplexity", "logits \(logits.spec) do not fit the targets \(targets.spec)")
        }
        let vocabulary = logits.shape[logits.rank - 1]
        return logits.detached().reshape([-1, vocabulary]).to(.float64)
          .crossEntropy(targets.reshape(-1), ignoreIndex: ignoreIndex ?? -100, reduction: .sum)
      }
    }
    if losses.isPoisoned { return }
    sum += losses.itemDouble()
    let ignored = ignoreIndex ?? -100
    count += (targets .!= ignored).sum().itemInt()
  }

  /// NaN before the first token.
  public var value: Double { exp(sum / Double(count)) }
  public mutating func reset() { self = Perplexity(ignoreIndex: ignoreIndex) }
}

/// How much the word sequences of translations agree with references: the geometric mean of the precisions of 1 to
/// `maxN` words, times a penalty for brevity (Papineni et al. 2002). Counts are of the whole corpus.
public struct BLEU: Sendable {
  public let maxN: Int
  /// Adds one to the counts of two and more words, for short texts (Lin and Och 2004).
  public let isSmoothed: Bool
  private var matches: [Int]
  private var totals: [Int]
  private var length = 0
  private var referenceLength = 0

  public init(maxN: Int = 4, isSmoothed: Bool = false) {
    self.maxN = maxN
    self.isSmoothed = isSmoothed
    matches = Array(repeating: 0, count: max(maxN, 1))
    totals = matches
  }

  /// Adds a sentence and the references it may agree with, all as words.
  public mutating func update(_ candidate: [String], references: [[String]]) {
    length += candidate.count
    // The reference nearest in length; of two, the shorter one.
    referenceLength +=
      references.map(\.count).min {
        (abs($0 - candidate.count), $0) < (abs($1 - candidate.count), $1)
      } ?? 0
    for n in 1...matches.count {
      let own = BLEU.counts(candidate, n)
      var allowed: [ArraySlice<String>: Int] = [:]
      for reference in references { allowed.merge(BLEU.counts(reference, n)) { max($0, $1) } }
      matches[n - 1] += own.reduce(0) { $0 + min($1.value, allowed[$1.key] ?? 0) }
      totals[n - 1] += max(candidate.count - n + 1, 0)
    }
  }

  private static func counts(_ words: [String], _ n: Int) -> [ArraySlice<String>: Int] {
    guard words.count >= n else { return [:] }
    return (0...(words.count - n)).reduce(into: [:]) { $0[words[$1..<($1 + n)], default: 0] += 1 }
  }

  /// Between 0 and 1.
  public var value: Double {
    var logarithm = 0.0
    for n in matches.indices {
      let extra = isSmoothed && n > 0 ? 1 : 0
      let (match, total) = (matches[n] + extra, totals[n] + extra)
      if match == 0 || total == 0 { return 0 }
      logarithm += log(Double(match) / Double(total)) / Double(matches.count)
    }
    let penalty = length < referenceLength ? 1 - Double(referenceLength) / Double(length) : 0
    return exp(logarithm + penalty)
  }

  public mutating func reset() { self = BLEU(maxN: maxN, isSmoothed: isSmoothed) }
}
