import FlamebackCore
import FlamebackKernels
import FlamebackOps

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Successes in a number of trials. SeeAlso: torch.distributions.Binomial
public struct Binomial: Distribution {
  /// The numbers of trials.
  public let totalCount: Tensor
  let chances: Chances
  public let validatesArguments: Bool

  init(_ totalCount: some TensorOperand, _ chances: Chances, validateArgs: Bool) {
    let all = broadcastAll(totalCount, chances.given)
    self.totalCount = all[0].to(all[1].dtype)
    self.chances = Chances(given: all[1], isLogits: chances.isLogits, isBinary: true)
    validatesArguments = validateArgs
    validate("Binomial", validateArgs, ("totalCount", self.totalCount, .nonnegativeInteger))
    self.chances.validate("Binomial", validateArgs)
  }

  public init(_ totalCount: some TensorOperand = 1, probs: some TensorOperand, validateArgs: Bool = true) {
    self.init(totalCount, .probs(probs), validateArgs: validateArgs)
  }

  public init(_ totalCount: some TensorOperand = 1, logits: some TensorOperand, validateArgs: Bool = true) {
    self.init(totalCount, .logits(logits), validateArgs: validateArgs)
  }

  /// The probabilities of success.
  public var probs: Tensor { chances.probs }
  /// The logarithms of the odds of success.
  public var logits: Tensor { chances.logits }
  public var batchShape: Shape { totalCount.shape }
  public var support: Constraint { .integerInterval(0, totalCount) }
  public var mean: Tensor { totalCount * probs }
  public var mode: Tensor { ((totalCount + 1) * probs).floor().minimum(totalCount) }
  public var variance: Tensor { totalCount * probs * (1 - probs) }

  public func expand(_ batchShape: [Int]) -> Binomial {
    Binomial(totalCount.expand(batchShape), chances.expand(batchShape), validateArgs: false)
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let shape = extended(sampleShape)
      let counts = totalCount.expand(shape).to(.float64)
      return apply(Primitives.BinomialDraw(generator: generator), counts, probs.expand(shape).to(.float64))
        .to(totalCount.dtype)
    }
  }

  public func logProb(_ value: Tensor) -> Tensor { logProbUnchecked(validated(value)) }

  private func logProbUnchecked(_ value: Tensor) -> Tensor {
    let n = totalCount
    let logits = logits
    // The positive part, with half the gradient at 0.
    let positive = (logits.clamp(min: 0) + logits - logits.clamp(max: 0)) / 2
    let normalizer = n * positive + n * (-logits.abs()).exp().log1p() - (n + 1).lgamma()
    return value * logits - (value + 1).lgamma() - (n - value + 1).lgamma() - normalizer
  }

  public func entropy() -> Tensor {
    let logs = logProbUnchecked(enumerateSupport(expand: false))
    return -(logs.exp() * logs).sum(dim: 0)
  }

  public func enumerateSupport(expand: Bool = true) -> Tensor {
    let counts = totalCount.detached()
    let largest = counts.max().itemDouble()
    guard counts.min().itemDouble() == largest else {
      return fail("Binomial", "the support cannot be listed where total counts differ", like: counts.spec)
    }
    guard largest >= 0, largest < 0x1p48 else {
      return fail("Binomial", "the support of \(largest) trials has too many elements", like: counts.spec)
    }
    let values = Tensor.arange(Int(largest) + 1, dtype: counts.dtype, device: counts.device)
    return enumerated(values, expand: expand)
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? Binomial else { return nil }
    if noGrad({ (totalCount .< q.totalCount).any().item().bool }) { return nil }
    let result = totalCount * (probs * (logits - q.logits) + (-probs).log1p() - (-q.probs).log1p())
    return select(where: totalCount .> q.totalCount, Double.infinity, result)
  }
}

extension Primitives {
  /// Successes by waiting times where few are expected, by Hörmann's transformed rejection (1993) otherwise.
  package struct BinomialDraw: Primitive {
    package static let name = "binomial"
    package let generator: Generator?
    package var isRandom: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let counts = inputs[0].pointer.assumingMemoryBound(to: Double.self)
      let probs = inputs[1].pointer.assumingMemoryBound(to: Double.self)
      let out = outputs[0].pointer.assumingMemoryBound(to: Double.self)
      (generator ?? .default).draw { state in
        for i in 0..<outputs[0].elementCount { out[i] = Self.draw(counts[i], probs[i], &state) }
      }
    }

    package var gradient: Gradient { .none(because: "counts do not vary smoothly") }

    private static func uniform(_ state: inout GeneratorState) -> Double {
      Double(state.random64() & 0x1F_FFFF_FFFF_FFFF) * 0x1p-53
    }

    private static func draw(_ count: Double, _ p: Double, _ state: inout GeneratorState) -> Double {
      if count <= 0 || p <= 0 { return 0 }
      if p >= 1 { return count }
      if p > 0.5 { return count - draw(count, 1 - p, &state) }
      return count * p >= 10 ? rejection(count, p, &state) : waiting(count, p, &state)
    }

    private static func waiting(_ count: Double, _ p: Double, _ state: inout GeneratorState) -> Double {
      let logMiss = log1p(-p)
      var (trials, successes) = (0.0, 0.0)
      while true {
        trials += (log(uniform(&state)) / logMiss).rounded(.up)
        if trials > count { return successes }
        successes += 1
      }
    }

    private static func rejection(_ count: Double, _ p: Double, _ state: inout GeneratorState) -> Double {
      let deviation = (count * p * (1 - p)).squareRoot()
      let b = 1.15 + 2.53 * deviation
      let a = -0.0873 + 0.0248 * b + 0.01 * p
      let center = count * p + 0.5
      let alpha = (2.83 + 5.1 / b) * deviation
      let logOdds = log(p / (1 - p))
      let mode = ((count + 1) * p).rounded(.down)
      let top = lgamma(mode + 1) + lgamma(count - mode + 1)
      while true {
        let u = uniform(&state) - 0.5
        let v = uniform(&state)
        let us = 0.5 - abs(u)
        let k = ((2 * a / us + b) * u + center).rounded(.down)
        if k < 0 || k > count { continue }
        if us >= 0.07 && v <= 0.92 - 4.2 / b { return k }
        let bound = top - lgamma(k + 1) - lgamma(count - k + 1) + (k - mode) * logOdds
        if log(v * alpha / (a / (us * us) + b)) <= bound { return k }
      }
    }
  }
}
