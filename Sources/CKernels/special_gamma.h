// The normal distribution's and the incomplete gamma functions, of doubles.
#ifndef FB_SPECIAL_GAMMA_H
#define FB_SPECIAL_GAMMA_H
#include "special_bessel.h"

namespace fb {
namespace special {

// e^(x^2) erfc(x). The square is taken in two parts, as its rounding error would be multiplied by e^(x^2).
inline double erfcx(double x) {
  if (x < 10) {
    const double high = x * x, low = std::fma(x, x, -high);
    if (high > 720 && x < 0) return infinity;
    return std::exp(high) * (1 + low) * std::erfc(x);
  }
  if (std::isnan(x)) return x;
  double fraction = x;  // 1 / (x + (1/2) / (x + 1 / (x + (3/2) / ...)))
  for (int k = 24; k > 0; --k) fraction = x + 0.5 * k / fraction;
  return 1 / (std::sqrt(pi) * fraction);
}

// Cephes: the quantile of the normal distribution around 1/2, and for z = sqrt(-2 log y) in [2, 8] and [8, 64].
inline constexpr double ndtriP0[5] = {-59.96335010141079, 98.00107541859997, -56.67628574690703, 13.931260938727968,
    -1.2391658386738125};
inline constexpr double ndtriQ0[9] = {1.0, 1.9544885833814176, 4.676279128988815, 86.36024213908905,
    -225.46268785411937, 200.26021238006066, -82.03722561683334, 15.90562251262117, -1.1833162112133};
inline constexpr double ndtriP1[9] = {4.0554489230596245, 31.525109459989388, 57.16281922464213, 44.08050738932008,
    14.684956192885803, 2.1866330685079025, -0.1402560791713545, -0.03504246268278482, -0.0008574567851546854};
inline constexpr double ndtriQ1[9] = {1.0, 15.779988325646675, 45.39076351288792, 41.3172038254672, 15.04253856929075,
    2.504649462083094, -0.14218292285478779, -0.03808064076915783, -0.0009332594808954574};
inline constexpr double ndtriP2[9] = {3.2377489177694603, 6.915228890689842, 3.9388102529247444, 1.3330346081580755,
    0.20148538954917908, 0.012371663481782003, 0.00030158155350823543, 2.6580697468673755e-06, 6.239745391849833e-09};
inline constexpr double ndtriQ2[9] = {1.0, 6.02427039364742, 3.6798356385616087, 1.3770209948908132,
    0.21623699359449663, 0.013420400608854318, 0.00032801446468212774, 2.8924786474538068e-06, 6.790194080099813e-09};

inline double ndtri(double p) {
  constexpr double tail = 0.13533528323661269189;  // e^-2
  if (p == 0) return -infinity;
  if (p == 1) return infinity;
  if (!(p > 0 && p < 1)) return nan;
  const bool upper = p > 1 - tail;
  const double y = upper ? 1 - p : p;
  if (y > tail) {
    const double d = y - 0.5, square = d * d;
    return 2.50662827463100050242 * (d + d * (square * polynomial(square, ndtriP0) / polynomial(square, ndtriQ0)));
  }
  const double x = std::sqrt(-2 * std::log(y)), z = 1 / x;
  const double correction = z * (x < 8 ? polynomial(z, ndtriP1) / polynomial(z, ndtriQ1)
                                       : polynomial(z, ndtriP2) / polynomial(z, ndtriQ2));
  const double result = x - std::log(x) / x - correction;
  return upper ? result : -result;
}

// log(1 + t) - t.
inline double log1pMinus(double t) {
  if (std::fabs(t) > 0.3) return std::log1p(t) - t;
  // With r = t / (2 + t): log1p(t) = 2 (r + r^3/3 + ...) and 2 r - t = -r t.
  const double r = t / (2 + t), square = r * r;
  double sum = 0, power = r;
  for (int k = 3; k < 60; k += 2) {
    power *= square;
    const double before = sum;
    sum += power / k;
    if (sum == before) break;
  }
  return 2 * sum - r * t;
}

// x^a e^-x / gamma(a). For large a by Stirling's series, where the powers would cancel.
inline double gammaDensity(double a, double x) {
  if (a < 20) return std::exp(a * std::log(x) - x - std::lgamma(a));
  const double b = 1 / (a * a);
  const double stirling = (1. / 12 - b * (1. / 360 - b * (1. / 1260 - b * (1. / 1680 - b / 1188)))) / a;
  return std::sqrt(a / (2 * pi)) * std::exp(a * log1pMinus((x - a) / a) - stirling);
}

// The lower part P(a, x) by its power series, and the upper one Q(a, x) by Legendre's continued fraction (DLMF 8.11.4,
// 8.9.2). At x = a both need about sqrt(a) steps.
inline double lowerSeries(double a, double x) {
  double term = 1, sum = 1, r = a;
  for (int i = 0; i < 1000000 && term > sum * 1e-17; ++i) {
    r += 1;
    term *= x / r;
    sum += term;
  }
  return sum * gammaDensity(a, x) / a;
}
inline double upperFraction(double a, double x) {
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int i = 1; i < 1000000; ++i) {
    const double factor = -i * (i - a);
    b += 2;
    d = factor * d + b;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    c = b + factor / c;
    if (std::fabs(c) < tiny) c = tiny;
    h *= d * c;
    if (std::fabs(d * c - 1) < 1e-16) break;
  }
  return h * gammaDensity(a, x);
}
// Q for small x and a: 1 - x^a / gamma(a + 1) - x^a / gamma(a) sum (-x)^k / ((a + k) k!), without cancellation.
inline double upperSeries(double a, double x) {
  double factor = 1, sum = 0;
  for (int k = 1; k < 2000; ++k) {
    factor *= -x / k;
    const double term = factor / (a + k);
    sum += term;
    if (std::fabs(term) <= 1e-17 * std::fabs(sum)) break;
  }
  const double power = a * std::log(x);
  return -std::expm1(power - std::lgamma(1 + a)) - std::exp(power - std::lgamma(a)) * sum;
}

// Q for large a by the normal distribution and the first term of Temme's series (DLMF 8.12.4); its error is about
// a^-1.5. With `sign` -1 it is P.
inline double temme(double a, double x, double sign) {
  const double mu = (x - a) / a, eta = std::copysign(std::sqrt(-2 * log1pMinus(mu)), mu);
  const double first = std::fabs(eta) < 1e-2 ? -1. / 3 + eta * (1. / 12 - eta * 2 / 135) : 1 / mu - 1 / eta;
  return 0.5 * std::erfc(sign * eta * std::sqrt(a / 2)) +
         sign * first * std::exp(-0.5 * a * eta * eta) / std::sqrt(2 * pi * a);
}

// Values on the border of the domain, in PyTorch's order of precedence; false inside it.
inline bool gammaBorder(double a, double x, double &lower) {
  if (x < 0 || a < 0) return lower = nan, true;
  if (a == 0) return lower = x > 0 ? 1 : nan, true;
  if (x == 0) return lower = 0, true;
  if (std::isinf(a)) return lower = std::isinf(x) ? nan : 0, true;
  if (std::isinf(x)) return lower = 1, true;
  if (std::isnan(a) || std::isnan(x)) return lower = nan, true;
  return false;
}

inline double igammac(double a, double x) {
  double lower;
  if (gammaBorder(a, x, lower)) return 1 - lower;
  if (a > 1e8) return temme(a, x, 1);
  if (x > 1.1) return x < a ? 1 - lowerSeries(a, x) : upperFraction(a, x);
  const bool isLower = x <= 0.5 ? -0.4 / std::log(x) < a : x * 1.1 < a;
  return isLower ? 1 - lowerSeries(a, x) : upperSeries(a, x);
}
inline double igamma(double a, double x) {
  double lower;
  if (gammaBorder(a, x, lower)) return lower;
  if (a > 1e8) return temme(a, x, -1);
  return x > 1 && x > a ? 1 - igammac(a, x) : lowerSeries(a, x);
}

}  // namespace special
}  // namespace fb
#endif
