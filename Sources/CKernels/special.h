// Special functions of one double, by the formulas of the Cephes library (S. Moshier) and of PyTorch's Math.h.
#ifndef FB_SPECIAL_H
#define FB_SPECIAL_H
#include <cmath>
#include <limits>

namespace fb {
namespace special {

inline constexpr double pi = 3.14159265358979323846;
inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Chebyshev coefficients, highest first: e^-x I0(x) and e^-x I1(x) / x on [0, 8] in x/2 - 2;
// e^-x sqrt(x) I0(x) and I1(x) on [8, inf) in 32/x - 2.
inline constexpr double i0Small[30] = {
    -4.4153416464793393795e-18, 3.33079451882223809783e-17, -2.43127984654795469359e-16, 1.71539128555513303061e-15,
    -1.16853328779934516808e-14, 7.67618549860493561688e-14, -4.8564467831119294609e-13, 2.95505266312963983461e-12,
    -1.72682629144155570723e-11, 9.67580903537323691224e-11, -5.18979560163526290666e-10, 2.65982372468238665035e-9,
    -1.30002500998624804212e-8, 6.04699502254191894932e-8, -2.67079385394061173391e-7, 0.00000111738753912010371815,
    -0.00000441673835845875056359, 0.0000164484480707288970893, -0.0000575419501008210370398,
    0.000188502885095841655729, -0.000576375574538582365885, 0.00163947561694133579842, -0.0043243099950505759443,
    0.0105464603945949983183, -0.0237374148058994688156, 0.0493052842396707084878, -0.094901097048047644421,
    0.171620901522208775349, -0.304682672343198398683, 0.676795274409476084995};
inline constexpr double i0Large[25] = {
    -7.23318048787475395456e-18, -4.83050448594418207126e-18, 4.46562142029675999901e-17, 3.4612228676974610931e-17,
    -2.82762398051658348494e-16, -3.42548561967721913462e-16, 1.7725601330565263836e-15, 3.81168066935262242075e-15,
    -9.5548466988283076487e-15, -4.15056934728722208663e-14, 1.54008621752140982691e-14, 3.85277838274214270114e-13,
    7.18012445138366623367e-13, -1.79417853150680611778e-12, -1.32158118404477131188e-11,
    -3.14991652796324136454e-11, 1.18891471078464383424e-11, 4.9406023882249695891e-10, 3.39623202570838634515e-9,
    2.26666899049817806459e-8, 2.04891858946906374183e-7, 0.00000289137052083475648297, 0.0000688975834691682398426,
    0.0033691164782556940899, 0.804490411014108831608};
inline constexpr double i1Small[29] = {
    2.77791411276104637049e-18, -2.11142121435816607824e-17, 1.55363195773620046892e-16,
    -1.10559694773538630803e-15, 7.60068429473540693407e-15, -5.04218550472791168711e-14,
    3.22379336594557470981e-13, -1.9839743977649437152e-12, 1.17361862988909016308e-11, -6.66348972350202774223e-11,
    3.62559028155211703701e-10, -1.8872497517228292879e-9, 9.38153738649577178388e-9, -4.44505912879632808065e-8,
    2.00329475355213526229e-7, -8.56872026469545474066e-7, 0.00000347025130813767847674,
    -0.0000132731636560394358279, 0.0000478156510755005422638, -0.000161760815825896745588,
    0.000512285956168575772895, -0.00151357245063125314899, 0.00415642294431288815669, -0.0105640848946261981558,
    0.0247264490306265168283, -0.0529459812080949914269, 0.102643658689847095384, -0.176416518357834055153,
    0.252587186443633654823};
inline constexpr double i1Large[25] = {
    7.51729631084210480543e-18, 4.41434832307170794995e-18, -4.65030536848935832557e-17,
    -3.20952592199342395878e-17, 2.96262899764595013907e-16, 3.30820231092092828273e-16,
    -1.88035477551078244851e-15, -3.81440307243700780477e-15, 1.04202769841288027642e-14, 4.2724400167119513543e-14,
    -2.10154184277266431302e-14, -4.08355111109219731823e-13, -7.19855177624590851209e-13,
    2.03562854414708950722e-12, 1.41258074366137813316e-11, 3.25260358301548823856e-11, -1.8974958123505412345e-11,
    -5.58974346219658380687e-10, -3.83538038596423702205e-9, -2.63146884688951950684e-8, -2.51223623787020892529e-7,
    -0.00000388256480887769039346, -0.000110588938762623716291, -0.00976109749136146840777,
    0.778576235018280120474};

inline double chebyshev(double x, const double *c, int n) {
  double b0 = c[0], b1 = 0, b2 = 0;
  for (int i = 1; i < n; ++i) {
    b2 = b1;
    b1 = b0;
    b0 = x * b1 - b2 + c[i];
  }
  return 0.5 * (b0 - b2);
}

inline double i0e(double x) {
  x = std::fabs(x);
  return x <= 8 ? chebyshev(x / 2 - 2, i0Small, 30) : chebyshev(32 / x - 2, i0Large, 25) / std::sqrt(x);
}

inline double i1e(double x) {
  const double z = std::fabs(x);
  const double y = z <= 8 ? z * chebyshev(z / 2 - 2, i1Small, 29) : chebyshev(32 / z - 2, i1Large, 25) / std::sqrt(z);
  return x < 0 ? -y : y;
}

// e^x in two halves, so that the result overflows only where the function does.
inline double i0(double x) {
  const double half = std::exp(std::fabs(x) / 2);
  return half * (i0e(x) * half);  // of infinity NaN, as PyTorch has it
}
inline double i1(double x) {
  const double half = std::exp(std::fabs(x) / 2);
  return half * (i1e(x) * half);
}

// A rational first guess, then Newton steps; the tail is solved through erfc, where 1 - |y| is exact.
inline double erfinv(double y) {
  constexpr double a[4] = {0.886226899, -1.645349621, 0.914624893, -0.140543331};
  constexpr double b[4] = {-2.118377725, 1.442710462, -0.329097515, 0.012229801};
  constexpr double c[4] = {-1.970840454, -1.624906493, 3.429567803, 1.641345311};
  constexpr double d[2] = {3.543889200, 1.637067800};
  constexpr double slope = 1.12837916709551257390;  // 2 / sqrt(pi)
  const double size = std::fabs(y);
  if (!(size < 1)) return size == 1 ? std::copysign(infinity, y) : nan;
  if (size <= 0.7) {
    const double z = y * y;
    double x = y * (((a[3] * z + a[2]) * z + a[1]) * z + a[0]) / ((((b[3] * z + b[2]) * z + b[1]) * z + b[0]) * z + 1);
    for (int i = 0; i < 2; ++i) x -= (std::erf(x) - y) / (slope * std::exp(-x * x));
    return x;
  }
  const double tail = 1 - size, z = std::sqrt(-std::log(tail / 2));
  double x = (((c[3] * z + c[2]) * z + c[1]) * z + c[0]) / ((d[1] * z + d[0]) * z + 1);
  for (int i = 0; i < 2; ++i) x += (std::erfc(x) - tail) / (slope * std::exp(-x * x));
  return std::copysign(x, y);
}

inline double digamma(double x) {
  constexpr double a[7] = {8.33333333333333333333E-2, -2.10927960927960927961E-2, 7.57575757575757575758E-3,
                           -4.16666666666666666667E-3, 3.96825396825396825397E-3, -8.33333333333333333333E-3,
                           8.33333333333333333333E-2};
  if (x == 0) return std::copysign(infinity, -x);
  double result = 0;
  if (x < 0) {
    if (x == std::trunc(x)) return nan;
    double whole;  // tan has period pi: the fraction keeps the accuracy that pi * x would lose
    result = -pi / std::tan(pi * std::modf(x, &whole));
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  double y = 0;
  if (x < 1e17) {
    const double z = 1 / (x * x);
    for (double coefficient : a) y = y * z + coefficient;
    y *= z;
  }
  return result + std::log(x) - 0.5 / x - y;
}

// Hurwitz zeta: sum of (q + k)^-x over k >= 0, by Euler-Maclaurin.
inline double zeta(double x, double q) {
  constexpr double eps = 1.11022302462515654042E-16;
  constexpr double a[12] = {12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10,
                            -2.950130727918164224e12, 1.1646782814350067249e14, -4.5979787224074726105e15,
                            1.8152105401943546773e17, -7.1661652561756670113e18};
  if (x == 1) return infinity;
  if (x < 1) return nan;
  if (q <= 0) {
    if (q == std::floor(q)) return infinity;
    if (x != std::floor(x)) return nan;
  }
  double s = std::pow(q, -x), w = q, b = 0;
  for (int i = 0; i < 9 || w <= 9; ++i) {
    w += 1;
    b = std::pow(w, -x);
    s += b;
    if (-eps * s < b && b < eps * s) return s;
  }
  s += b * w / (x - 1) - 0.5 * b;
  double factor = 1, k = 0;
  for (int i = 0; i < 12; ++i, k += 2) {
    factor *= x + k;
    b /= w;
    const double term = factor * b / a[i];
    s += term;
    if (std::fabs(term / s) < eps) return s;
    factor *= x + k + 1;
    b /= w;
  }
  return s;
}

inline double trigamma(double x) {
  double result = 0, sign = 1;
  if (x < 0.5) {
    if (x == std::floor(x)) return infinity;
    const double s = std::sin(pi * (x - std::nearbyint(x)));
    result = -(pi / s) * (pi / s);
    sign = -1;
    x = 1 - x;
  }
  for (; x < 10; x += 1) result += 1 / (x * x);
  const double z = 1 / (x * x);
  const double series = 1. / 6 - z * (1. / 30 - z * (1. / 42 - z * (1. / 30 - z * (5. / 66 - z * (691. / 2730)))));
  return sign * (result + (1 + 0.5 / x + z * series) / x);
}

// The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x).
inline double polygamma(double n, double x) {
  if (n == 0) return digamma(x);
  if (n == 1) return trigamma(x);
  const double size = std::exp(std::lgamma(n + 1)) * zeta(n + 1, x);
  return std::fmod(n, 2) == 0 ? -size : size;
}

}  // namespace special
}  // namespace fb
#endif
