// Small matrix products in vector registers, for one SIMD target: strips of six rows by panels of two vectors.
#if defined(FB_STRIPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_STRIPS_INL_H
#undef FB_STRIPS_INL_H
#else
#define FB_STRIPS_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "transpose_square.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

constexpr int64_t kStrip = 6;

// A matrix in panels of two vectors: element (i, p * width + j) at data[p * panel + i * step + j].
template <class T> struct Panels {
  const T *data;
  int64_t panel, step;
  Panels below(int64_t row) const { return {data + row * step, panel, step}; }
};

// A matrix [rows, columns] as it is, or packed if its columns do not fill the panels.
template <class D, class T = hn::TFromD<D>>
Panels<T> packRows(D d, const T *x, int64_t ld, int64_t rows, int64_t columns, T *packed) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  if (columns % width == 0) return {x, width, ld};
  T *to = packed;
  for (int64_t first = 0; first < columns; first += width) {
    const int64_t count = std::min(width, columns - first);
    for (int64_t i = 0; i < rows; ++i, to += width) {
      std::copy(x + i * ld + first, x + i * ld + first + count, to);
      std::fill(to + count, to + width, T(0));
    }
  }
  return {packed, rows * width, width};
}

// The transpose of a matrix [columns, rows], zeros behind its columns.
template <class D, class T = hn::TFromD<D>>
Panels<T> packTransposed(D d, const T *x, int64_t ld, int64_t columns, int64_t rows, T *packed) {
  constexpr int64_t side = SmallSquare<T>::n;
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  T *to = packed;
  for (int64_t first = 0; first < columns; first += width, to += rows * width) {
    const int64_t count = std::min(width, columns - first);
    if (count < width) std::fill(to, to + rows * width, T(0));
    for (int64_t j = 0; j < count; j += side) {
      const T *from = x + (first + j) * ld;
      int64_t i = 0;
      if (j + side <= count)
        for (; i + side <= rows; i += side) SmallSquare<T>::transpose(from + i, ld, to + i * width + j, width);
      for (; i < rows; ++i)
        for (int64_t k = 0; k < std::min(side, count - j); ++k) to[i * width + j + k] = from[k * ld + i];
    }
  }
  return {packed, rows * width, width};
}

// c [m, columns <= width] = alpha a b, or += : a(i, k) = a[i * aRow + k * aStep], b one panel.
template <int m, class D, class T = hn::TFromD<D>>
HWY_INLINE void multiplyPanel(D d, int64_t depth, const T *HWY_RESTRICT a, int64_t aRow, int64_t aStep,
                              const T *HWY_RESTRICT b, int64_t bStep, T alpha, bool adds, T *HWY_RESTRICT c,
                              int64_t ldc, int64_t columns) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto c00 = hn::Zero(d), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00, c40 = c00,
       c41 = c00, c50 = c00, c51 = c00;
  for (int64_t k = 0; k < depth; ++k, a += aStep, b += bStep) {
    const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + lanes);
#define FB_ROW(i)                              \
  if constexpr (m > i) {                       \
    const auto x = hn::Set(d, a[i * aRow]);    \
    c##i##0 = hn::MulAdd(x, b0, c##i##0);      \
    c##i##1 = hn::MulAdd(x, b1, c##i##1);      \
  }
    FB_ROW(0) FB_ROW(1) FB_ROW(2) FB_ROW(3) FB_ROW(4) FB_ROW(5)
#undef FB_ROW
  }
  const auto scale = hn::Set(d, alpha);
  if (columns == 2 * lanes) {
#define FB_ROW(i)                                                                       \
  if constexpr (m > i) {                                                                \
    T *to = c + i * ldc;                                                                \
    c##i##0 = hn::Mul(c##i##0, scale);                                                  \
    c##i##1 = hn::Mul(c##i##1, scale);                                                  \
    if (adds) {                                                                         \
      c##i##0 = hn::Add(c##i##0, hn::LoadU(d, to));                                     \
      c##i##1 = hn::Add(c##i##1, hn::LoadU(d, to + lanes));                             \
    }                                                                                   \
    hn::StoreU(c##i##0, d, to);                                                         \
    hn::StoreU(c##i##1, d, to + lanes);                                                 \
  }
    FB_ROW(0) FB_ROW(1) FB_ROW(2) FB_ROW(3) FB_ROW(4) FB_ROW(5)
#undef FB_ROW
    return;
  }
  HWY_ALIGN T part[2 * hn::MaxLanes(D())];
#define FB_ROW(i)                                                                              \
  if constexpr (m > i) {                                                                       \
    hn::Store(hn::Mul(c##i##0, scale), d, part);                                               \
    hn::Store(hn::Mul(c##i##1, scale), d, part + lanes);                                       \
    for (int64_t j = 0; j < columns; ++j) c[i * ldc + j] = adds ? c[i * ldc + j] + part[j] : part[j]; \
  }
  FB_ROW(0) FB_ROW(1) FB_ROW(2) FB_ROW(3) FB_ROW(4) FB_ROW(5)
#undef FB_ROW
}

template <int m, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void multiplyStrip(D d, int64_t n, int64_t depth, const T *a, int64_t aRow, int64_t aStep,
                                const Panels<T> &b, T alpha, bool adds, T *c, int64_t ldc) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  const T *panel = b.data;
  for (int64_t j = 0; j < n; j += width, panel += b.panel) {
    multiplyPanel<m>(d, depth, a, aRow, aStep, panel, b.step, alpha, adds, c + j, ldc, std::min(width, n - j));
  }
}

// The same for m <= 6 rows and all n columns.
template <class D, class T = hn::TFromD<D>>
void multiply(D d, int64_t m, int64_t n, int64_t depth, const T *a, int64_t aRow, int64_t aStep, const Panels<T> &b,
              T alpha, bool adds, T *c, int64_t ldc) {
  switch (m) {
    case 1: return multiplyStrip<1>(d, n, depth, a, aRow, aStep, b, alpha, adds, c, ldc);
    case 2: return multiplyStrip<2>(d, n, depth, a, aRow, aStep, b, alpha, adds, c, ldc);
    case 3: return multiplyStrip<3>(d, n, depth, a, aRow, aStep, b, alpha, adds, c, ldc);
    case 4: return multiplyStrip<4>(d, n, depth, a, aRow, aStep, b, alpha, adds, c, ldc);
    case 5: return multiplyStrip<5>(d, n, depth, a, aRow, aStep, b, alpha, adds, c, ldc);
    default: return multiplyStrip<6>(d, n, depth, a, aRow, aStep, b, alpha, adds, c, ldc);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#endif
