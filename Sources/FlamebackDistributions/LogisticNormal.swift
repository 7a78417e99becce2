import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Vectors of probabilities made from normal numbers by breaking a stick. SeeAlso: torch.distributions.LogisticNormal
public struct LogisticNormal: Distribution {
  let base: Normal
  public let validatesArguments: Bool

  public init(_ loc: some TensorOperand, _ scale: some TensorOperand, validateArgs: Bool = true) {
    let base = Normal(loc, scale, validateArgs: validateArgs)
    (self.base, validatesArguments) = (base.loc.rank == 0 ? base.expand([1]) : base, validateArgs)
  }

  /// The means of the normal numbers.
  public var loc: Tensor { base.loc }
  /// Their standard deviations.
  public var scale: Tensor { base.scale }
  private var count: Int { loc.shape[loc.rank - 1] }
  public var batchShape: Shape { Shape(loc.shape.dropLast()) }
  public var eventShape: Shape { [count + 1] }
  public var support: Constraint { .simplex }

  public func expand(_ batchShape: [Int]) -> LogisticNormal {
    LogisticNormal(
      loc.expand(batchShape + [count]), scale.expand(batchShape + [count]), validateArgs: false)
  }

  /// count, count − 1, … 1: equal numbers break the stick into equal parts.
  private var offsets: Tensor {
    Tensor.arange(count, 0, -1, dtype: loc.dtype, device: loc.device).log()
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let part = (base.rsample(sampleShape, generator: generator) - offsets).sigmoid().clampedProbabilities()
    let rest = (1 - part).cumprod(dim: -1)
    return part.constantPad([0, 1], value: 1) * rest.constantPad([1, 0], value: 1)
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let head = value.narrow(dim: -1, start: 0, length: count)
    let rest = (1 - head.cumsum(dim: -1)).clamp(min: value.dtype.tiny)
    let x = head.log() - rest.log() + offsets
    // Of each part: its size times its own derivative.
    let shifted = x - offsets
    let slope = (-shifted + shifted.logSigmoid() + head.log()).sum(dim: -1)
    return base.logProb(x).sum(dim: -1) - slope
  }
}
