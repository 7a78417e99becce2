// Orthogonal factors, singular values, eigenvalues, least squares.
#include "linalg.hpp"
#include "scratch.hpp"

namespace fb {
namespace linalg {
namespace {

FB_LAPACK(geqrf)
FB_LAPACK(gesdd)
FB_LAPACK(gesvd)
FB_LAPACK(gels)
FB_LAPACK(gelsy)
FB_LAPACK(gelsd)
FB_LAPACK(gelss)
FB_LAPACK_AS(orgqr, sorgqr, dorgqr, cungqr, zungqr)
FB_LAPACK_AS(ormqr, sormqr, dormqr, cunmqr, zunmqr)
FB_LAPACK_AS(heevd, ssyevd, dsyevd, cheevd, zheevd)

// w and v of a column-major matrix, which is destroyed; v is column-major, or NULL.
template <class T>
lapack_int geev(int64_t n, T *a, std::complex<Real<T>> *w, std::complex<Real<T>> *v) {
  const char job = v ? 'V' : 'N';
  const lapack_int order = size(n), ld = leading(n);
  if constexpr (isComplex<T>) {
    if constexpr (std::is_same_v<Real<T>, float>)
      return LAPACKE_cgeev(LAPACK_COL_MAJOR, 'N', job, order, a, ld, w, nullptr, 1, v, ld);
    else
      return LAPACKE_zgeev(LAPACK_COL_MAJOR, 'N', job, order, a, ld, w, nullptr, 1, v, ld);
  } else {
    fbd::Vector<T> re(n), im(n), vectors(v ? n * n : 0);
    lapack_int info;
    if constexpr (std::is_same_v<T, float>)
      info = LAPACKE_sgeev(LAPACK_COL_MAJOR, 'N', job, order, a, ld, re.data(), im.data(), nullptr, 1, vectors.data(), ld);
    else
      info = LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', job, order, a, ld, re.data(), im.data(), nullptr, 1, vectors.data(), ld);
    for (int64_t j = 0; j < n; ++j) w[j] = {re[j], im[j]};
    if (!v) return info;
    // A pair of conjugate values keeps the parts of its vectors in two columns.
    for (int64_t j = 0; j < n; ++j) {
      const T *x = vectors.data() + j * n;
      if (im[j] == 0 || j + 1 == n) {
        for (int64_t i = 0; i < n; ++i) v[j * n + i] = x[i];
      } else {
        for (int64_t i = 0; i < n; ++i) {
          v[j * n + i] = {x[i], x[n + i]};
          v[(j + 1) * n + i] = {x[i], -x[n + i]};
        }
        ++j;
      }
    }
    return info;
  }
}

}  // namespace
}  // namespace linalg
}  // namespace fb

using namespace fb::linalg;

void fb_geqrf(fb_dtype dtype, int64_t m, int64_t n, const void *a, void *qr, void *tau, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<T> columns(m * n);
    for (int64_t b = begin; b < end; ++b) {
      transpose(static_cast<const T *>(a) + b * m * n, m, n, columns.data());
      geqrf<T>(size(m), size(n), columns.data(), leading(m), static_cast<T *>(tau) + b * std::min(m, n));
      transpose(columns.data(), n, m, static_cast<T *>(qr) + b * m * n);
    }
  });
} FBD_NOTES_FAILURE()

void fb_householder(fb_dtype dtype, int64_t m, int64_t n, int64_t columns, int64_t k, const void *v, const void *tau,
                    void *q, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<T> work(m * n);
    for (int64_t b = begin; b < end; ++b) {
      const T *in = static_cast<const T *>(v) + b * m * columns;
      std::fill(work.begin(), work.end(), T(0));
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < std::min(columns, n); ++j) work[j * m + i] = in[i * columns + j];
      orgqr<T>(size(m), size(n), size(k), work.data(), leading(m), static_cast<const T *>(tau) + b * k);
      transpose(work.data(), n, m, static_cast<T *>(q) + b * m * n);
    }
  });
} FBD_NOTES_FAILURE()

void fb_ormqr(fb_dtype dtype, bool left, bool adjoint, int64_t m, int64_t n, int64_t k, const void *v,
              const void *tau, const void *c, void *y, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    const int64_t order = left ? m : n;
    fbd::Vector<T> reflectors(order * k), columns(m * n);
    const char trans = !adjoint ? 'N' : isComplex<T> ? 'C' : 'T';
    for (int64_t b = begin; b < end; ++b) {
      transpose(static_cast<const T *>(v) + b * order * k, order, k, reflectors.data());
      transpose(static_cast<const T *>(c) + b * m * n, m, n, columns.data());
      ormqr<T>(left ? 'L' : 'R', trans, size(m), size(n), size(k), reflectors.data(), leading(order),
               static_cast<const T *>(tau) + b * k, columns.data(), leading(m));
      transpose(columns.data(), n, m, static_cast<T *>(y) + b * m * n);
    }
  });
} FBD_NOTES_FAILURE()

