// Matrix products: small ones and large ones by kernels of our own, narrow ones by oneDNN or BLAS, integers by plain loops,
// halves through float.
#include "failure.hpp"
#include "gemm.hpp"

#include <cblas.h>
#include <dnnl.h>

#include "scratch.hpp"
#include "target.hpp"

namespace fbd {
namespace {

CBLAS_TRANSPOSE blasFlag(int trans) {
  return trans == FB_NO_TRANS ? CblasNoTrans : trans == FB_TRANS ? CblasTrans : CblasConjTrans;
}

template <class T>
void scaleC(const Product<T> &p) {
  for (int64_t i = 0; i < p.m; ++i) {
    T *row = p.c + i * p.ldc;
    for (int64_t j = 0; j < p.n; ++j) row[j] = p.beta == T(0) ? T(0) : wrappingMul(p.beta, row[j]);
  }
}

// C becomes rows of the bias, to which the product is to be added.
template <class T>
void startFrom(const T *bias, Product<T> &p) {
  for (int64_t i = 0; i < p.m; ++i) std::copy(bias, bias + p.n, p.c + i * p.ldc);
  p.beta = T(1);
}

bool fitsBlas(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc) {
  return std::max({m, n, k, lda, ldb, ldc}) <= std::numeric_limits<int32_t>::max();
}

// Elements of a column whole kilobytes apart share few lines of the cache.
bool collides(int64_t ld) { return ld > 256 && ld % 256 == 0; }

// Whether our kernel, which packs both matrices, is at least as fast as the libraries' (Docs/decisions.md).
bool suitsPanels(const Product<double> &p) {
  return p.m >= 32 && p.n >= 16 && p.k >= 16 && (p.beta == 0 || p.beta == 1);
}
bool suitsPanels(const Product<float> &p) {
  if (hasFullRate512() || (p.beta != 0 && p.beta != 1)) return false;  // oneDNN's is written for those vectors
  if (p.transA) return p.m >= 96 && p.n >= 96 && p.m * p.n >= 1 << 15 && p.k >= (collides(p.lda) ? 32 : 128);
  return p.n >= 64 && p.k >= 32 && (p.m >= 192 || (p.m >= 64 && !p.transB && collides(p.ldb)));
}

// A leading dimension that BLAS accepts: with one row any value means the same, but BLAS checks it.
template <class T>
void callBlas(const Product<T> &p) {
  const int m = int(p.m), n = int(p.n), k = int(p.k), ldc = int(std::max(p.ldc, p.n));
  const int lda = int(std::max(p.lda, p.transA ? p.m : p.k)), ldb = int(std::max(p.ldb, p.transB ? p.k : p.n));
  const auto ta = blasFlag(p.transA), tb = blasFlag(p.transB);
  // oneDNN's product is the faster one, but where it would walk down columns that collide: for long vectors it copies them.
  if constexpr (std::is_same_v<T, float>) {
    const bool walksDown = ((p.transA && collides(lda)) || (!p.transB && collides(ldb))) && !(p.transA && k <= 64);
    if (hasFullRate512() || (!walksDown && (!p.transA || k < 256 || n < 96)))
      dnnl_sgemm(p.transA ? 'T' : 'N', p.transB ? 'T' : 'N', m, n, k, p.alpha, p.a, lda, p.b, ldb, p.beta, p.c, ldc);
    else cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, p.alpha, p.a, lda, p.b, ldb, p.beta, p.c, ldc);
  } else if constexpr (std::is_same_v<T, double>)
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, p.alpha, p.a, lda, p.b, ldb, p.beta, p.c, ldc);
  else if constexpr (std::is_same_v<T, Complex64>)
    cblas_cgemm(CblasRowMajor, ta, tb, m, n, k, &p.alpha, p.a, lda, p.b, ldb, &p.beta, p.c, ldc);
  else
    cblas_zgemm(CblasRowMajor, ta, tb, m, n, k, &p.alpha, p.a, lda, p.b, ldb, &p.beta, p.c, ldc);
}

