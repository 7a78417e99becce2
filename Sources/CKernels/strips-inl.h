// Small matrix products in vector registers, for one SIMD target: strips of six rows by panels of two vectors.
#if defined(FB_STRIPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_STRIPS_INL_H
#undef FB_STRIPS_INL_H
#else
#define FB_STRIPS_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "transpose-inl.h"
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

// A matrix x[p * ld + j], packed in any case, zeros behind its columns.
template <class D, class T = hn::TFromD<D>>
Panels<T> packPanels(D d, const T *x, int64_t ld, int64_t depth, int64_t columns, T *to) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), width = 2 * lanes;
  T *const packed = to;
  for (int64_t j = 0; j < columns; j += width, to += depth * width) {
    const T *from = x + j;
    const int64_t count = std::min(width, columns - j);
    if (count == width) {
      for (int64_t p = 0; p < depth; ++p) {
        hn::StoreU(hn::LoadU(d, from + p * ld), d, to + p * width);
        hn::StoreU(hn::LoadU(d, from + p * ld + lanes), d, to + p * width + lanes);
      }
    } else {
      for (int64_t p = 0; p < depth; ++p) {
        std::copy(from + p * ld, from + p * ld + count, to + p * width);
        std::fill(to + p * width + count, to + (p + 1) * width, T(0));
      }
    }
  }
  return {packed, depth * width, width};
}

// to[k * toStep + i] = from[i * fromStep + k] for i and k below kSide.
template <class T> constexpr int64_t kSide = std::is_same_v<T, float> ? kLanes : SmallSquare<T>::n;

template <class T> HWY_INLINE void transposeSquare(const T *from, int64_t fromStep, T *to, int64_t toStep) {
  if constexpr (std::is_same_v<T, float>) {
    const UpToEight d;
    hn::Vec<UpToEight> v[kLanes];
    for (int i = 0; i < kLanes; ++i) v[i] = hn::LoadU(d, from + i * fromStep);
    Transpose(v);
    for (int i = 0; i < kLanes; ++i) hn::StoreU(v[i], d, to + i * toStep);
  } else {
    SmallSquare<T>::transpose(from, fromStep, to, toStep);
  }
}

// The transpose of a matrix [columns, rows], zeros behind its columns.
template <class D, class T = hn::TFromD<D>>
Panels<T> packTransposed(D d, const T *x, int64_t ld, int64_t columns, int64_t rows, T *packed) {
  constexpr int64_t side = kSide<T>;
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  T *to = packed;
  for (int64_t first = 0; first < columns; first += width, to += rows * width) {
    const int64_t count = std::min(width, columns - first);
    if (count < width) std::fill(to, to + rows * width, T(0));
    for (int64_t j = 0; j < count; j += side) {
      const T *from = x + (first + j) * ld;
      int64_t i = 0;
      if (j + side <= count)
        for (; i + side <= rows; i += side) {
          for (int64_t k = 0; k < side; ++k) __builtin_prefetch(from + (side + k) * ld + i);  // lines of the next squares
          transposeSquare(from + i, ld, to + i * width + j, width);
        }
      for (; i < rows; ++i)
        for (int64_t k = 0; k < std::min(side, count - j); ++k) to[i * width + j + k] = from[k * ld + i];
    }
  }
  return {packed, rows * width, width};
}

// Vectors of one or, `bPanel` apart, of several panels.
template <int m, int vectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void multiplyVectors(D d, int64_t depth, const T *HWY_RESTRICT a, int64_t aRow, int64_t aStep,
                                const T *HWY_RESTRICT b, int64_t bStep, int64_t bPanel, T alpha, const T *start,
                                int64_t startStep, T *c, int64_t ldc, int64_t columns) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> sums[m][vectors];
  for (int i = 0; i < m; ++i)
    for (int v = 0; v < vectors; ++v) sums[i][v] = hn::Zero(d);
#pragma clang loop unroll_count(4)
  for (int64_t k = 0; k < depth; ++k, a += aStep, b += bStep) {
    hn::Vec<D> right[vectors];
    for (int v = 0; v < vectors; ++v) right[v] = hn::LoadU(d, b + v / 2 * bPanel + v % 2 * lanes);
    for (int i = 0; i < m; ++i) {
      const auto x = hn::Set(d, a[i * aRow]);
      for (int v = 0; v < vectors; ++v) sums[i][v] = hn::MulAdd(x, right[v], sums[i][v]);
    }
  }
  const auto scale = hn::Set(d, alpha);
  const bool isWhole = columns == vectors * lanes;
  const size_t rest = static_cast<size_t>(columns - (vectors - 1) * lanes);
  for (int i = 0; i < m; ++i) {
    for (int v = 0; v < vectors; ++v) {
      const T *from = start + i * startStep + v * lanes;
      T *to = c + i * ldc + v * lanes;
      auto y = hn::Mul(sums[i][v], scale);
      if (isWhole || v < vectors - 1) {
        if (start) y = hn::Add(y, hn::LoadU(d, from));
        hn::StoreU(y, d, to);
      } else {
        if (start) y = hn::Add(y, LoadPart(d, from, rest));
        StorePart(y, d, to, rest);
      }
    }
  }
}

// c [m, columns <= width] = alpha a b + start: a(i, k) = a[i * aRow + k * aStep], b one panel; start(i, j) =
// start[i * startStep + j], or zeros if it is null; it may be c.
template <int m, class D, class T = hn::TFromD<D>>
HWY_INLINE void multiplyPanel(D d, int64_t depth, const T *a, int64_t aRow, int64_t aStep, const T *b, int64_t bStep,
                              T alpha, const T *start, int64_t startStep, T *c, int64_t ldc, int64_t columns) {
  if (columns > static_cast<int64_t>(hn::Lanes(d)))
    multiplyVectors<m, 2>(d, depth, a, aRow, aStep, b, bStep, 0, alpha, start, startStep, c, ldc, columns);
  else multiplyVectors<m, 1>(d, depth, a, aRow, aStep, b, bStep, 0, alpha, start, startStep, c, ldc, columns);
}

