import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// One of some categories, numbered from 0; the last dimension of the parameters runs over them.
/// SeeAlso: torch.distributions.Categorical
public struct Categorical: Distribution {
  let chances: Chances
  public let validatesArguments: Bool

  init(_ chances: Chances, validateArgs: Bool) { (self.chances, validatesArguments) = (chances, validateArgs) }

  private init(given: Tensor, isLogits: Bool, validateArgs: Bool, _ normalize: (Tensor) -> Tensor) {
    guard given.rank >= 1 else {
      let spec = given.spec
      let message = "\(isLogits ? "logits" : "probs") must have at least one dimension, got \(spec)"
      self.init(
        Chances(given: fail("Categorical", message).reshape([1]), isLogits: isLogits, isBinary: false),
        validateArgs: false)
      return
    }
    Chances(given: given, isLogits: isLogits, isBinary: false)
      .validate("Categorical", validateArgs && isLogits)
    if !isLogits {
      let sums = Constraint("nonnegative with sum 1", eventDim: 1) { x in
        (x .>= 0).all(dim: -1) & ((x.sum(dim: -1) - 1).abs() .< 1e-6)
      }
      validate("Categorical", validateArgs, ("probs", normalize(given), sums))
    }
    self.init(
      Chances(given: normalize(given), isLogits: isLogits, isBinary: false), validateArgs: validateArgs)
  }

  /// Weights of the categories; they need not sum to 1.
  public init(probs: Tensor, validateArgs: Bool = true) {
    self.init(given: probs, isLogits: false, validateArgs: validateArgs) { $0 / $0.sum(dim: -1, keepDim: true) }
  }

  /// Logarithms of weights.
  public init(logits: Tensor, validateArgs: Bool = true) {
    self.init(given: logits, isLogits: true, validateArgs: validateArgs) {
      $0 - $0.logsumexp(dim: -1, keepDim: true)
    }
  }

  /// The probabilities, which sum to 1.
  public var probs: Tensor { chances.probs }
  /// The logarithms of the probabilities.
  public var logits: Tensor { chances.logits }
  /// The number of categories.
  public var eventCount: Int { chances.given.shape[chances.given.rank - 1] }
  public var batchShape: Shape { Shape(chances.given.shape.dropLast()) }
  public var support: Constraint { .integerInterval(0, eventCount - 1) }
  public var mode: Tensor { probs.argmax(dim: -1) }
  public var mean: Tensor {
    Tensor.full(batchShape, .float(.nan), dtype: chances.given.dtype, device: chances.given.device)
  }
  public var variance: Tensor { mean }

  public func expand(_ batchShape: [Int]) -> Categorical {
    Categorical(chances.expand(batchShape + [eventCount]), validateArgs: false)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let rows = probs.reshape(-1, eventCount)
      guard let count = Shape(sampleShape).checkedElementCount else {
        return fail("Categorical", "samples of shape \(sampleShape) are negative or too many", like: probs.spec)
      }
      let draws = rows.multinomial(count, replacement: true, generator: generator)
      return draws.t().reshape(extended(sampleShape))
    }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let all = Tensor.broadcastTensors([validated(value).to(.int64).unsqueeze(-1), logits])
    return all[1].gather(dim: -1, index: all[0].narrow(dim: -1, start: 0, length: 1)).squeeze(-1)
  }

  public func entropy() -> Tensor {
    // Whole numbers as weights become the default floating point type.
    let limits = chances.given.dtype.floatLimits ?? probs.dtype.floatLimits
    return -(logits.clamp(min: -(limits?.greatest ?? .infinity)) * probs).sum(dim: -1)
  }

  public func enumerateSupport(expand: Bool = true) -> Tensor {
    enumerated(Tensor.arange(eventCount, device: chances.given.device), expand: expand)
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? Categorical else { return nil }
    let terms = probs * (logits - q.logits)
    return select(where: probs .== 0, 0, select(where: q.probs .== 0, Double.infinity, terms)).sum(dim: -1)
  }
}
