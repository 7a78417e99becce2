import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Uniform in [0, 1). SeeAlso: torch.rand
  public static func rand(
    _ shape: Int..., dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false,
    generator: Generator? = nil
  ) -> Tensor { rand(shape, dtype: dtype, device: device, requiresGrad: requiresGrad, generator: generator) }

  /// Uniform in [0, 1). SeeAlso: torch.rand
  public static func rand(
    _ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false,
    generator: Generator? = nil
  ) -> Tensor { drawn(.uniform(0, 1), Shape(shape), dtype, device, generator, requiresGrad: requiresGrad) }

  /// Standard normal. SeeAlso: torch.randn
  public static func randn(
    _ shape: Int..., dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false,
    generator: Generator? = nil
  ) -> Tensor { randn(shape, dtype: dtype, device: device, requiresGrad: requiresGrad, generator: generator) }

  /// Standard normal; of complex numbers each part has half the variance. SeeAlso: torch.randn
  public static func randn(
    _ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false,
    generator: Generator? = nil
  ) -> Tensor {
    let isComplex = (dtype ?? Context.defaultDType).isComplex
    return drawn(
      .normal(mean: 0, std: isComplex ? 0.5.squareRoot() : 1, serial: false), Shape(shape), dtype, device, generator,
      requiresGrad: requiresGrad)
  }

  /// Integers in `low ..< high`. SeeAlso: torch.randint
  public static func randint(
    _ low: Int = 0, _ high: Int, _ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil,
    generator: Generator? = nil
  ) -> Tensor {
    let dtype = dtype ?? .int64
    guard low < high else {
      return fail("randint", "expects low < high, got \(low) and \(high)")
    }
    let range = UInt64(bitPattern: Int64(high) &- Int64(low))
    return drawn(.integers(from: Int64(low), range: range), Shape(shape), dtype, device, generator)
  }

  /// 0 ..< n in random order. SeeAlso: torch.randperm
  public static func randperm(
    _ n: Int, dtype: DType = .int64, device: Device? = nil, generator: Generator? = nil
  ) -> Tensor { drawn(.permutation, [n], dtype, device, generator) }

  /// SeeAlso: torch.rand_like
  public static func randLike(_ other: Tensor, dtype: DType? = nil, generator: Generator? = nil) -> Tensor {
    other.redrawn(.uniform(0, 1), dtype: dtype, generator)
  }

  /// SeeAlso: torch.randn_like
  public static func randnLike(_ other: Tensor, dtype: DType? = nil, generator: Generator? = nil) -> Tensor {
    other.redrawn(.normal(mean: 0, std: 1, serial: !other.isContiguous), dtype: dtype, generator)
  }

  /// SeeAlso: torch.randint_like
  public static func randintLike(
    _ other: Tensor, _ low: Int = 0, _ high: Int, dtype: DType? = nil, generator: Generator? = nil
  ) -> Tensor {
    guard low < high else { return fail("randintLike", "expects low < high, got \(low) and \(high)", like: other.spec) }
    return other.redrawn(
      .integers(from: Int64(low), range: UInt64(bitPattern: Int64(high) &- Int64(low))), dtype: dtype, generator)
  }

  /// Normal numbers of one mean and standard deviation. SeeAlso: torch.normal
  public static func normal(
    mean: Double, std: Double, _ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil,
    requiresGrad: Bool = false, generator: Generator? = nil
  ) -> Tensor {
    drawn(
      .normal(mean: mean, std: std, serial: false), Shape(shape), dtype, device, generator, requiresGrad: requiresGrad)
  }

  /// Normal numbers with a mean and a standard deviation for each. SeeAlso: torch.normal
  public static func normal(mean: Tensor, std: Tensor, generator: Generator? = nil) -> Tensor {
    attempt(like: mean) { () throws(OpError) in
      guard std.elementCount == 0 || std.withoutHistory.scalars(Double.self).allSatisfy({ $0 >= 0 }) else {
        throw OpError("normal", "expects all elements of std >= 0")
      }
      let shape = try broadcastShapes([mean.shape, std.shape], op: "normal")
      return randn(shape, dtype: mean.dtype, device: mean.device, generator: generator) * std + mean
    }
  }

  /// Normal numbers with a mean for each. SeeAlso: torch.normal
  public static func normal(mean: Tensor, std: Double = 1, generator: Generator? = nil) -> Tensor {
    mean.normal(mean: 0, std: std, generator: generator) + mean
  }

  /// Normal numbers with a standard deviation for each. SeeAlso: torch.normal
  public static func normal(mean: Double, std: Tensor, generator: Generator? = nil) -> Tensor {
    normal(mean: Tensor.full([], Scalar.float(mean), dtype: std.dtype), std: std, generator: generator)
  }
}

/// New numbers in the shape, dtype and memory order of a tensor: PyTorch's in-place fills as values.
extension Tensor {
  /// Uniform in [from, to). SeeAlso: torch.Tensor.uniform_
  public func uniform(_ from: Double = 0, _ to: Double = 1, generator: Generator? = nil) -> Tensor {
    redrawn(.uniform(from, to), generator)
  }

  /// SeeAlso: torch.Tensor.normal_
  public func normal(mean: Double = 0, std: Double = 1, generator: Generator? = nil) -> Tensor {
    redrawn(.normal(mean: mean, std: std, serial: !isContiguous), generator)
  }

  /// SeeAlso: torch.Tensor.exponential_
  public func exponential(_ rate: Double = 1, generator: Generator? = nil) -> Tensor {
    redrawn(.exponential(rate), generator)
  }

