import FlamebackCore
import FlamebackKernels

extension Elementwise {
  package static let erfcx = Elementwise("erfcx", domain: .real) { .call(.erfcx, $0) }
  package static let ndtr = Elementwise("ndtr", domain: .real) { 0.5 * .call(.erfc, -$0 * rootHalf) }
  package static let ndtri = Elementwise("ndtri", domain: .real) { .call(.ndtri, $0) }
  /// Far to the left Φ underflows, but e^(x²/2) Φ does not.
  package static let logNdtr = Elementwise(
    "logNdtr", domain: .real,
    gradient: { g, x, _ in g * 0.7978845608028654 / .call(.erfcx, -x * rootHalf) }
  ) { x in
    let t = x * rootHalf
    return (x .< -1).select(.log(.call(.erfcx, -t) / 2) - t * t, .log1p(-.call(.erfc, t) / 2))
  }
  package static let zeta = Elementwise("zeta", .floating, domain: .real) { .call(.zeta, $0, $1) }
  package static let igamma = Elementwise("igamma", .promoted, domain: .floating) { .call(.igamma, $0, $1) }
  package static let igammac = Elementwise("igammac", .promoted, domain: .floating) { .call(.igammac, $0, $1) }
  package static let besselJ0 = Elementwise("besselJ0", domain: .real) { .call(.besselJ0, $0) }
  package static let besselJ1 = Elementwise("besselJ1", domain: .real) { .call(.besselJ1, $0) }
  package static let besselY0 = Elementwise("besselY0", domain: .real) { .call(.besselY0, $0) }
  package static let besselY1 = Elementwise("besselY1", domain: .real) { .call(.besselY1, $0) }
  package static let modifiedBesselK0 = Elementwise("modifiedBesselK0", domain: .real) { .call(.k0, $0) }
  package static let modifiedBesselK1 = Elementwise("modifiedBesselK1", domain: .real) { .call(.k1, $0) }
  package static let scaledModifiedBesselK0 = Elementwise("scaledModifiedBesselK0", domain: .real) {
    .call(.k0e, $0)
  }
  package static let scaledModifiedBesselK1 = Elementwise("scaledModifiedBesselK1", domain: .real) {
    .call(.k1e, $0)
  }
  package static let sphericalBesselJ0 = Elementwise("sphericalBesselJ0", domain: .real) {
    .call(.sphericalJ0, $0)
  }
  package static let airyAi = Elementwise("airyAi", domain: .real, noGradient: "Ai′ is not provided") {
    .call(.airyAi, $0)
  }

  /// An orthogonal polynomial of a degree that is a tensor too.
  private static func polynomial(_ name: String, _ body: (Expression, Expression) -> Expression) -> Elementwise {
    Elementwise(name, .floating, domain: .real, noGradient: "orthogonal polynomials are not differentiated", body)
  }

  package static let chebyshevT = polynomial("chebyshevPolynomialT") { .call(.chebyshevT, $0, $1) }
  package static let chebyshevU = polynomial("chebyshevPolynomialU") { .call(.chebyshevU, $0, $1) }
  package static let chebyshevV = polynomial("chebyshevPolynomialV") { .call(.chebyshevV, $0, $1) }
  package static let chebyshevW = polynomial("chebyshevPolynomialW") { .call(.chebyshevW, $0, $1) }
  package static let shiftedChebyshevT = polynomial("shiftedChebyshevPolynomialT") {
    .call(.chebyshevT, 2 * $0 - 1, $1)
  }
  package static let shiftedChebyshevU = polynomial("shiftedChebyshevPolynomialU") {
    .call(.chebyshevU, 2 * $0 - 1, $1)
  }
  package static let shiftedChebyshevV = polynomial("shiftedChebyshevPolynomialV") {
    .call(.chebyshevV, 2 * $0 - 1, $1)
  }
  package static let shiftedChebyshevW = polynomial("shiftedChebyshevPolynomialW") {
    .call(.chebyshevW, 2 * $0 - 1, $1)
  }
  package static let hermiteH = polynomial("hermitePolynomialH") { .call(.hermiteH, $0, $1) }
  package static let hermiteHe = polynomial("hermitePolynomialHe") { .call(.hermiteHe, $0, $1) }
  package static let laguerreL = polynomial("laguerrePolynomialL") { .call(.laguerreL, $0, $1) }
  package static let legendreP = polynomial("legendrePolynomialP") { .call(.legendreP, $0, $1) }
}