// A product with a single row or column reads its matrix once: the matrix-vector routine is faster.
template <class T>
bool multiplyVector(const Product<T> &p) {
  if (p.n != 1 && p.m != 1) return false;
  const bool column = p.n == 1;
  const int trans = column ? p.transA : (p.transB ? FB_NO_TRANS : FB_TRANS);
  const T *matrix = column ? p.a : p.b, *x = column ? p.b : p.a;
  const int64_t length = column ? p.m : p.n;
  const int rows = int(trans ? p.k : length), columns = int(trans ? length : p.k);
  const int ld = std::max(int(column ? p.lda : p.ldb), columns);
  const int incX = int(column ? (p.transB ? 1 : p.ldb) : (p.transA ? p.lda : 1)), incY = column ? int(p.ldc) : 1;
  if (incX < 1 || incY < 1) return false;
  if (p.beta == T(0)) scaleC(p);
  const T beta = p.beta == T(0) ? T(1) : p.beta;
  if constexpr (std::is_same_v<T, float>)
    cblas_sgemv(CblasRowMajor, blasFlag(trans), rows, columns, p.alpha, matrix, ld, x, incX, beta, p.c, incY);
  else
    cblas_dgemv(CblasRowMajor, blasFlag(trans), rows, columns, p.alpha, matrix, ld, x, incX, beta, p.c, incY);
  return true;
}

// A product of a column and a row: nothing but the result's memory takes time.
template <class T>
bool multiplyOuter(const Product<T> &p) {
  if (p.k != 1 || (p.transB && p.ldb != 1) || (p.beta != T(0) && p.beta != T(1))) return false;
  for (int64_t i = 0; i < p.m; ++i) {
    const T left = p.alpha * p.a[p.transA ? i : i * p.lda], *right = p.b;
    T *row = p.c + i * p.ldc;
    if (p.beta == T(0))
      for (int64_t j = 0; j < p.n; ++j) row[j] = left * right[j];
    else
      for (int64_t j = 0; j < p.n; ++j) row[j] += left * right[j];
  }
  return true;
}

// Matrices of two to four columns and few rows, of which there are many in a batch.
template <int n, class T>
void multiplyColumns(const Product<T> &p) {
  const int64_t rowStride = p.transA ? 1 : p.lda, stepStride = p.transA ? p.lda : 1;
  const int64_t down = p.transB ? 1 : p.ldb, across = p.transB ? p.ldb : 1;
  for (int64_t i = 0; i < p.m; ++i) {
    T sums[n] = {};
    for (int64_t q = 0; q < p.k; ++q) {
      const T left = p.a[i * rowStride + q * stepStride];
      for (int64_t j = 0; j < n; ++j) sums[j] += left * p.b[q * down + j * across];
    }
    T *row = p.c + i * p.ldc;
    for (int64_t j = 0; j < n; ++j) row[j] = p.beta == T(0) ? p.alpha * sums[j] : p.alpha * sums[j] + p.beta * row[j];
  }
}

template <class T>
bool multiplyTiny(const Product<T> &p) {
  if (p.m * p.k > 32) return false;
  switch (p.n) {
    case 2: multiplyColumns<2>(p); return true;
    case 3: multiplyColumns<3>(p); return true;
    case 4: multiplyColumns<4>(p); return true;
    default: return false;
  }
}

// The bias, if there is one, is added to each row and takes the place of beta C.
template <class T>
void callOnce(Product<T> p, const T *bias, bool packs, const PackedRight<T> &packed) {
  if constexpr (!isComplex<T>) {
    if (packs) return multiplyPanels(p, bias, packed);
  }
  if (bias) startFrom(bias, p);
  if constexpr (!isComplex<T>) {
    if (multiplyVector(p) || multiplyOuter(p)) return;
  }
  callBlas(p);
}

