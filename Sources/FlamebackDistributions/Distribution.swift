import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A family of random variables with its parameters: draws, densities, moments.
///
/// What a distribution does not define is an error that says so. SeeAlso: torch.distributions.Distribution
public protocol Distribution: Sendable {
  /// The shape of the parameters: one distribution for each element.
  var batchShape: Shape { get }
  /// The shape of one draw from one distribution.
  var eventShape: Shape { get }
  /// Which values can be drawn.
  var support: Constraint { get }
  /// Whether parameters and the values of `logProb` and `cdf` are checked.
  var validatesArguments: Bool { get }
  /// The expected value.
  var mean: Tensor { get }
  /// The likeliest value.
  var mode: Tensor { get }
  /// The expected square of the deviation from the mean.
  var variance: Tensor { get }
  /// The root of the variance.
  var stddev: Tensor { get }

  /// Draws that carry no gradient, of shape `sampleShape + batchShape + eventShape`.
  func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor
  /// Draws through which gradients flow to the parameters.
  func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor
  /// The logarithm of the density or probability of a value.
  func logProb(_ value: Tensor) -> Tensor
  /// The probability of values up to this one.
  func cdf(_ value: Tensor) -> Tensor
  /// The value up to which that probability lies: the inverse of `cdf`.
  func icdf(_ value: Tensor) -> Tensor
  /// The expected negative log-probability.
  func entropy() -> Tensor
  /// All values of a discrete distribution, along a new first dimension; spread over the batch if `expand`.
  func enumerateSupport(expand: Bool) -> Tensor
  /// The same distribution for more elements: parameters repeated to that batch shape.
  func expand(_ batchShape: [Int]) -> Self
  /// The divergence to `other` where the formula is known. Reached through `klDivergence`.
  func divergence(to other: any Distribution) -> Tensor?
}

extension Distribution {
  /// The class name, for messages.
  var name: String { String(describing: Self.self) }

  func undefined(_ what: String) -> Tensor { fail(name, "\(what) is not defined") }

  public var eventShape: Shape { [] }
  public var mean: Tensor { undefined("mean") }
  public var mode: Tensor { undefined("mode") }
  public var variance: Tensor { undefined("variance") }
  public var stddev: Tensor { variance.sqrt() }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad { rsample(sampleShape, generator: generator) }
  }
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor { undefined("rsample") }
  public func logProb(_ value: Tensor) -> Tensor { undefined("logProb") }
  public func cdf(_ value: Tensor) -> Tensor { undefined("cdf") }
  public func icdf(_ value: Tensor) -> Tensor { undefined("icdf") }
  public func entropy() -> Tensor { undefined("entropy") }
  public func enumerateSupport(expand: Bool) -> Tensor { undefined("enumerateSupport") }
  public func divergence(to other: any Distribution) -> Tensor? { nil }

  /// SeeAlso: torch.distributions.Distribution.sample
  public func sample(_ sampleShape: Int..., generator: Generator? = nil) -> Tensor {
    sample(sampleShape, generator: generator)
  }
  /// SeeAlso: torch.distributions.Distribution.sample
  public func sample(_ sampleShape: [Int]) -> Tensor { sample(sampleShape, generator: nil) }
  /// SeeAlso: torch.distributions.Distribution.rsample
  public func rsample(_ sampleShape: Int..., generator: Generator? = nil) -> Tensor {
    rsample(sampleShape, generator: generator)
  }
  /// SeeAlso: torch.distributions.Distribution.rsample
  public func rsample(_ sampleShape: [Int]) -> Tensor { rsample(sampleShape, generator: nil) }

  /// e to the entropy. SeeAlso: torch.distributions.Distribution.perplexity
  public func perplexity() -> Tensor { entropy().exp() }

  /// The shape of draws.
  func extended(_ sampleShape: [Int]) -> [Int] { sampleShape + batchShape.array + eventShape.array }

  /// Reports values that do not fit the event and batch shapes or lie outside the support.
  func validated(_ value: Tensor) -> Tensor {
    guard validatesArguments else { return value }
    let expected = Shape(batchShape.array + eventShape.array)
    guard value.shape.suffix(eventShape.count).elementsEqual(eventShape) else {
      return fail(name, "the last dimensions of a value must be \(eventShape), got \(value.spec)", like: value.spec)
    }
    guard Shape.broadcast(value.shape, expected) != nil else {
      return fail(name, "value \(value.spec) does not broadcast against \(expected)", like: value.spec)
    }
    guard noGrad({ support.check(value).all().item().bool }) else {
      return fail(name, "expected a value in the support, \(support.name), got \(value.detached())", like: value.spec)
    }
    return value
  }
}

/// Σ p · log(p / q): how far `q` is from `p`. SeeAlso: torch.distributions.kl_divergence
public func klDivergence(_ p: any Distribution, _ q: any Distribution) -> Tensor {
  p.divergence(to: q) ?? fail("klDivergence", "not known from \(p.name) to \(q.name)")
}
