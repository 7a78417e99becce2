import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let special: [String: Entry] = [
    "special.erfcx": unary { $0.erfcx() }, "special.ndtr": unary { $0.ndtr() },
    "special.ndtri": unary { $0.ndtri() }, "special.log_ndtr": unary { $0.logNdtr() },
    "special.airy_ai": function { $0.airyAi() }, "special.spherical_bessel_j0": function { $0.sphericalBesselJ0() },
    "special.bessel_j0": function { $0.besselJ0() }, "special.bessel_j1": function { $0.besselJ1() },
    "special.bessel_y0": function { $0.besselY0() }, "special.bessel_y1": function { $0.besselY1() },
    "special.modified_bessel_i0": function { $0.modifiedBesselI0() },
    "special.modified_bessel_i1": function { $0.modifiedBesselI1() },
    "special.modified_bessel_k0": function { $0.modifiedBesselK0() },
    "special.modified_bessel_k1": function { $0.modifiedBesselK1() },
    "special.scaled_modified_bessel_k0": function { $0.scaledModifiedBesselK0() },
    "special.scaled_modified_bessel_k1": function { $0.scaledModifiedBesselK1() },
    "special.zeta": binary(.zeta), "igamma": binary(.igamma), "igammac": binary(.igammac),
    "special.gammainc": binary(.igamma), "special.gammaincc": binary(.igammac),
    "mvlgamma": { call in .tensor(try call.tensor(0, "input").mvlgamma(try call.int(1, "p"))) },
    "special.multigammaln": { call in .tensor(try call.tensor(0, "input").mvlgamma(try call.int(1, "p"))) },
    "special.chebyshev_polynomial_t": polynomial(.chebyshevT),
    "special.chebyshev_polynomial_u": polynomial(.chebyshevU),
    "special.chebyshev_polynomial_v": polynomial(.chebyshevV),
    "special.chebyshev_polynomial_w": polynomial(.chebyshevW),
    "special.shifted_chebyshev_polynomial_t": polynomial(.shiftedChebyshevT),
    "special.shifted_chebyshev_polynomial_u": polynomial(.shiftedChebyshevU),
    "special.shifted_chebyshev_polynomial_v": polynomial(.shiftedChebyshevV),
    "special.shifted_chebyshev_polynomial_w": polynomial(.shiftedChebyshevW),
    "special.hermite_polynomial_h": polynomial(.hermiteH), "special.hermite_polynomial_he": polynomial(.hermiteHe),
    "special.laguerre_polynomial_l": polynomial(.laguerreL), "special.legendre_polynomial_p": polynomial(.legendreP),
  ]

  /// A function of one tensor called `x`.
  private static func function(_ body: @escaping @Sendable (Tensor) -> Tensor) -> Entry {
    { call in .tensor(body(try call.tensor(0, call.has(nil, "x") ? "x" : "z"))) }
  }

  /// A function of operands called `x` and `n`.
  private static func polynomial(_ function: Elementwise) -> Entry {
    { call in .tensor(function(try call.operand(0, "x"), try call.operand(1, "n"))) }
  }
}