// A large product cut along its longer side into pieces that depend on its shape alone, so that the result does not
// depend on the number of threads. BLAS's own threads are not asked: they would wait for each other, and spin for more
// work while ours need the core. Our kernel's numbers do not depend on the cut: one thread alone packs everything once.
template <class T>
void multiplyInPieces(const Product<T> &p, const T *bias, const PackedRight<T> &packed = {}) {
  constexpr int64_t kSide = 256;  // narrower pieces spend too much on copying the other matrix together
  const bool byRows = p.m >= p.n;
  const int64_t side = byRows ? p.m : p.n, work = p.m * p.n * p.k;
  const int64_t worthIt = p.m == 1 || p.n == 1 || p.k == 1 ? work >> 18 : work >> 21;
  const int64_t most = std::min(worthIt, std::max(side / kSide, std::min<int64_t>(2, side / (kSide / 2))));
  bool packs = packed.data != nullptr;
  if constexpr (!isComplex<T>) packs = packs || suitsPanels(p);
  if (most < 2 || (packs && sharingThreads() == 1)) return callOnce(p, bias, packs, packed);
  int64_t wanted = 2;  // a power of two, so that two, four, ... threads get equal shares
  while (2 * wanted <= most) wanted *= 2;
  struct Pieces { const Product<T> &p; const T *bias; const PackedRight<T> &packed; bool packs, byRows; int64_t length; };
  Pieces pieces{p, bias, packed, packs, byRows, (side + wanted - 1) / wanted};
  const int64_t step = packed.data && !byRows ? kPackedColumns : 16;
  pieces.length = (pieces.length + step - 1) / step * step;
  parallelFor((side + pieces.length - 1) / pieces.length, [](void *raw, int64_t i) {
    const Pieces &pieces = *static_cast<Pieces *>(raw);
    Product<T> part = pieces.p;
    PackedRight<T> packed = pieces.packed;
    const T *bias = pieces.bias;
    const int64_t start = i * pieces.length;
    if (pieces.byRows) {
      part.m = std::min(pieces.length, part.m - start);
      part.a += start * (part.transA ? 1 : part.lda);
      part.c += start * part.ldc;
    } else {
      part.n = std::min(pieces.length, part.n - start);
      part.b += start * (part.transB ? part.ldb : 1);
      part.c += start;
      packed.first += start;
      if (bias) bias += start;
    }
    callOnce(part, bias, pieces.packs, packed);
  }, &pieces);
}

// Any type, any size. Rows of op(B) are made contiguous in blocks, so that the inner loop runs over memory in order.
template <class T>
void multiplyPlain(const Product<T> &p) {
  constexpr int64_t kDepth = 64, kWidth = 256;
  scaleC(p);
  const int64_t rowStride = p.transA ? 1 : p.lda, stepStride = p.transA ? p.lda : 1;
  Scratch scratch(p.transB ? kDepth * kWidth * sizeof(T) : 0);
  for (int64_t j0 = 0; j0 < p.n; j0 += kWidth)
    for (int64_t p0 = 0; p0 < p.k; p0 += kDepth) {
      const int64_t width = std::min(kWidth, p.n - j0), depth = std::min(kDepth, p.k - p0);
      const T *b = p.b + p0 * p.ldb + j0;
      int64_t ldb = p.ldb;
      if (p.transB) {
        T *packed = scratch.as<T>();
        for (int64_t j = 0; j < width; ++j)
          for (int64_t q = 0; q < depth; ++q) {
            T value = p.b[(j0 + j) * p.ldb + p0 + q];
            if constexpr (isComplex<T>)
              if (p.transB == FB_CONJ_TRANS) value = std::conj(value);
            packed[q * width + j] = value;
          }
        b = packed;
        ldb = width;
      }
      for (int64_t i = 0; i < p.m; ++i) {
        T *row = p.c + i * p.ldc + j0;
        for (int64_t q = 0; q < depth; ++q) {
          T left = p.a[i * rowStride + (p0 + q) * stepStride];
          if constexpr (isComplex<T>)
            if (p.transA == FB_CONJ_TRANS) left = std::conj(left);
          left = wrappingMul(left, p.alpha);
          const T *right = b + q * ldb;
          for (int64_t j = 0; j < width; ++j) row[j] = wrappingAdd(row[j], wrappingMul(left, right[j]));
        }
      }
    }
}

}  // namespace

