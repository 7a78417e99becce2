import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  /// Special functions against series, integrals and the C library.
  static let special = specialFunctions.map(\.withSeldomDTypes)

  private static let specialFunctions: [OpRecord] = [
    unary("erfcx", .real, -2...3, tolerance: 4, { $0.erfcx() }, { exp($0 * $0) * erfc($0) }),
    unary("ndtr", .real, -3...3, { $0.ndtr() }, { erfc(-$0 / 2.0.squareRoot()) / 2 }),
    unary("ndtri", .floating, 0.05...0.95, tolerance: 10, { $0.ndtri() }) { p in
      var (low, high) = (-40.0, 40.0)
      for _ in 0..<200 {
        let middle = (low + high) / 2
        if erfc(-middle / 2.0.squareRoot()) / 2 < p { low = middle } else { high = middle }
      }
      return (low + high) / 2
    }.accepting.without(.float8E5M2),  // it rounds 0.95 to 1
    unary("logNdtr", .real, -4...3, tolerance: 4, { $0.logNdtr() }, { log(erfc(-$0 / 2.0.squareRoot()) / 2) }),
    unary("besselJ0", .real, -5...5, tolerance: 10, { $0.besselJ0() }, { j0($0) }),
    unary("besselJ1", .real, -5...5, avoiding: [0], tolerance: 10, { $0.besselJ1() }, { j1($0) }),
    unary("besselY0", .floating, 0.5...5, tolerance: 10, { $0.besselY0() }, { y0($0) }).accepting,
    unary("besselY1", .floating, 0.5...5, tolerance: 10, { $0.besselY1() }, { y1($0) }).accepting,
    unary("modifiedBesselK0", .floating, 0.5...4, tolerance: 10, { $0.modifiedBesselK0() }) {
      besselK(0, $0)
    }.accepting,
    unary("modifiedBesselK1", .floating, 0.5...4, tolerance: 10, { $0.modifiedBesselK1() }) {
      besselK(1, $0)
    }.accepting,
    unary("scaledModifiedBesselK0", .floating, 0.5...4, tolerance: 10, { $0.scaledModifiedBesselK0() }) {
      besselK(0, $0) * exp($0)
    }.accepting,
    unary("scaledModifiedBesselK1", .floating, 0.5...4, tolerance: 10, { $0.scaledModifiedBesselK1() }) {
      besselK(1, $0) * exp($0)
    }.accepting,
    unary("sphericalBesselJ0", .real, -4...4, avoiding: [0], tolerance: 10, { $0.sphericalBesselJ0() }) {
      $0 == 0 ? 1 : sin($0) / $0
    },
    unary("airyAi", .real, -2...2, order: .none, tolerance: 20, { $0.airyAi() }, airy),
    binary("zeta", .floating, 1.5...4, and: 0.5...3, order: .unchecked, tolerance: 20, { $0.zeta($1) }, hurwitz)
      .accepting,
    binary(
      "igamma", .floating, 0.5...3, and: 0.5...4, order: .unchecked, tolerance: 20, { $0.igamma($1) }, incompleteGamma
    ).accepting,
    binary("igammac", .floating, 0.5...3, and: 0.5...4, order: .unchecked, tolerance: 20, { $0.igammac($1) }) {
      1 - incompleteGamma($0, $1)
    }.accepting,
    unary("zeta", .floating, 0.5...3, tolerance: 20, { Tensor.fullLike($0.detached(), 2.5).zeta($0) }) {
      hurwitz(2.5, $0)
    }.accepting,
    // The gradient of the second argument, the density of the gamma distribution.
    unary("igamma", .floating, 0.5...4, tolerance: 20, { Tensor.fullLike($0.detached(), 1.5).igamma($0) }) {
      incompleteGamma(1.5, $0)
    }.accepting,
    unary("igammac", .floating, 0.5...4, tolerance: 20, { Tensor.fullLike($0.detached(), 1.5).igammac($0) }) {
      1 - incompleteGamma(1.5, $0)
    }.accepting,
  ]

  /// ∫ exp(−x cosh t) cosh(n t) dt from 0 on, by the trapezoidal rule, whose error falls exponentially here.
  private static func besselK(_ order: Double, _ x: Double) -> Double {
    let step = 0.02
    return step
      * (exp(-x) / 2
        + (1..<600).reduce(0.0) { sum, k in
          let t = Double(k) * step
          return sum + exp(-x * cosh(t)) * cosh(order * t)
        })
  }

  /// The power series about 0.
  private static func airy(_ x: Double) -> Double {
    var (f, g) = (1.0, x)
    var (sumF, sumG) = (f, g)
    for k in 1..<60 {
      let n = 3 * Double(k)
      f *= x * x * x / (n * (n - 1))
      g *= x * x * x / (n * (n + 1))
      sumF += f
      sumG += g
    }
    return 0.355028053887817239 * sumF - 0.258819403792806798 * sumG
  }

  /// The sum of (q + k)^−s, its tail by Euler's and Maclaurin's formula.
  private static func hurwitz(_ s: Double, _ q: Double) -> Double {
    let count = 30
    let head = (0..<count).reduce(0.0) { $0 + pow(q + Double($1), -s) }
    let a = q + Double(count)
    return head + pow(a, 1 - s) / (s - 1) + pow(a, -s) / 2 + s * pow(a, -s - 1) / 12
      - s * (s + 1) * (s + 2) * pow(a, -s - 3) / 720
      + s * (s + 1) * (s + 2) * (s + 3) * (s + 4) * pow(a, -s - 5) / 30240
  }

  /// The power series of the regularised lower incomplete gamma function.
  private static func incompleteGamma(_ a: Double, _ x: Double) -> Double {
    var term = 1 / a
    var sum = term
    for k in 1..<200 {
      term *= x / (a + Double(k))
      sum += term
    }
    return sum * exp(a * log(x) - x - lgamma(a))
  }
}