private let rootHalf: Expression = 0.7071067811865476

extension Tensor {
  /// e^(x²) erfc(x), which does not underflow. SeeAlso: torch.special.erfcx
  public func erfcx() -> Tensor { Elementwise.erfcx(self) }
  /// The normal distribution's probability up to x. SeeAlso: torch.special.ndtr
  public func ndtr() -> Tensor { Elementwise.ndtr(self) }
  /// The normal distribution's quantile. SeeAlso: torch.special.ndtri
  public func ndtri() -> Tensor { Elementwise.ndtri(self) }
  /// The logarithm of `ndtr`, exact far to the left. SeeAlso: torch.special.log_ndtr
  public func logNdtr() -> Tensor { Elementwise.logNdtr(self) }
  /// Hurwitz's zeta function Σ (q + k)⁻ˣ; no gradient for x. SeeAlso: torch.special.zeta
  public func zeta(_ q: some TensorOperand) -> Tensor { Elementwise.zeta(self, q) }
  /// The regularised lower incomplete gamma function P(self, x); no gradient for self. SeeAlso: torch.special.gammainc
  public func igamma(_ x: some TensorOperand) -> Tensor { Elementwise.igamma(self, x) }
  /// The regularised upper incomplete gamma function Q(self, x); no gradient for self. SeeAlso: torch.special.gammaincc
  public func igammac(_ x: some TensorOperand) -> Tensor { Elementwise.igammac(self, x) }

  /// The logarithm of the multivariate gamma function of dimension p. SeeAlso: torch.special.multigammaln
  public func mvlgamma(_ p: Int) -> Tensor {
    guard p >= 1 else { return fail("mvlgamma", "p has to be at least 1, got \(p)", like: spec) }
    guard !dtype.isComplex, dtype != .bool else { return fail("mvlgamma", "not defined for \(dtype)", like: spec) }
    guard p < 1 << 24 else { return fail("mvlgamma", "p = \(p) means too many elements: \(spec)", like: spec) }
    let x = dtype.isFloatingPoint ? self : to(Context.defaultDType)
    let shifts = Tensor((0..<p).map { -0.5 * Double($0) }, shape: [p], dtype: x.dtype, device: device)
    let constant = Double(p * (p - 1)) * 0.25 * 1.1447298858494002  // log π
    return (x.unsqueeze(-1) + shifts).lgamma().sum(dim: -1) + constant
  }

  /// Bessel's function of the first kind, order 0. SeeAlso: torch.special.bessel_j0
  public func besselJ0() -> Tensor { Elementwise.besselJ0(self) }
  /// Bessel's function of the first kind, order 1. SeeAlso: torch.special.bessel_j1
  public func besselJ1() -> Tensor { Elementwise.besselJ1(self) }
  /// Bessel's function of the second kind, order 0. SeeAlso: torch.special.bessel_y0
  public func besselY0() -> Tensor { Elementwise.besselY0(self) }
  /// Bessel's function of the second kind, order 1. SeeAlso: torch.special.bessel_y1
  public func besselY1() -> Tensor { Elementwise.besselY1(self) }
  /// The modified Bessel function of the first kind, order 0. SeeAlso: torch.special.modified_bessel_i0
  public func modifiedBesselI0() -> Tensor { i0() }
  /// The modified Bessel function of the first kind, order 1. SeeAlso: torch.special.modified_bessel_i1
  public func modifiedBesselI1() -> Tensor { i1() }
  /// The modified Bessel function of the second kind, order 0. SeeAlso: torch.special.modified_bessel_k0
  public func modifiedBesselK0() -> Tensor { Elementwise.modifiedBesselK0(self) }
  /// The modified Bessel function of the second kind, order 1. SeeAlso: torch.special.modified_bessel_k1
  public func modifiedBesselK1() -> Tensor { Elementwise.modifiedBesselK1(self) }
  /// eˣ K₀(x). SeeAlso: torch.special.scaled_modified_bessel_k0
  public func scaledModifiedBesselK0() -> Tensor { Elementwise.scaledModifiedBesselK0(self) }
  /// eˣ K₁(x). SeeAlso: torch.special.scaled_modified_bessel_k1
  public func scaledModifiedBesselK1() -> Tensor { Elementwise.scaledModifiedBesselK1(self) }
  /// sin(x) / x. SeeAlso: torch.special.spherical_bessel_j0
  public func sphericalBesselJ0() -> Tensor { Elementwise.sphericalBesselJ0(self) }
  /// Airy's function Ai. SeeAlso: torch.special.airy_ai
  public func airyAi() -> Tensor { Elementwise.airyAi(self) }