template <class T>
void multiply(Product<T> p, const T *bias, const PackedRight<T> &packed) {
  if (p.m == 0 || p.n == 0) return;
  if (bias && (p.k == 0 || p.alpha == T(0))) {
    startFrom(bias, p);
    return;
  }
  if (p.k == 0 || p.alpha == T(0)) return scaleC(p);
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    if (packed.data) return multiplyInPieces(p, bias, packed);
    const int64_t work = p.m * p.n * p.k;
    const bool small = p.m == 1 || p.n == 1 ? work < kSmallProduct / 8 : work < kSmallProduct;
    if (small) {
      if (bias) startFrom(bias, p);
      if (!multiplyTiny(p)) multiplySmall(p);
      return;
    }
    if (fitsBlas(p.m, p.n, p.k, p.lda, p.ldb, p.ldc)) {
      adoptThreadCount(0);
      return multiplyInPieces(p, bias);
    }
  }
  if constexpr (isComplex<T>) {
    if (p.m * p.n * p.k >= 64 && fitsBlas(p.m, p.n, p.k, p.lda, p.ldb, p.ldc)) {
      adoptThreadCount(0);
      return multiplyInPieces(p, bias);
    }
  }
  if (bias) startFrom(bias, p);
  multiplyPlain(p);
}

template void multiply(Product<float>, const float *, const PackedRight<float> &);
template void multiply(Product<double>, const double *, const PackedRight<double> &);
template void multiply(Product<Complex64>, const Complex64 *, const PackedRight<Complex64> &);
template void multiply(Product<Complex128>, const Complex128 *, const PackedRight<Complex128> &);
template void multiply(Product<uint8_t>, const uint8_t *, const PackedRight<uint8_t> &);
template void multiply(Product<int8_t>, const int8_t *, const PackedRight<int8_t> &);
template void multiply(Product<int16_t>, const int16_t *, const PackedRight<int16_t> &);
template void multiply(Product<int32_t>, const int32_t *, const PackedRight<int32_t> &);
template void multiply(Product<int64_t>, const int64_t *, const PackedRight<int64_t> &);

namespace {

template <class T>
T scalar(const fb_scalar &value) {
  if constexpr (isComplex<T>) return T(typename T::value_type(value.re), typename T::value_type(value.im));
  else if constexpr (std::is_integral_v<T>) return T(value.i);
  else return T(value.re);
}

template <class T>
void widen(const T *from, int64_t rows, int64_t columns, int64_t ld, float *to) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = float(from[i * ld + j]);
}

// Halves: B is widened whole unless it is packed, A and C in blocks of rows.
template <class T>
void multiplyHalf(const Product<T> &p, float alpha, float beta, const T *bias, const PackedRight<float> &packed) {
  if (p.m == 0 || p.n == 0) return;
  const int64_t block = std::min<int64_t>(p.m, 128), n = p.n, k = p.k, rightSize = packed.data ? 0 : k * n;
  Scratch scratch((rightSize + block * k + block * n) * sizeof(float));
  float *wideB = scratch.as<float>(), *wideA = wideB + rightSize, *wideC = wideA + block * k;
  if (!packed.data) p.transB ? widen(p.b, n, k, p.ldb, wideB) : widen(p.b, k, n, p.ldb, wideB);
  for (int64_t i = 0; i < p.m; i += block) {
    const int64_t rows = std::min(block, p.m - i);
    T *c = p.c + i * p.ldc;
    if (k > 0) p.transA ? widen(p.a + i, k, rows, p.lda, wideA) : widen(p.a + i * p.lda, rows, k, p.lda, wideA);
    if (bias) widen(bias, rows, n, 0, wideC);
    else if (beta != 0) widen(c, rows, n, p.ldc, wideC);
    multiply(Product<float>{p.transA, p.transB, rows, n, k, alpha, wideA, p.transA ? rows : k, wideB, p.transB ? k : n,
                            bias ? 1.f : beta, wideC, n}, static_cast<const float *>(nullptr), packed);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < n; ++j) c[r * p.ldc + j] = T(wideC[r * n + j]);
  }
}

