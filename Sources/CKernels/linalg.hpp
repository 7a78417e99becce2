// LAPACK's four element types under one name, and copies between row-major and column-major matrices.
#ifndef FB_LINALG_HPP
#define FB_LINALG_HPP
#include <algorithm>
#include <complex>
#include <vector>

#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <lapacke.h>

#include "fb_linalg.h"

namespace fb {
namespace linalg {

template <class T> struct RealOf { using type = T; };
template <class T> struct RealOf<std::complex<T>> { using type = T; };
template <class T> using Real = typename RealOf<T>::type;
template <class T> inline constexpr bool isComplex = !std::is_same_v<T, Real<T>>;

// FB_LAPACK(getrf) declares getrf(args...) that picks sgetrf, dgetrf, cgetrf or zgetrf by a value of the type.
#define FB_LAPACK_AS(name, s, d, c, z)                                                            \
  template <class T, class... A> lapack_int name(A... args) {                                     \
    if constexpr (std::is_same_v<T, float>) return LAPACKE_##s(LAPACK_COL_MAJOR, args...);        \
    else if constexpr (std::is_same_v<T, double>) return LAPACKE_##d(LAPACK_COL_MAJOR, args...);  \
    else if constexpr (isComplex<T> && std::is_same_v<Real<T>, float>)                            \
      return LAPACKE_##c(LAPACK_COL_MAJOR, args...);                                              \
    else return LAPACKE_##z(LAPACK_COL_MAJOR, args...);                                           \
  }
#define FB_LAPACK(name) FB_LAPACK_AS(name, s##name, d##name, c##name, z##name)

// Calls body(T()) with the element type; NaN goes through LAPACK like any number.
template <class Body> void forType(fb_dtype dtype, Body body) {
  static const bool unchecked = (LAPACKE_set_nancheck(0), true);
  (void)unchecked;
  if (dtype == FB_F32) return body(float());
  if (dtype == FB_F64) return body(double());
  if (dtype == FB_C64) return body(std::complex<float>());
  if (dtype == FB_C128) return body(std::complex<double>());
  std::abort();  // the caller checks dtypes
}

// to [columns, rows] = the transpose of from [rows, columns].
template <class T> void transpose(const T *from, int64_t rows, int64_t columns, T *to) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
}

inline lapack_int size(int64_t n) { return lapack_int(n); }
inline lapack_int leading(int64_t n) { return lapack_int(std::max<int64_t>(n, 1)); }

}  // namespace linalg
}  // namespace fb
#endif