  /// SeeAlso: torch.Tensor.cauchy_
  public func cauchy(median: Double = 0, sigma: Double = 1, generator: Generator? = nil) -> Tensor {
    redrawn(.cauchy(median: median, sigma: sigma), generator)
  }

  /// SeeAlso: torch.Tensor.log_normal_
  public func logNormal(mean: Double = 1, std: Double = 2, generator: Generator? = nil) -> Tensor {
    redrawn(.logNormal(mean: mean, std: std), generator)
  }

  /// Numbers of trials until the first success of probability `p`. SeeAlso: torch.Tensor.geometric_
  public func geometric(_ p: Double, generator: Generator? = nil) -> Tensor { redrawn(.geometric(p), generator) }

  /// 1 with probability `p`, else 0. SeeAlso: torch.Tensor.bernoulli_
  public func bernoulli(_ p: Double, generator: Generator? = nil) -> Tensor { redrawn(.bernoulli(p), generator) }

  /// Integers of the dtype's whole natural range. SeeAlso: torch.Tensor.random_
  public func random(generator: Generator? = nil) -> Tensor { redrawn(.natural, generator) }

  /// Integers in `from ..< to`, or from `from` to the greatest number of the dtype. SeeAlso: torch.Tensor.random_
  public func random(_ from: Int = 0, to: Int?, generator: Generator? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      do throws(RandomError) {
        let base = try GeneratorState.randomRange(from: Int64(from), to: to.map { Int64($0) }, dtype: dtype)
        return redrawn(.integers(from: base.from, range: base.range), generator)
      } catch { throw OpError("random", error.description) }
    }
  }

  /// 1 with the probability that each element gives, else 0. SeeAlso: torch.bernoulli
  public func bernoulli(generator: Generator? = nil) -> Tensor {
    apply(Primitives.Sampled(kind: .bernoulli, dtype: dtype, generator: generator), self)
  }

  /// 1 with the probability that each element of `probabilities` gives, else 0, in our dtype.
  /// SeeAlso: torch.Tensor.bernoulli_
  public func bernoulli(_ probabilities: Tensor, generator: Generator? = nil) -> Tensor {
    apply(
      Primitives.Sampled(kind: .bernoulli, dtype: dtype, generator: generator),
      probabilities.withoutHistory.expanded(to: shape))
  }

  /// Poisson numbers with these rates. SeeAlso: torch.poisson
  public func poisson(generator: Generator? = nil) -> Tensor {
    apply(Primitives.Sampled(kind: .poisson, dtype: dtype, generator: generator), self)
  }

  /// Category numbers drawn with these weights (of each row). SeeAlso: torch.multinomial
  public func multinomial(_ numSamples: Int, replacement: Bool = false, generator: Generator? = nil) -> Tensor {
    apply(Primitives.Multinomial(samples: numSamples, replacement: replacement, generator: generator), self)
  }
}

extension Primitives {
  /// Numbers each of which has its own parameter. The gradient of the parameter is zero, as in PyTorch.
  package struct Sampled: Primitive {
    package enum Kind: String, Sendable {
      case bernoulli, poisson
    }

    package static let name = "sample"
    package let kind: Kind
    package let dtype: DType
    package let generator: Generator?

    package var name: String { kind.rawValue }
    package var isRandom: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].dtype.isFloatingPoint else {
        throw OpError(name, "expects a floating point tensor, got \(inputs[0])")
      }
      return [TensorSpec(shape: inputs[0].shape, dtype: dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, out) = (inputs[0], outputs[0])
      do throws(RandomError) {
        try (generator ?? .default).draw { (state) throws(RandomError) in
          switch kind {
          case .bernoulli:
            try state.fillBernoulli(
              out.pointer, count: out.elementCount, dtype: dtype, probabilities: x.pointer, of: x.dtype)
          case .poisson: try state.fillPoisson(out.pointer, count: out.elementCount, dtype: dtype, rates: x.pointer)
          }
        }
      } catch { throw OpError(name, error.description) }
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { _, saved in
        let spec = saved.spec(0)
        return [Tensor.zeros(spec.shape, dtype: spec.dtype, device: spec.device)]
      }
    }
  }
}

extension Primitives {
  /// Categories by weight.
  package struct Multinomial: Primitive {
    package static let name = "multinomial"
    package let samples: Int
    package let replacement: Bool
    package let generator: Generator?

    package var attributes: [(String, String)] { [("samples", "\(samples)"), ("replacement", "\(replacement)")] }
    package var isRandom: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard x.dtype.isFloatingPoint, x.rank == 1 || x.rank == 2 else {
        throw OpError("multinomial", "expects a floating point tensor of 1 or 2 dimensions, got \(x)")
      }
      guard samples > 0 else { throw OpError("multinomial", "cannot draw \(samples) samples") }
      return [TensorSpec(shape: Shape(x.shape.dropLast() + [samples]), dtype: .int64, device: x.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      let categories = x.shape[x.shape.count - 1]
      do throws(RandomError) {
        try (generator ?? .default).draw { (state) throws(RandomError) in
          try state.fillMultinomial(
            outputs[0].int64s, weights: x.pointer, dtype: x.dtype, rows: x.shape.count == 2 ? x.shape[0] : 1,
            categories: categories, samples: samples, replacement: replacement)
        }
      } catch { throw OpError("multinomial", error.description) }
    }

    package var gradient: Gradient { .none(because: "choices do not vary smoothly") }
  }
}
