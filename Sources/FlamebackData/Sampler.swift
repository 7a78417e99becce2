import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The order in which a loader visits the samples, anew each epoch. SeeAlso: torch.utils.data.Sampler
public protocol Sampler: Sendable {
  var count: Int { get }
  /// The indices of one epoch. May draw from the random generator.
  func indices() -> [Int]
}

/// 0, 1, 2, … SeeAlso: torch.utils.data.SequentialSampler
public struct SequentialSampler: Sampler {
  public let count: Int
  public init(count: Int) { self.count = count }
  public func indices() -> [Int] { Array(0..<count) }
}

/// A random order, or draws with replacement.
///
/// Without a generator it draws a seed from the default one and shuffles with a fresh one, as PyTorch does.
/// SeeAlso: torch.utils.data.RandomSampler
public struct RandomSampler: Sampler {
  let sampleCount: Int
  let replacement: Bool
  public let count: Int
  let generator: Generator?

  public init(count: Int, replacement: Bool = false, numSamples: Int? = nil, generator: Generator? = nil) {
    if let numSamples, numSamples <= 0 {
      report(OpError("RandomSampler", "numSamples must be positive, got \(numSamples)"))
    }
    sampleCount = count
    self.replacement = replacement
    self.count = max(0, numSamples ?? count)
    self.generator = generator
  }

  public func indices() -> [Int] {
    let generator = generator ?? Generator(seed: Generator.default.randomSeed())
    if sampleCount == 0 { return [] }
    if replacement {
      // PyTorch draws 32 at a time; the stream is the same.
      return generator.integers(count: count, below: sampleCount)
    }
    var result: [Int] = []
    for _ in 0..<(count / sampleCount) { result += generator.permutation(sampleCount) }
    result += generator.permutation(sampleCount).prefix(count % sampleCount)
    return result
  }
}

/// A random order of some indices. SeeAlso: torch.utils.data.SubsetRandomSampler
public struct SubsetRandomSampler: Sampler {
  let subset: [Int]
  let generator: Generator?

  public init(_ indices: [Int], generator: Generator? = nil) {
    subset = indices
    self.generator = generator
  }

  public var count: Int { subset.count }
  public func indices() -> [Int] { (generator ?? .default).permutation(subset.count).map { subset[$0] } }
}

/// Draws with given weights, which need not sum to one. SeeAlso: torch.utils.data.WeightedRandomSampler
public struct WeightedRandomSampler: Sampler {
  let weights: Tensor
  let replacement: Bool
  public let count: Int
  let generator: Generator?

  public init(_ weights: [Double], numSamples: Int, replacement: Bool = true, generator: Generator? = nil) {
    if numSamples <= 0 { report(OpError("WeightedRandomSampler", "numSamples must be positive, got \(numSamples)")) }
    self.weights = Tensor(weights, dtype: .float64)
    self.replacement = replacement
    count = numSamples
    self.generator = generator
  }

  public func indices() -> [Int] {
    weights.multinomial(count, replacement: replacement, generator: generator).scalars(Int.self)
  }
}
