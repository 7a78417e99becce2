// Orthogonal polynomials of degree n, which is truncated; of negative degree they are zero.
#ifndef FB_SPECIAL_POLYNOMIALS_H
#define FB_SPECIAL_POLYNOMIALS_H
#include <cmath>
#include <cstdint>

#include "special.h"

namespace fb {
namespace special {

// What converts to no integer is a negative degree.
inline int64_t degree(double n) { return std::fabs(n) < 9e18 ? int64_t(n) : -1; }

// p(k + 1) = next(k, p(k), p(k - 1)), from p(0) = 1 and p(1) = first.
template <class Next> double recurrence(int64_t n, double first, Next next) {
  if (n < 0) return 0;
  double before = 1, value = first;
  if (n == 0) return before;
  for (int64_t k = 1; k < n && !std::isnan(value); ++k) {
    const double after = next(double(k), value, before);
    before = value;
    value = after;
  }
  return value;
}

// The four kinds differ in p(1); of high degree inside (-1, 1) they are quotients of waves, at the ends known numbers.
inline double chebyshevRecurrence(double x, int64_t n, double first) {
  return recurrence(n, first, [x](double, double p, double q) { return 2 * x * p - q; });
}

inline double chebyshevT(double x, double order) {
  const int64_t n = degree(order);
  if (n >= 0 && std::fabs(x) == 1) return x > 0 || n % 2 == 0 ? 1 : -1;
  if (n > 6 && std::fabs(x) < 1) return std::cos(double(n) * std::acos(x));
  return chebyshevRecurrence(x, n, x);
}
inline double chebyshevU(double x, double order) {
  const int64_t n = degree(order);
  if (n >= 0 && std::fabs(x) == 1) return (x > 0 || n % 2 == 0 ? 1 : -1) * double(n + 1);
  if (n > 8 && std::fabs(x) < 1) return std::sin(double(n + 1) * std::acos(x)) / std::sin(std::acos(x));
  return chebyshevRecurrence(x, n, 2 * x);
}
inline double chebyshevV(double x, double order) {
  const int64_t n = degree(order);
  if (n >= 0 && std::fabs(x) == 1) return x > 0 ? 1 : (n % 2 == 0 ? 1 : -1) * double(2 * n + 1);
  if (n > 8 && std::fabs(x) < 1) return std::cos((double(n) + 0.5) * std::acos(x)) / std::cos(std::acos(x) / 2);
  return chebyshevRecurrence(x, n, 2 * x - 1);
}
inline double chebyshevW(double x, double order) {
  const int64_t n = degree(order);
  if (n >= 0 && std::fabs(x) == 1) return x > 0 ? double(2 * n + 1) : n % 2 == 0 ? 1 : -1;
  if (n > 8 && std::fabs(x) < 1) return std::sin((double(n) + 0.5) * std::acos(x)) / std::sin(std::acos(x) / 2);
  return chebyshevRecurrence(x, n, 2 * x + 1);
}

inline double hermiteH(double x, double n) {
  return recurrence(degree(n), 2 * x, [x](double k, double p, double q) { return 2 * x * p - 2 * k * q; });
}
inline double hermiteHe(double x, double n) {
  return recurrence(degree(n), x, [x](double k, double p, double q) { return x * p - k * q; });
}
inline double laguerreL(double x, double n) {
  return recurrence(degree(n), 1 - x,
                    [x](double k, double p, double q) { return ((2 * k + 1 - x) * p - k * q) / (k + 1); });
}
inline double legendreP(double x, double n) {
  return recurrence(degree(n), x,
                    [x](double k, double p, double q) { return ((2 * k + 1) * x * p - k * q) / (k + 1); });
}

}  // namespace special
}  // namespace fb
#endif