// Read by columns, a is aᵀ = conj(v) s uᵀ: LAPACK's left vectors, read by rows, are vh, its right ones u.
void fb_svd(fb_dtype dtype, bool full, int64_t m, int64_t n, const void *a, void *u, void *s, void *vh, int32_t *info,
            int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    const int64_t k = std::min(m, n), rows = full ? n : k, columns = full ? m : k;
    fbd::Vector<T> work(m * n);
    for (int64_t b = begin; b < end; ++b) {
      const T *in = static_cast<const T *>(a) + b * m * n;
      T *left = u ? static_cast<T *>(u) + b * m * columns : nullptr;
      T *right = vh ? static_cast<T *>(vh) + b * rows * n : nullptr;
      Real<T> *values = static_cast<Real<T> *>(s) + b * k;
      std::copy_n(in, m * n, work.data());
      const char job = !u ? 'N' : full ? 'A' : 'S';
      info[b] = gesdd<T>(job, size(n), size(m), work.data(), leading(n), values, right, leading(n), left,
                         leading(columns));
      if (info[b] > 0) {  // divide and conquer did not converge: the QR iteration does more often
        std::copy_n(in, m * n, work.data());
        fbd::Vector<Real<T>> superdiagonal(std::max<int64_t>(k, 1));
        info[b] = gesvd<T>(job, job, size(n), size(m), work.data(), leading(n), values, right, leading(n), left,
                           leading(columns), superdiagonal.data());
      }
    }
  });
} FBD_NOTES_FAILURE()

void fb_eigh(fb_dtype dtype, bool upper, int64_t n, const void *a, void *w, void *v, int32_t *info, int64_t begin,
             int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    fbd::Vector<T> columns(n * n);
    for (int64_t b = begin; b < end; ++b) {
      transpose(static_cast<const T *>(a) + b * n * n, n, n, columns.data());
      info[b] = heevd<T>(v ? 'V' : 'N', upper ? 'U' : 'L', size(n), columns.data(), leading(n),
                         static_cast<Real<T> *>(w) + b * n);
      if (v) transpose(columns.data(), n, n, static_cast<T *>(v) + b * n * n);
    }
  });
} FBD_NOTES_FAILURE()

void fb_eig(fb_dtype dtype, int64_t n, const void *a, void *w, void *v, int32_t *info, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    using C = std::complex<Real<T>>;
    fbd::Vector<T> columns(n * n);
    fbd::Vector<C> vectors(v ? n * n : 0);
    for (int64_t b = begin; b < end; ++b) {
      transpose(static_cast<const T *>(a) + b * n * n, n, n, columns.data());
      info[b] = geev<T>(n, columns.data(), static_cast<C *>(w) + b * n, v ? vectors.data() : nullptr);
      if (v) transpose(vectors.data(), n, n, static_cast<C *>(v) + b * n * n);
    }
  });
} FBD_NOTES_FAILURE()

void fb_lstsq(fb_dtype dtype, int32_t driver, double rcond, int64_t m, int64_t n, int64_t k, const void *a,
              const void *b, void *x, int64_t *ranks, void *s, int32_t *info, int64_t begin, int64_t end) try {
  forType(dtype, [&](auto zero) {
    using T = decltype(zero);
    const int64_t tall = std::max(m, n), least = std::min(m, n);
    fbd::Vector<T> matrix(m * n), right(tall * k);
    fbd::Vector<lapack_int> order(n);
    for (int64_t i = begin; i < end; ++i) {
      transpose(static_cast<const T *>(a) + i * m * n, m, n, matrix.data());
      const T *in = static_cast<const T *>(b) + i * m * k;
      std::fill(right.begin(), right.end(), T(0));
      for (int64_t r = 0; r < m; ++r)
        for (int64_t c = 0; c < k; ++c) right[c * tall + r] = in[r * k + c];
      lapack_int rank = 0;
      Real<T> *values = s ? static_cast<Real<T> *>(s) + i * least : nullptr;
      switch (driver) {
        case FB_GELS:
          info[i] = gels<T>('N', size(m), size(n), size(k), matrix.data(), leading(m), right.data(), leading(tall));
          break;
        case FB_GELSY:
          std::fill(order.begin(), order.end(), 0);
          info[i] = gelsy<T>(size(m), size(n), size(k), matrix.data(), leading(m), right.data(), leading(tall),
                             order.data(), Real<T>(rcond), &rank);
          break;
        case FB_GELSD:
          info[i] = gelsd<T>(size(m), size(n), size(k), matrix.data(), leading(m), right.data(), leading(tall), values,
                             Real<T>(rcond), &rank);
          break;
        default:
          info[i] = gelss<T>(size(m), size(n), size(k), matrix.data(), leading(m), right.data(), leading(tall), values,
                             Real<T>(rcond), &rank);
      }
      if (ranks) ranks[i] = rank;
      T *out = static_cast<T *>(x) + i * n * k;
      for (int64_t r = 0; r < n; ++r)
        for (int64_t c = 0; c < k; ++c) out[r * k + c] = right[c * tall + r];
    }
  });
} FBD_NOTES_FAILURE()
