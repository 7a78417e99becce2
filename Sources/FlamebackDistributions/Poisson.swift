import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Numbers of events at a rate. SeeAlso: torch.distributions.Poisson
public struct Poisson: Distribution {
  /// The expected number.
  public let rate: Tensor
  public let validatesArguments: Bool

  public init(_ rate: some TensorOperand, validateArgs: Bool = true) {
    (self.rate, validatesArguments) = (broadcastAll(rate)[0], validateArgs)
    validate("Poisson", validateArgs, ("rate", self.rate, .nonnegative))
  }

  public var batchShape: Shape { rate.shape }
  public var support: Constraint { .nonnegativeInteger }
  public var mean: Tensor { rate }
  public var mode: Tensor { rate.floor() }
  public var variance: Tensor { rate }

  public func expand(_ batchShape: [Int]) -> Poisson { Poisson(rate.expand(batchShape), validateArgs: false) }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad { rate.expand(extended(sampleShape)).poisson(generator: generator) }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let all = broadcastAll(rate, validated(value))
    return all[1].xlogy(all[0]) - all[0] - (all[1] + 1).lgamma()
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? Poisson else { return nil }
    return rate * (rate.log() - q.rate.log()) - (rate - q.rate)
  }
}
