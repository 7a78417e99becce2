import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Vectors of probabilities; the last dimension of the parameter runs over them. SeeAlso: torch.distributions.Dirichlet
public struct Dirichlet: Distribution {
  /// The weight of each component.
  public let concentration: Tensor
  public let validatesArguments: Bool

  public init(_ concentration: Tensor, validateArgs: Bool = true) {
    if concentration.rank == 0 {
      self.concentration = fail("Dirichlet", "concentration must have at least one dimension").reshape([1])
    } else {
      self.concentration = concentration
    }
    validatesArguments = validateArgs
    validate("Dirichlet", validateArgs, ("concentration", self.concentration, Constraint.positive.independent(1)))
  }

  public var batchShape: Shape { Shape(concentration.shape.dropLast()) }
  public var eventShape: Shape { Shape(concentration.shape.suffix(1)) }
  public var support: Constraint { .simplex }
  public var mean: Tensor { concentration / concentration.sum(dim: -1, keepDim: true) }

  public var mode: Tensor {
    let excess = (concentration - 1).clamp(min: 0)
    let mode = excess / excess.sum(dim: -1, keepDim: true)
    let corner = mode.argmax(dim: -1).oneHot(numClasses: eventShape[0]).to(mode.dtype)
    return select(where: (concentration .< 1).all(dim: -1, keepDim: true), corner, mode)
  }

  public var variance: Tensor {
    let total = concentration.sum(dim: -1, keepDim: true)
    return concentration * (total - concentration) / (total.square() * (total + 1))
  }

  public func expand(_ batchShape: [Int]) -> Dirichlet {
    Dirichlet(concentration.expand(batchShape + eventShape.array), validateArgs: false)
  }

  /// Gamma numbers divided by their sum.
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let draws = concentration.expand(extended(sampleShape)).standardGamma(generator: generator)
    return draws / draws.sum(dim: -1, keepDim: true)
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let terms = (concentration - 1).xlogy(validated(value)).sum(dim: -1)
    return terms + concentration.sum(dim: -1).lgamma() - concentration.lgamma().sum(dim: -1)
  }

  public func entropy() -> Tensor {
    let k = Double(eventShape[0])
    let total = concentration.sum(dim: -1)
    let t1 = concentration.lgamma().sum(dim: -1) - total.lgamma() - (k - total) * total.digamma()
    return t1 - ((concentration - 1) * concentration.digamma()).sum(dim: -1)
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? Dirichlet else { return nil }
    let total = concentration.sum(dim: -1)
    let t1 = total.lgamma() - q.concentration.sum(dim: -1).lgamma()
    let t2 = (concentration.lgamma() - q.concentration.lgamma()).sum(dim: -1)
    let t3 = (concentration - q.concentration) * (concentration.digamma() - total.digamma().unsqueeze(-1))
    return t1 - t2 + t3.sum(dim: -1)
  }
}
