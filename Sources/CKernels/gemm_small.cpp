// Small float and double products with vector instructions chosen at run time, without BLAS's fixed cost.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gemm_small.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "gemm.hpp"

HWY_BEFORE_NAMESPACE();
namespace fbd {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
namespace hn = hwy::HWY_NAMESPACE;

// rows x (vectors * lanes) block of C: accumulators stay in registers over the whole of k.
template <int rows, int vectors, class D, class T>
HWY_INLINE void block(D d, int64_t k, const T *a, int64_t rowStride, int64_t stepStride, const T *b, int64_t ldb,
                      T *out, int64_t ldOut) {
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> sums[rows][vectors];
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) sums[r][v] = hn::Zero(d);
  for (int64_t p = 0; p < k; ++p) {
    hn::Vec<D> right[vectors];
    for (int v = 0; v < vectors; ++v) right[v] = hn::LoadU(d, b + p * ldb + v * lanes);
    for (int r = 0; r < rows; ++r) {
      const auto left = hn::Set(d, a[r * rowStride + p * stepStride]);
      for (int v = 0; v < vectors; ++v) sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]);
    }
  }
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) hn::StoreU(sums[r][v], d, out + r * ldOut + v * lanes);
}

template <class T>
HWY_INLINE void finish(const Product<T> &p, int64_t i, int64_t j, int64_t rows, int64_t columns, const T *sums,
                       int64_t ldSums) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      T &target = p.c[(i + r) * p.ldc + j + c];
      T value = p.alpha * sums[r * ldSums + c];
      target = p.beta == T(0) ? value : value + p.beta * target;
    }
}

template <class T>
void run(const Product<T> &p) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = int64_t(hn::Lanes(d)), width = 2 * lanes;
  const int64_t rowStride = p.transA ? 1 : p.lda, stepStride = p.transA ? p.lda : 1;
  const bool direct = p.alpha == T(1) && p.beta == T(0);
  constexpr int kRows = 4;
  // Columns of op(B) that are not whole stored rows of vectors are copied, padded with zeros, into `panel`.
  constexpr int64_t kPanel = 4096;
  HWY_ALIGN T panel[kPanel];
  HWY_ALIGN T sums[kRows * 2 * HWY_MAX_BYTES / sizeof(T)];
  const int64_t kStep = std::max<int64_t>(1, kPanel / width);
  for (int64_t j = 0; j < p.n; j += width) {
    const int64_t columns = std::min(width, p.n - j);
    const bool packed = p.transB || columns < width;
    const int64_t chunk = packed ? std::min(p.k, kStep) : p.k;
    const int64_t vectors = columns <= lanes ? 1 : 2, ldPanel = vectors * lanes;
    for (int64_t p0 = 0; p0 < std::max<int64_t>(p.k, 1); p0 += std::max<int64_t>(chunk, 1)) {
      const int64_t depth = std::min(chunk, p.k - p0);
      const T *right = p.b + p0 * p.ldb + j;
      int64_t ldRight = p.ldb;
      if (packed) {
        for (int64_t q = 0; q < depth; ++q) {
          T *row = panel + q * ldPanel;
          for (int64_t c = 0; c < columns; ++c)
            row[c] = p.transB ? p.b[(j + c) * p.ldb + p0 + q] : right[q * p.ldb + c];
          for (int64_t c = columns; c < ldPanel; ++c) row[c] = T(0);
        }
        right = panel;
        ldRight = ldPanel;
      }
      const Product<T> rest{p.transA, p.transB, p.m, p.n, p.k, p.alpha, p.a, p.lda,
                            p.b,      p.ldb,    p0 ? T(1) : p.beta, p.c, p.ldc};
      for (int64_t i = 0; i < p.m; i += kRows) {
        const int64_t rows = std::min<int64_t>(kRows, p.m - i);
        const T *left = p.a + i * rowStride + p0 * stepStride;
        const bool straight = direct && p0 == 0 && columns == ldPanel;
        T *out = straight ? p.c + i * p.ldc + j : sums;
        const int64_t ldOut = straight ? p.ldc : ldPanel;
        auto all = [&](auto r) {
          constexpr int n = decltype(r)::value;
          if (vectors == 2) block<n, 2>(d, depth, left, rowStride, stepStride, right, ldRight, out, ldOut);
          else block<n, 1>(d, depth, left, rowStride, stepStride, right, ldRight, out, ldOut);
        };
        switch (rows) {
          case 1: all(std::integral_constant<int, 1>{}); break;
          case 2: all(std::integral_constant<int, 2>{}); break;
          case 3: all(std::integral_constant<int, 3>{}); break;
          default: all(std::integral_constant<int, 4>{});
        }
        if (!straight) finish(rest, i, j, rows, columns, out, ldOut);
      }
    }
  }
}

void runFloat(const Product<float> &p) { run(p); }
void runDouble(const Product<double> &p) { run(p); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fbd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fbd {
HWY_EXPORT(runFloat);
HWY_EXPORT(runDouble);
void multiplySmall(const Product<float> &p) { HWY_DYNAMIC_DISPATCH(runFloat)(p); }
void multiplySmall(const Product<double> &p) { HWY_DYNAMIC_DISPATCH(runDouble)(p); }
}  // namespace fbd
#endif
