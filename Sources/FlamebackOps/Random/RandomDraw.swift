import FlamebackCore
import FlamebackKernels

extension Primitives.RandomDraw {
  /// What numbers are drawn.
  package enum Distribution: Sendable {
    case uniform(Double, Double)
    case normal(mean: Double, std: Double, serial: Bool)
    case exponential(Double)
    case cauchy(median: Double, sigma: Double)
    case logNormal(mean: Double, std: Double)
    case geometric(Double)
    case bernoulli(Double)
    case integers(from: Int64, range: UInt64)
    case natural
    case permutation

    package func check(_ dtype: DType) throws(OpError) {
      func need(_ condition: Bool, _ op: String, _ message: String) throws(OpError) {
        if !condition { throw OpError(op, message) }
      }
      switch self {
      case .uniform(let from, let to):
        try need(dtype.isFloatingPoint, "uniform", "needs a floating point dtype, got \(dtype)")
        try need(from <= to, "uniform", "expects from <= to, got \(from) and \(to)")
      case .normal(_, let std, _):
        try need(dtype.isFloatingPoint, "normal", "needs a floating point dtype, got \(dtype)")
        try need(std >= 0, "normal", "expects std >= 0, got \(std)")
      case .exponential(let rate):
        try need(dtype.isFloatingPoint, "exponential", "needs a floating point dtype, got \(dtype)")
        try need(rate > 0, "exponential", "expects a rate above 0, got \(rate)")
      case .cauchy(_, let sigma):
        try need(dtype.isFloatingPoint, "cauchy", "needs a floating point dtype, got \(dtype)")
        try need(sigma > 0, "cauchy", "expects sigma > 0, got \(sigma)")
      case .logNormal(_, let std):
        try need(dtype.isFloatingPoint, "logNormal", "needs a floating point dtype, got \(dtype)")
        try need(std > 0, "logNormal", "expects std > 0, got \(std)")
      case .geometric(let p):
        try need(!dtype.isComplex, "geometric", "needs a real dtype, got \(dtype)")
        try need(p > 0 && p < 1, "geometric", "expects p in (0, 1), got \(p)")
      case .bernoulli(let p):
        try need(!dtype.isComplex, "bernoulli", "needs a real dtype, got \(dtype)")
        try need(p >= 0 && p <= 1, "bernoulli", "expects p in [0, 1], got \(p)")
      case .integers, .natural, .permutation:
        try need(!dtype.isComplex, "randint", "needs a real dtype, got \(dtype)")
      }
    }

    package func fill(_ state: inout GeneratorState, _ out: UnsafeMutableRawPointer, _ count: Int, _ dtype: DType) {
      switch self {
      case .uniform(let from, let to): state.fillUniform(out, count: count, dtype: dtype, from: from, to: to)
      case .normal(let mean, let std, let serial):
        state.fillNormal(out, count: count, dtype: dtype, mean: mean, std: std, serial: serial)
      case .exponential(let rate): state.fillExponential(out, count: count, dtype: dtype, rate: rate)
      case .cauchy(let median, let sigma):
        state.fillCauchy(out, count: count, dtype: dtype, median: median, sigma: sigma)
      case .logNormal(let mean, let std): state.fillLogNormal(out, count: count, dtype: dtype, mean: mean, std: std)
      case .geometric(let p): state.fillGeometric(out, count: count, dtype: dtype, p: p)
      case .bernoulli(let p): state.fillBernoulli(out, count: count, dtype: dtype, p: p)
      case .integers(let from, let range): state.fillIntegers(out, count: count, dtype: dtype, from: from, range: range)
      case .natural: state.fillRandom(out, count: count, dtype: dtype)
      case .permutation: state.fillPermutation(out, count: count, dtype: dtype)
      }
    }
  }
}

extension Primitives {
  /// New random numbers each time it runs, also when a graph is replayed.
  package struct RandomDraw: Primitive {
    package static let name = "random"
    package let distribution: Distribution
    package let shape: Shape
    package let dtype: DType
    package let generator: Generator?
    package let device: Device

    package init(
      distribution: Distribution, shape: Shape, dtype: DType, generator: Generator? = nil, device: Device = .cpu
    ) {
      self.distribution = distribution
      self.shape = shape
      self.dtype = dtype
      self.generator = generator
      self.device = device
    }

    package var destination: Device? { device }
    package var families: DType.Family { [.unsigned, .float8] }
    package var attributes: [(String, String)] { [("distribution", "\(distribution)"), ("shape", shape.description)] }
    package var isRandom: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard shape.allSatisfy({ $0 >= 0 }) else { throw OpError("random", "sizes must not be negative: \(shape)") }
      try distribution.check(dtype)
      return [TensorSpec(shape: shape, dtype: dtype, device: device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if outputs[0].elementCount > 0 { draw(outputs[0].pointer, outputs[0].elementCount) }
    }

    /// Draws `count` numbers of the dtype.
    package func draw(_ out: UnsafeMutableRawPointer, _ count: Int) {
      let generator = generator ?? .default
      if generator.drawPhilox({ distribution.fill(&$0, out, count, dtype) }) == true { return }
      generator.draw { state in distribution.fill(&state, out, count, dtype) }
    }

    package var gradient: Gradient { .none(because: "random numbers depend on nothing") }
  }
}

extension Tensor {
  /// Numbers of that distribution. Complex ones are drawn as pairs.
  static func drawn(
    _ distribution: Primitives.RandomDraw.Distribution, _ shape: Shape, _ dtype: DType?, _ device: Device?,
    _ generator: Generator?,
    requiresGrad: Bool = false
  ) -> Tensor {
    let dtype = dtype ?? Context.defaultDType
    do throws(OpError) { try distribution.check(dtype.real) } catch {
      report(error)
      return .poisoned(TensorSpec(shape: shape, dtype: dtype))
    }
    let place = device ?? Context.defaultDevice
    func draw(_ shape: Shape) -> Tensor {
      apply(
        Primitives.RandomDraw(
          distribution: distribution, shape: shape, dtype: dtype.real, generator: generator, device: place))
    }
    let result = dtype.isComplex ? draw(shape + [2]).viewAsComplex() : draw(shape)
    return requiresGrad ? result.requiringGrad() : result
  }

  /// Numbers in the shape and memory order of this tensor: memory is filled from its beginning to its end.
  func redrawn(_ distribution: Primitives.RandomDraw.Distribution, dtype: DType? = nil, _ generator: Generator?)
    -> Tensor
  {
    let order = (0..<rank).sorted { strides[$0] != strides[$1] ? strides[$0] > strides[$1] : $0 < $1 }
    var inverse = order
    for (i, d) in order.enumerated() { inverse[d] = i }
    let shape = Shape(order.map { self.shape[$0] })
    return Tensor.drawn(distribution, shape, dtype ?? self.dtype, device, generator).permuted(inverse)
  }
}
