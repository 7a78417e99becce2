// Airy's and Bessel's functions of one double, by the formulas of the Cephes library (S. Moshier).
#ifndef FB_SPECIAL_BESSEL_H
#define FB_SPECIAL_BESSEL_H
#include <initializer_list>

#include "special.h"

namespace fb {
namespace special {

// Highest power first. Ai on [2.09, inf) in 1 / zeta; its two parts on (-inf, -2.09] in 1 / zeta squared.
inline constexpr double airyN[8] = {0.346538101525629, 12.007595273964581, 76.27960536152345, 168.08922493463058,
    159.75639135016442, 70.53609068404442, 14.026469116338967, 1.0};
inline constexpr double airyD[8] = {0.5675945326387702, 14.75625625848472, 84.51389701414746, 177.31808814540045,
    164.2346928715297, 71.47784008255756, 14.095913560783403, 1.0};
inline constexpr double airyFN[9] = {-0.1316963234183318, -0.6264565444319123, -0.6931580360369335,
    -0.2797799815451191, -0.04919001326095003, -0.004062659235948854, -0.0001592764962392621, -2.776491081552329e-06,
    -1.6778769848911465e-08};
inline constexpr double airyFD[9] = {13.356042070655324, 32.682503279522464, 26.736704094149957, 9.187074029072596,
    1.4752914677166642, 0.11568717379518804, 0.004402916416152112, 7.547203482874142e-05, 4.5185009297058035e-07};
inline constexpr double airyGN[11] = {0.01973399320916857, 0.39110302961568827, 1.0657989759959559,
    0.9391692298166502, 0.35146565610554764, 0.06338889196289255, 0.005858041130483885, 0.000282851600836737,
    6.98793669997261e-06, 8.117892395543892e-08, 3.415517847659236e-10};
inline constexpr double airyGD[10] = {9.30892908077442, 19.835292871831214, 15.564662893286462, 5.476860694229755,
    0.9542936116189619, 0.08645808263523921, 0.004126565238242226, 0.00010125908511650914, 1.1716673321441352e-06,
    4.9183457006293e-09};
// Chebyshev coefficients: K0 + log(x/2) I0 and x (K1 - log(x/2) I1) on [0, 2] in x^2 - 2; e^x sqrt(x) K0 and K1 on
// [2, inf) in 8/x - 2.
inline constexpr double k0Small[10] = {1.374465435613523e-16, 4.25981614279661e-14, 1.0349695257633842e-11,
    1.904516377220209e-09, 2.5347910790261494e-07, 2.286212103119452e-05, 0.001264615411446926, 0.0359799365153615,
    0.3442898999246285, -0.5353273932339028};
inline constexpr double k0Large[25] = {5.300433772686263e-18, -1.6475804301524212e-17, 5.2103915050390274e-17,
    -1.678231096805412e-16, 5.512055978524319e-16, -1.848593377343779e-15, 6.3400764774050706e-15,
    -2.2275133269916698e-14, 8.032890775363575e-14, -2.9800969231727303e-13, 1.140340588208475e-12,
    -4.514597883373944e-12, 1.8559491149547177e-11, -7.957489244477107e-11, 3.577397281400301e-10,
    -1.69753450938906e-09, 8.574034017414225e-09, -4.660489897687948e-08, 2.766813639445015e-07,
    -1.8317555227191195e-06, 1.39498137188765e-05, -0.00012849549581627802, 0.0015698838857300533,
    -0.0314481013119645, 2.4403030820659555};
inline constexpr double k1Small[11] = {-7.023863479386288e-18, -2.427449850519366e-15, -6.666901694199329e-13,
    -1.4114883926335278e-10, -2.213387630734726e-08, -2.4334061415659684e-06, -0.0001730288957513052,
    -0.006975723859639864, -0.12261118082265715, -0.3531559607765449, 1.5253002273389478};
inline constexpr double k1Large[25] = {-5.756744483665017e-18, 1.7940508731475592e-17, -5.689462558442859e-17,
    1.838093544366639e-16, -6.057047248373319e-16, 2.038703165624334e-15, -7.019837090418314e-15,
    2.4771544244813043e-14, -8.976705182324994e-14, 3.3484196660784293e-13, -1.2891739609510289e-12,
    5.13963967348173e-12, -2.1299678384275683e-11, 9.218315187605006e-11, -4.1903547593418965e-10,
    2.015049755197033e-09, -1.0345762465678097e-08, 5.7410841254500495e-08, -3.5019606030878126e-07,
    2.406484947837217e-06, -1.936197974166083e-05, 0.00019521551847135162, -0.002857816859622779, 0.10392373657681724,
    2.7206261904844427};

template <size_t n> double polynomial(double x, const double (&c)[n]) {
  double result = 0;
  for (double coefficient : c) result = result * x + coefficient;
  return result;
}

inline double airyAi(double x) {
  constexpr double rootPi = 5.64189583547756286948e-01;  // 1 / sqrt(pi)
  if (std::isinf(x)) return nan;
  if (x > 103.892) return 0;
  const double zeta = 2 * std::fabs(x) * std::sqrt(std::fabs(x)) / 3;
  if (x < -2.09) {
    const double z = 1 / zeta, square = z * z, t = zeta + 0.25 * pi;
    const double f = 1 + square * polynomial(square, airyFN) / polynomial(square, airyFD);
    const double g = z * polynomial(square, airyGN) / polynomial(square, airyGD);
    return rootPi / std::sqrt(std::sqrt(-x)) * (std::sin(t) * f - std::cos(t) * g);
  }
  if (x >= 2.09)
    return rootPi * (polynomial(1 / zeta, airyN) / polynomial(1 / zeta, airyD)) /
           (2 * std::sqrt(std::sqrt(x)) * std::exp(zeta));
  double f = 1, g = x, m = 1, n = x, k = 1, change = 1;
  const double cube = x * x * x;
  while (change > std::numeric_limits<double>::epsilon()) {
    m = m * cube / ((k + 1) * (k + 2));
    n = n * cube / ((k + 2) * (k + 3));
    k += 3;
    f += m;
    g += n;
    change = std::fabs(m / f);
  }
  return 0.355028053887817239260 * f - 0.258819403792806798405 * g;
}

inline double sphericalJ0(double x) {
  if (std::isinf(x)) return 0;
  if (std::fabs(x) >= 0.5) return std::sin(x) / x;
  const double z = x * x;
  double result = 0;
  for (double k : {156., 110., 72., 42., 20., 6.}) result = (1 + result) * (-z / k);
  return 1 + result;
}

// e^x K0(x) and e^x K1(x).
inline double k0e(double x) {
  if (x == 0) return infinity;
  if (x < 0) return nan;
  if (x > 2) return chebyshev(8 / x - 2, k0Large, 25) / std::sqrt(x);
  return (chebyshev(x * x - 2, k0Small, 10) - std::log(0.5 * x) * i0(x)) * std::exp(x);
}
inline double k1e(double x) {
  if (x == 0) return infinity;
  if (x < 0) return nan;
  if (x > 2) return chebyshev(8 / x - 2, k1Large, 25) / std::sqrt(x);
  return (std::log(0.5 * x) * i1(x) + chebyshev(x * x - 2, k1Small, 11) / x) * std::exp(x);
}

inline double k0(double x) { return k0e(x) * std::exp(-x); }
inline double k1(double x) { return k1e(x) * std::exp(-x); }

// The C library's, but NaN at infinity and left of zero as PyTorch has it.
inline double besselJ0(double x) { return std::isinf(x) ? nan : ::j0(x); }
inline double besselJ1(double x) { return std::isinf(x) ? nan : ::j1(x); }
inline double besselY0(double x) { return std::isinf(x) || x < 0 ? nan : ::y0(x); }
inline double besselY1(double x) { return std::isinf(x) || x < 0 ? nan : ::y1(x); }

}  // namespace special
}  // namespace fb
#endif
