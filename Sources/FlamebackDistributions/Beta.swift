import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Probabilities. SeeAlso: torch.distributions.Beta
public struct Beta: Distribution {
  let base: Dirichlet
  public let validatesArguments: Bool

  public init(
    _ concentration1: some TensorOperand, _ concentration0: some TensorOperand, validateArgs: Bool = true
  ) {
    let all = broadcastAll(concentration1, concentration0)
    base = Dirichlet(Tensor.stack(all, dim: -1), validateArgs: validateArgs)
    validatesArguments = validateArgs
  }

  /// The weight of 1.
  public var concentration1: Tensor { base.concentration.select(dim: -1, index: 0) }
  /// The weight of 0.
  public var concentration0: Tensor { base.concentration.select(dim: -1, index: 1) }
  public var batchShape: Shape { base.batchShape }
  public var support: Constraint { .unitInterval }
  public var mean: Tensor { concentration1 / (concentration1 + concentration0) }
  public var mode: Tensor { base.mode.select(dim: -1, index: 0) }

  public var variance: Tensor {
    let total = concentration1 + concentration0
    return concentration1 * concentration0 / (total.square() * (total + 1))
  }

  public func expand(_ batchShape: [Int]) -> Beta {
    Beta(concentration1.expand(batchShape), concentration0.expand(batchShape), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    base.rsample(sampleShape, generator: generator).select(dim: -1, index: 0)
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    return base.with(validatesArguments: false).logProb(Tensor.stack([value, 1 - value], dim: -1))
  }

  public func entropy() -> Tensor { base.entropy() }

  public func divergence(to other: any Distribution) -> Tensor? {
    switch other {
    case let q as Beta: return base.divergence(to: q.base)
    case let q as Exponential: return -entropy() - q.rate.log() + q.rate * mean
    case let q as Normal:
      let variance = q.scale.square()
      let t1 = -entropy() + 0.5 * (variance * 2 * Double.pi).log()
      let spread = mean * (1 - mean) / (concentration1 + concentration0 + 1)
      let t2 = 0.5 * (spread + mean.square()) - q.loc * mean + 0.5 * q.loc.square()
      return t1 + t2 / variance
    case let q as Uniform:
      let result = -entropy() + (q.high - q.low).log()
      return select(where: (q.low .> 0) | (q.high .< 1), Double.infinity, result)
    default: return nil
    }
  }
}

extension Dirichlet {
  /// The same without checks, for values made here.
  func with(validatesArguments: Bool) -> Dirichlet { Dirichlet(concentration, validateArgs: validatesArguments) }
}