template <class T>
void multiplyBatch(const fb_gemm_args &args, int64_t batch) {
  int64_t offsetA = 0, offsetB = 0, offsetC = 0;
  for (int32_t dim = args.batch_ndim - 1; dim >= 0; --dim) {
    const int64_t position = batch % args.batch_shape[dim];
    batch /= args.batch_shape[dim];
    offsetA += position * args.batch_stride_a[dim];
    offsetB += position * args.batch_stride_b[dim];
    offsetC += position * args.batch_stride_c[dim];
  }
  const T *bias = static_cast<const T *>(args.bias);
  Product<T> p{args.trans_a, args.trans_b, args.m, args.n, args.k, scalar<T>(args.alpha),
               static_cast<const T *>(args.a) + offsetA, args.lda, static_cast<const T *>(args.b) + offsetB, args.ldb,
               scalar<T>(args.beta), static_cast<T *>(args.c) + offsetC, args.ldc};
  if constexpr (isHalf<T>) {
    multiplyHalf(p, float(args.alpha.re), float(args.beta.re), bias,
                 {static_cast<const float *>(args.packed_b), p.n, 0});
  } else {
    multiply(p, bias, {static_cast<const T *>(args.packed_b), p.n, 0});
  }
}

}  // namespace
}  // namespace fbd

extern "C" bool fb_gemm_is_parallel(const fb_gemm_args *args) {
  bool isInteger = false;
  fbd::dispatch<fbd::kNumbers | fbd::kComplexes>(args->dtype, [&](auto tag) {
    isInteger = std::is_integral_v<typename decltype(tag)::type>;
  });
  return !isInteger && args->m * args->n * args->k >= fbd::kSmallProduct;
}

extern "C" bool fb_gemm_suits_packed(const fb_gemm_args *args) {
  bool isReal = false;
  fbd::dispatch<fbd::kNumbers | fbd::kComplexes>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    isReal = fbd::isHalf<T> || std::is_floating_point_v<T>;
  });
  const double beta = args->beta.re;
  return isReal && args->batch_ndim == 0 && (beta == 0 || beta == 1) && args->m >= 2 && args->n >= 16 && args->k >= 16 &&
         args->m * args->n * args->k >= fbd::kSmallProduct;
}

extern "C" int64_t fb_gemm_packed_size(fb_dtype dtype, int64_t n, int64_t k) {
  return fbd::packedElements(n, k) * int64_t(dtype == FB_F64 ? sizeof(double) : sizeof(float));
}

extern "C" void fb_gemm_pack(const fb_gemm_args *args, void *packed) try {
  using namespace fbd;
  dispatch<kNumbers>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *b = static_cast<const T *>(args->b);
    const auto pack = [&](const auto *from, int64_t ld, auto *to) {
      Product<std::remove_pointer_t<decltype(to)>> p{};
      p.transB = args->trans_b, p.n = args->n, p.k = args->k, p.b = from, p.ldb = ld;
      packRight(p, to);
    };
    if constexpr (isHalf<T>) {
      const int64_t rows = args->trans_b ? args->n : args->k, columns = args->trans_b ? args->k : args->n;
      const Scratch scratch(size_t(rows * columns) * sizeof(float));
      widen(b, rows, columns, args->ldb, scratch.as<float>());
      pack(scratch.as<const float>(), columns, static_cast<float *>(packed));
    } else if constexpr (std::is_floating_point_v<T>) {
      pack(b, args->ldb, static_cast<T *>(packed));
    }
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_gemm(const fb_gemm_args *args, int64_t begin, int64_t end) try {
  using namespace fbd;
  if (begin >= end) return;
  dispatch<kNumbers | kComplexes>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    // Many products of middling size: one thread each is better than all threads on each in turn.
    constexpr int64_t kLarge = int64_t(1) << 21;
    if (end - begin > 1 && fb_gemm_is_parallel(args) && args->m * args->n * args->k < kLarge) {
      struct Context { const fb_gemm_args *args; int64_t begin; } context{args, begin};
      return parallelFor(end - begin, [](void *raw, int64_t i) {
        Context &context = *static_cast<Context *>(raw);
        multiplyBatch<T>(*context.args, context.begin + i);
      }, &context);
    }
    for (int64_t batch = begin; batch < end; ++batch) multiplyBatch<T>(*args, batch);
  });
} FBD_NOTES_FAILURE()