template <int m, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void multiplyStrip(D d, int64_t n, int64_t depth, const T *a, int64_t aRow, int64_t aStep,
                                const Panels<T> &b, T alpha, bool adds, T *c, int64_t ldc) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  const T *panel = b.data;
  for (int64_t j = 0; j < n; j += width, panel += b.panel) {
    multiplyPanel<m>(d, depth, a, aRow, aStep, panel, b.step, alpha, adds ? c + j : nullptr, ldc, c + j, ldc,
                     std::min(width, n - j));
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

// Rows cut into strips of at most six, as even as can be: one or two rows alone would not keep the adders busy.
class Strips {
 public:
  explicit Strips(int64_t rows)
      : count((rows + kStrip - 1) / kStrip), shortest(rows / std::max<int64_t>(count, 1)), longer(rows - shortest * count) {}
  const int64_t count;
  int64_t start(int64_t strip) const { return strip * shortest + std::min(strip, longer); }
  int64_t rows(int64_t strip) const { return shortest + (strip < longer ? 1 : 0); }

 private:
  const int64_t shortest, longer;
};

constexpr int64_t kApart = 16;  // elements between packed strips, so that they do not share the same lines of the cache

// The left matrix of a product: stored rows `ld` apart, or packed strips: element (i, k) of a strip of m rows at k * m + i.
template <class T, bool isPacked> struct Left {
  const T *data;
  int64_t ld;
  const T *strip(const Strips &strips, int64_t s, int64_t depth) const {
    return data + (isPacked ? strips.start(s) * depth + s * kApart : strips.start(s) * ld);
  }
};

template <int m, bool isPacked, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void multiplyStripByPanel(D d, int64_t depth, const T *strip, int64_t ld, const T *panel, T alpha,
                                       const T *start, int64_t startStep, T *c, int64_t ldc, int64_t columns) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  for (int i = 0; i < m; ++i) {  // by the time that the product is there, so is the memory to which it goes
    __builtin_prefetch(c + i * ldc);
    __builtin_prefetch(c + i * ldc + width - 1);
  }
  multiplyPanel<m>(d, depth, strip, isPacked ? 1 : ld, isPacked ? m : 1, panel, width, alpha, start, startStep, c, ldc,
                   columns);
}

// c [rows, columns <= width] = alpha a b + start for any number of rows: the packed panel stays in the first-level cache.
template <class D, bool isPacked, class T = hn::TFromD<D>>
void multiplyRows(D d, int64_t rows, int64_t depth, Left<T, isPacked> a, const T *panel, T alpha, const T *start,
                  int64_t startStep, T *c, int64_t ldc, int64_t columns) {
  const Strips strips(rows);
  for (int64_t s = 0; s < strips.count; ++s) {
    const int64_t row = strips.start(s);
    const auto run = [&](auto m) HWY_ATTR {
      multiplyStripByPanel<m, isPacked>(d, depth, a.strip(strips, s, depth), a.ld, panel, alpha,
                                        start ? start + row * startStep : nullptr, startStep, c + row * ldc, ldc, columns);
    };
    switch (strips.rows(s)) {
      case 1: run(std::integral_constant<int, 1>()); break;
      case 2: run(std::integral_constant<int, 2>()); break;
      case 3: run(std::integral_constant<int, 3>()); break;
      case 4: run(std::integral_constant<int, 4>()); break;
      case 5: run(std::integral_constant<int, 5>()); break;
      default: run(std::integral_constant<int, 6>());
    }
  }
}

// One or two rows by several whole panels at once: the sums of a single panel would wait for each other. How many columns
// that were.
template <int m, class D, bool isPacked, class T = hn::TFromD<D>>
HWY_NOINLINE int64_t multiplyFewRows(D d, int64_t depth, Left<T, isPacked> a, const T *panels, int64_t panel, T alpha,
                                     const T *start, int64_t startStep, T *c, int64_t ldc, int64_t columns) {
  constexpr int64_t together = 4 / m;
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d)), step = together * width;
  int64_t j = 0;
  for (; j + step <= columns; j += step, panels += together * panel)
    multiplyVectors<m, 2 * together>(d, depth, a.data, isPacked ? 1 : a.ld, isPacked ? m : 1, panels, width, panel, alpha,
                                     start ? start + j : nullptr, startStep, c + j, ldc, step);
  return j;
}

// c [rows, columns] = alpha a b + start: b in packed panels that lie `panel` elements apart.
template <class D, bool isPacked, class T = hn::TFromD<D>>
void multiplyPanels(D d, int64_t rows, int64_t depth, Left<T, isPacked> a, const T *panels, int64_t panel, T alpha,
                    const T *start, int64_t startStep, T *c, int64_t ldc, int64_t columns) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(d));
  int64_t j = 0;
  if (rows == 1) j = multiplyFewRows<1>(d, depth, a, panels, panel, alpha, start, startStep, c, ldc, columns);
  if (rows == 2) j = multiplyFewRows<2>(d, depth, a, panels, panel, alpha, start, startStep, c, ldc, columns);
  for (; j < columns; j += width)
    multiplyRows(d, rows, depth, a, panels + j / width * panel, alpha, start ? start + j : nullptr, startStep, c + j, ldc,
                 std::min(width, columns - j));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#endif
