// The matrix exponential.
#include <cblas.h>

#include <cmath>

#include "linalg.hpp"
#include "scratch.hpp"

namespace fb {
namespace linalg {
namespace {

FB_LAPACK(getrf)
FB_LAPACK(getrs)

// c = a b for square matrices.
template <class T> void multiply(int n, const T *a, const T *b, T *c) {
  const T one = 1, zero = 0;
  constexpr auto no = CblasNoTrans;
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemm(CblasRowMajor, no, no, n, n, n, one, a, n, b, n, zero, c, n);
  else if constexpr (std::is_same_v<T, double>)
    cblas_dgemm(CblasRowMajor, no, no, n, n, n, one, a, n, b, n, zero, c, n);
  else if constexpr (std::is_same_v<Real<T>, float>)
    cblas_cgemm(CblasRowMajor, no, no, n, n, n, &one, a, n, b, n, &zero, c, n);
  else
    cblas_zgemm(CblasRowMajor, no, no, n, n, n, &one, a, n, b, n, &zero, c, n);
}

// Padé's approximant of degree 13 of a / 2^s, squared s times (Higham 2005, "The scaling and squaring method for the
// matrix exponential revisited", algorithm 2.3).
template <class T> void exponential(int64_t n, const T *in, T *out) {
  constexpr double b[14] = {64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
                            10559470521600,    670442572800,      33522128640,      1323241920,       40840800,
                            960960,            16380,             182,              1};
  constexpr double theta = 5.371920351148152;
  const int64_t size = n * n;
  Real<T> norm = 0;
  for (int64_t j = 0; j < n; ++j) {
    Real<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += std::abs(in[i * n + j]);
    if (!(sum <= norm)) norm = sum;
  }
  if (!std::isfinite(norm)) return void(std::fill_n(out, size, T(std::numeric_limits<Real<T>>::quiet_NaN())));
  int squarings = 0;
  if (norm > theta) squarings = std::max(0, int(std::ceil(std::log2(norm / theta))));
  fbd::Vector<T> a(size), a2(size), a4(size), a6(size), u(size), v(size), work(size);
  const Real<T> scale = std::ldexp(Real<T>(1), -squarings);
  for (int64_t i = 0; i < size; ++i) a[i] = in[i] * scale;
  multiply(int(n), a.data(), a.data(), a2.data());
  multiply(int(n), a2.data(), a2.data(), a4.data());
  multiply(int(n), a2.data(), a4.data(), a6.data());
  // From `first` the terms of degrees 6 + first and more, without their factor a6, and the others.
  auto half = [&](int first, fbd::Vector<T> &result) {
    for (int64_t i = 0; i < size; ++i)
      work[i] = a6[i] * Real<T>(b[12 + first]) + a4[i] * Real<T>(b[10 + first]) + a2[i] * Real<T>(b[8 + first]);
    multiply(int(n), a6.data(), work.data(), result.data());
    for (int64_t i = 0; i < size; ++i)
      result[i] += a6[i] * Real<T>(b[6 + first]) + a4[i] * Real<T>(b[4 + first]) + a2[i] * Real<T>(b[2 + first]);
    for (int64_t i = 0; i < n; ++i) result[i * n + i] += Real<T>(b[first]);
  };
  half(1, v);
  multiply(int(n), a.data(), v.data(), u.data());
  half(0, v);
  for (int64_t i = 0; i < size; ++i) {
    out[i] = v[i] + u[i];
    work[i] = v[i] - u[i];
  }
  // Polynomials of one matrix commute, so the transposes that LAPACK sees solve the same system.
  fbd::Vector<lapack_int> pivots(n);
  getrf<T>(linalg::size(n), linalg::size(n), work.data(), leading(n), pivots.data());
  getrs<T>('N', linalg::size(n), linalg::size(n), work.data(), leading(n), pivots.data(), out, leading(n));
  for (int s = 0; s < squarings; ++s) {
    std::copy_n(out, size, work.data());
    multiply(int(n), work.data(), work.data(), out);
  }
}

}  // namespace
}  // namespace linalg
}  // namespace fb

using namespace fb::linalg;

void fb_matrix_exp(fb_dtype dtype, int64_t n, const void *a, void *x, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = begin; i < end; ++i)
      exponential(n, static_cast<const T *>(a) + i * n * n, static_cast<T *>(x) + i * n * n);
  });
} FBD_NOTES_FAILURE()