  /// Chebyshev's polynomial of the first kind of degree n. SeeAlso: torch.special.chebyshev_polynomial_t
  public func chebyshevPolynomialT(_ n: some TensorOperand) -> Tensor { Elementwise.chebyshevT(self, n) }
  /// Chebyshev's polynomial of the second kind. SeeAlso: torch.special.chebyshev_polynomial_u
  public func chebyshevPolynomialU(_ n: some TensorOperand) -> Tensor { Elementwise.chebyshevU(self, n) }
  /// Chebyshev's polynomial of the third kind. SeeAlso: torch.special.chebyshev_polynomial_v
  public func chebyshevPolynomialV(_ n: some TensorOperand) -> Tensor { Elementwise.chebyshevV(self, n) }
  /// Chebyshev's polynomial of the fourth kind. SeeAlso: torch.special.chebyshev_polynomial_w
  public func chebyshevPolynomialW(_ n: some TensorOperand) -> Tensor { Elementwise.chebyshevW(self, n) }
  /// `chebyshevPolynomialT` of 2 x − 1. SeeAlso: torch.special.shifted_chebyshev_polynomial_t
  public func shiftedChebyshevPolynomialT(_ n: some TensorOperand) -> Tensor { Elementwise.shiftedChebyshevT(self, n) }
  /// `chebyshevPolynomialU` of 2 x − 1. SeeAlso: torch.special.shifted_chebyshev_polynomial_u
  public func shiftedChebyshevPolynomialU(_ n: some TensorOperand) -> Tensor { Elementwise.shiftedChebyshevU(self, n) }
  /// `chebyshevPolynomialV` of 2 x − 1. SeeAlso: torch.special.shifted_chebyshev_polynomial_v
  public func shiftedChebyshevPolynomialV(_ n: some TensorOperand) -> Tensor { Elementwise.shiftedChebyshevV(self, n) }
  /// `chebyshevPolynomialW` of 2 x − 1. SeeAlso: torch.special.shifted_chebyshev_polynomial_w
  public func shiftedChebyshevPolynomialW(_ n: some TensorOperand) -> Tensor { Elementwise.shiftedChebyshevW(self, n) }
  /// The physicist's Hermite polynomial. SeeAlso: torch.special.hermite_polynomial_h
  public func hermitePolynomialH(_ n: some TensorOperand) -> Tensor { Elementwise.hermiteH(self, n) }
  /// The probabilist's Hermite polynomial. SeeAlso: torch.special.hermite_polynomial_he
  public func hermitePolynomialHe(_ n: some TensorOperand) -> Tensor { Elementwise.hermiteHe(self, n) }
  /// Laguerre's polynomial. SeeAlso: torch.special.laguerre_polynomial_l
  public func laguerrePolynomialL(_ n: some TensorOperand) -> Tensor { Elementwise.laguerreL(self, n) }
  /// Legendre's polynomial. SeeAlso: torch.special.legendre_polynomial_p
  public func legendrePolynomialP(_ n: some TensorOperand) -> Tensor { Elementwise.legendreP(self, n) }
}
