import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The values of another distribution after some transforms. SeeAlso: torch.distributions.TransformedDistribution
public struct TransformedDistribution: Distribution {
  public let base: any Distribution
  public let transforms: [Transform]
  public let batchShape: Shape
  public let eventShape: Shape
  public let validatesArguments: Bool

  public init(_ base: any Distribution, _ transforms: [Transform], validateArgs: Bool = true) {
    (self.base, self.transforms, validatesArguments) = (base, transforms, validateArgs)
    var eventDim = base.eventShape.count
    for t in transforms { eventDim = max(eventDim, t.domainDim) + t.codomainDim - t.domainDim }
    // Shapes follow from one value.
    let shape = noGrad { transforms.reduce(Tensor.ones(base.batchShape.array + base.eventShape.array)) { $1($0) } }
      .shape
    batchShape = Shape(shape.dropLast(eventDim))
    eventShape = Shape(shape.suffix(eventDim))
  }

  public var support: Constraint { Constraint("the image of the transforms", eventDim: eventShape.count) { $0 .== $0 } }

  public func expand(_ batchShape: [Int]) -> TransformedDistribution {
    let inner = batchShape.count - self.batchShape.count + base.batchShape.count
    return TransformedDistribution(
      base.expand(Array(batchShape.prefix(inner))), transforms, validateArgs: validatesArguments)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad { transforms.reduce(base.sample(sampleShape, generator: generator)) { $1($0) } }
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    transforms.reduce(base.rsample(sampleShape, generator: generator)) { $1($0) }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    var y = validated(value)
    var eventDim = eventShape.count
    var change: Tensor?
    for t in transforms.reversed() {
      let x = t.inverse(y)
      eventDim += t.domainDim - t.codomainDim
      let part = sumRight(t.logAbsDetJacobian(x, y), eventDim - t.domainDim)
      change = change.map { $0 + part } ?? part
      y = x
    }
    let density = sumRight(base.logProb(y), eventDim - base.eventShape.count)
    return change.map { density - $0 } ?? density
  }

  public func cdf(_ value: Tensor) -> Tensor {
    guard let sign else { return undefined("cdf") }
    let p = base.cdf(transforms.reversed().reduce(validated(value)) { $1.inverse($0) })
    return select(where: sign .> 0, p, 1 - p)
  }

  public func icdf(_ value: Tensor) -> Tensor {
    guard let sign else { return undefined("icdf") }
    return transforms.reduce(base.icdf(select(where: sign .> 0, value, 1 - value))) { $1($0) }
  }

  /// Of the whole chain, where every part has one.
  private var sign: Tensor? { transforms.isEmpty ? Tensor.ones([]) : Transform.compose(transforms).sign }
}
