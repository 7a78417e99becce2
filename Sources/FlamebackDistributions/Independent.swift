import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Batch dimensions of a distribution taken as parts of one event: their log-probabilities add up.
/// SeeAlso: torch.distributions.Independent
public struct Independent: Distribution {
  public let base: any Distribution
  /// How many batch dimensions became event dimensions.
  public let reinterpretedBatchDims: Int
  public var validatesArguments: Bool { base.validatesArguments }

  public init(_ base: any Distribution, _ reinterpretedBatchDims: Int) {
    var count = reinterpretedBatchDims
    if count < 0 || count > base.batchShape.count {
      report(OpError("Independent", "\(count) dimensions cannot be taken from the batch shape \(base.batchShape)"))
      count = 0
    }
    (self.base, self.reinterpretedBatchDims) = (base, count)
  }

  public var batchShape: Shape { Shape(base.batchShape.dropLast(reinterpretedBatchDims)) }
  public var eventShape: Shape { Shape(base.batchShape.suffix(reinterpretedBatchDims)) + base.eventShape }
  public var support: Constraint { base.support.independent(reinterpretedBatchDims) }
  public var mean: Tensor { base.mean }
  public var mode: Tensor { base.mode }
  public var variance: Tensor { base.variance }

  public func expand(_ batchShape: [Int]) -> Independent {
    Independent(
      base.expand(batchShape + base.batchShape.suffix(reinterpretedBatchDims)), reinterpretedBatchDims)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.sample(sampleShape, generator: generator)
  }
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.rsample(sampleShape, generator: generator)
  }
  public func logProb(_ value: Tensor) -> Tensor { sumRight(base.logProb(value), reinterpretedBatchDims) }
  public func entropy() -> Tensor { sumRight(base.entropy(), reinterpretedBatchDims) }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let other = other as? Independent, other.reinterpretedBatchDims == reinterpretedBatchDims else { return nil }
    return base.divergence(to: other.base).map { sumRight($0, reinterpretedBatchDims) }
  }
}
