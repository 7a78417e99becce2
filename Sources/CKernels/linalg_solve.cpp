// Factors and solutions of linear systems.
#include <cblas.h>

#include "linalg.hpp"
#include "scratch.hpp"

namespace fb {
namespace linalg {
namespace {

FB_LAPACK(potrf)
FB_LAPACK(getrf)
FB_LAPACK(getrs)
FB_LAPACK(getri)
FB_LAPACK(sytrf)
FB_LAPACK(sytrs)
FB_LAPACK_AS(hetrf, ssytrf, dsytrf, chetrf, zhetrf)
FB_LAPACK_AS(hetrs, ssytrs, dsytrs, chetrs, zhetrs)

template <class T>
void trsm(CBLAS_SIDE side, CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, int m, int n, const T *a, int lda,
          T *b, int ldb) {
  const T one = 1;
  if constexpr (std::is_same_v<T, float>)
    cblas_strsm(CblasRowMajor, side, uplo, trans, diag, m, n, one, a, lda, b, ldb);
  else if constexpr (std::is_same_v<T, double>)
    cblas_dtrsm(CblasRowMajor, side, uplo, trans, diag, m, n, one, a, lda, b, ldb);
  else if constexpr (std::is_same_v<Real<T>, float>)
    cblas_ctrsm(CblasRowMajor, side, uplo, trans, diag, m, n, &one, a, lda, b, ldb);
  else
    cblas_ztrsm(CblasRowMajor, side, uplo, trans, diag, m, n, &one, a, lda, b, ldb);
}

}  // namespace
}  // namespace linalg
}  // namespace fb

using namespace fb::linalg;

// Read by columns, a is its own conjugate and the triangles change places: conj(a) = uᴴ u gives a = uᵀ conj(u).
void fb_cholesky(fb_dtype dtype, bool upper, int64_t n, const void *a, void *l, int32_t *info, int64_t begin,
                 int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t b = begin; b < end; ++b) {
      const T *in = static_cast<const T *>(a) + b * n * n;
      T *out = static_cast<T *>(l) + b * n * n;
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) out[i * n + j] = (upper ? j >= i : j <= i) ? in[i * n + j] : T(0);
      info[b] = potrf<T>(upper ? 'L' : 'U', size(n), out, leading(n));
    }
  });
} FBD_NOTES_FAILURE()

void fb_lu(fb_dtype dtype, int64_t m, int64_t n, const void *a, void *lu, int32_t *pivots, int32_t *info,
           int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<T> columns(m * n);
    for (int64_t b = begin; b < end; ++b) {
      transpose(static_cast<const T *>(a) + b * m * n, m, n, columns.data());
      info[b] = getrf<T>(size(m), size(n), columns.data(), leading(m), pivots + b * std::min(m, n));
      transpose(columns.data(), n, m, static_cast<T *>(lu) + b * m * n);
    }
  });
} FBD_NOTES_FAILURE()

void fb_solve(fb_dtype dtype, int64_t n, int64_t k, const void *a, const void *b, void *x, void *lu, int32_t *pivots,
              int32_t *info, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<T> factors(n * n), right(n * k);
    for (int64_t i = begin; i < end; ++i) {
      transpose(static_cast<const T *>(a) + i * n * n, n, n, factors.data());
      transpose(static_cast<const T *>(b) + i * n * k, n, k, right.data());
      info[i] = getrf<T>(size(n), size(n), factors.data(), leading(n), pivots + i * n);
      getrs<T>('N', size(n), size(k), factors.data(), leading(n), pivots + i * n, right.data(), leading(n));
      transpose(right.data(), k, n, static_cast<T *>(x) + i * n * k);
      transpose(factors.data(), n, n, static_cast<T *>(lu) + i * n * n);
    }
  });
} FBD_NOTES_FAILURE()

// The inverse of the transpose is the transpose of the inverse: nothing needs to be turned.
void fb_inverse(fb_dtype dtype, int64_t n, const void *a, void *x, int32_t *info, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<lapack_int> pivots(n);
    for (int64_t b = begin; b < end; ++b) {
      T *out = static_cast<T *>(x) + b * n * n;
      std::copy_n(static_cast<const T *>(a) + b * n * n, n * n, out);
      info[b] = getrf<T>(size(n), size(n), out, leading(n), pivots.data());
      if (info[b] == 0) info[b] = getri<T>(size(n), out, leading(n), pivots.data());
    }
  });
} FBD_NOTES_FAILURE()

void fb_solve_triangular(fb_dtype dtype, bool upper, bool left, bool unit, bool adjoint, int64_t m, int64_t n,
                         const void *a, const void *b, void *x, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    const int64_t order = left ? m : n;
    for (int64_t i = begin; i < end; ++i) {
      T *out = static_cast<T *>(x) + i * m * n;
      std::copy_n(static_cast<const T *>(b) + i * m * n, m * n, out);
      trsm<T>(left ? CblasLeft : CblasRight, upper ? CblasUpper : CblasLower, adjoint ? CblasConjTrans : CblasNoTrans,
              unit ? CblasUnit : CblasNonUnit, int(m), int(n), static_cast<const T *>(a) + i * order * order,
              leading(order), out, leading(n));
    }
  });
} FBD_NOTES_FAILURE()

void fb_ldl(fb_dtype dtype, bool hermitian, int64_t n, const void *a, void *ld, int32_t *pivots, int32_t *info,
            int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<T> columns(n * n);
    for (int64_t b = begin; b < end; ++b) {
      const T *in = static_cast<const T *>(a) + b * n * n;
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) columns[j * n + i] = j <= i ? in[i * n + j] : T(0);
      info[b] = hermitian ? hetrf<T>('L', size(n), columns.data(), leading(n), pivots + b * n)
                          : sytrf<T>('L', size(n), columns.data(), leading(n), pivots + b * n);
      transpose(columns.data(), n, n, static_cast<T *>(ld) + b * n * n);
    }
  });
} FBD_NOTES_FAILURE()

void fb_ldl_solve(fb_dtype dtype, bool hermitian, int64_t n, int64_t k, const void *ld, const int32_t *pivots,
                  const void *b, void *x, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<T> factors(n * n), right(n * k);
    for (int64_t i = begin; i < end; ++i) {
      transpose(static_cast<const T *>(ld) + i * n * n, n, n, factors.data());
      transpose(static_cast<const T *>(b) + i * n * k, n, k, right.data());
      if (hermitian)
        hetrs<T>('L', size(n), size(k), factors.data(), leading(n), pivots + i * n, right.data(), leading(n));
      else
        sytrs<T>('L', size(n), size(k), factors.data(), leading(n), pivots + i * n, right.data(), leading(n));
      transpose(right.data(), k, n, static_cast<T *>(x) + i * n * k);
    }
  });
} FBD_NOTES_FAILURE()
