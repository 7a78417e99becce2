import FlamebackCore
import FlamebackKernels
import FlamebackOps

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Tensor {
  /// Gamma numbers with these concentrations and rate 1; gradients flow to the concentrations.
  func standardGamma(generator: Generator?) -> Tensor {
    apply(Primitives.StandardGamma(generator: generator), to(.float64)).to(dtype).clamp(min: dtype.tiny)
  }
}

extension Primitives {
  /// Marsaglia and Tsang's rejection sampling.
  package struct StandardGamma: Primitive {
    package static let name = "standardGamma"
    package let generator: Generator?
    package var isRandom: Bool { true }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let alpha = inputs[0].pointer.assumingMemoryBound(to: Double.self)
      let out = outputs[0].pointer.assumingMemoryBound(to: Double.self)
      (generator ?? .default).draw { state in
        for i in 0..<outputs[0].elementCount { out[i] = state.standardGamma(alpha[i]) }
      }
    }

    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { cotangents, saved in
        [cotangents[0].map { $0 * apply(Primitives.StandardGammaGrad(), saved.input(0), saved.output(0)) }]
      }
    }
  }
}

extension Primitives {
  /// dx/dα at a constant probability P(α, x): −(∂P/∂α) / density (Figurnov et al., 2018).
  package struct StandardGammaGrad: Primitive {
    package static let name = "standardGammaGrad"

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let alpha = inputs[0].pointer.assumingMemoryBound(to: Double.self)
      let x = inputs[1].pointer.assumingMemoryBound(to: Double.self)
      let out = outputs[0].pointer.assumingMemoryBound(to: Double.self)
      for i in 0..<outputs[0].elementCount { out[i] = Self.slope(alpha[i], x[i]) }
    }

    package var gradient: Gradient { .none(because: "samples have only a first derivative") }

    /// Below α + 1 P is a series, above it 1 − P a continued fraction; both over x · density, with their derivatives.
    package static func slope(_ alpha: Double, _ x: Double) -> Double {
      if x <= 0 { return 0 }
      let factor = log(x) - digamma(alpha)
      if x < alpha + 1 {
        var term = 1 / alpha
        var harmonic = 1 / alpha
        var (sum, derivative) = (term, -term * harmonic)
        var n = 0.0
        while term > sum * 1e-17, n < 100_000 {
          n += 1
          term *= x / (alpha + n)
          harmonic += 1 / (alpha + n)
          sum += term
          derivative -= term * harmonic
        }
        return -x * (factor * sum + derivative)
      }
      // Lentz's method on values and derivatives with respect to α.
      var (b, db) = (x + 1 - alpha, -1.0)
      var (c, dc) = (1e300, 0.0)
      var d = 1 / b
      var dd = -db * d * d
      var (h, dh) = (d, dd)
      for i in 1..<100_000 {
        let n = Double(i)
        let (a, da) = (-n * (n - alpha), n)
        b += 2
        let denominator = a * d + b
        let slope = da * d + a * dd + db
        d = 1 / denominator
        dd = -slope * d * d
        dc = da / c - a * dc / (c * c) + db
        c = b + a / c
        let (delta, ddelta) = (c * d, dc * d + c * dd)
        dh = dh * delta + h * ddelta
        h *= delta
        if abs(delta - 1) < 1e-16, abs(ddelta) < 1e-16 { break }
      }
      return x * (factor * h + dh)
    }

    private static func digamma(_ x: Double) -> Double {
      var (x, shift) = (x, 0.0)
      while x < 10 {
        shift -= 1 / x
        x += 1
      }
      let y = 1 / (x * x)
      let series = y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132)))))
      return shift + log(x) - 0.5 / x - series
    }
  }
}
