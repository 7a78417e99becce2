// Middling and large products of floats and doubles: the right matrix is packed into panels of two vectors, the left one into
// strips of six rows unless it can be read as it lies, so that the inner loop runs in order (Goto and van de Geijn 2008).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gemm_panels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "gemm.hpp"
#include "scratch.hpp"
#include "strips-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

constexpr int64_t kRows = 144;      // of the left matrix at a time: with a depth of 256 a third of a small second-level cache
constexpr int64_t kColumns = 2048;  // of the right one
// The strip of `rows` stored rows x[i * ld + p]: to[p * rows + i].
template <class T> void PackStrip(const T *x, int64_t ld, int64_t rows, int64_t depth, T *to) {
  using Square = SmallSquare<T>;
  constexpr int64_t side = Square::n;
  int64_t p = 0;
  if (rows == kStrip) {
    for (; p + side <= depth; p += side) {
      for (int64_t i = 0; i < kStrip; ++i) __builtin_prefetch(x + (kStrip + i) * ld + p);  // lines of the next strip
      int64_t i = 0;
      for (; i + side <= kStrip; i += side) Square::transpose(x + i * ld + p, ld, to + p * kStrip + i, kStrip);
      if constexpr (kStrip % side == 2) {
        typename Square::V upper, lower;
        std::memcpy(&upper, x + i * ld + p, 16);
        std::memcpy(&lower, x + (i + 1) * ld + p, 16);
        const typename Square::V pairs[2] = {Square::low(upper, lower), Square::high(upper, lower)};
        T *place = to + p * kStrip + i;
        for (int64_t k = 0; k < side; ++k)
          std::memcpy(place + k * kStrip, reinterpret_cast<const T *>(pairs) + 2 * k, 2 * sizeof(T));
      }
    }
  }
  for (; p < depth; ++p)
    for (int64_t i = 0; i < rows; ++i) to[p * rows + i] = x[i * ld + p];
}

template <class T> void PackStrips(const T *x, int64_t ld, int64_t rows, int64_t depth, T *to) {
  const Strips strips(rows);
  for (int64_t s = 0; s < strips.count; ++s, to += kApart) {
    PackStrip(x + strips.start(s) * ld, ld, strips.rows(s), depth, to + strips.start(s) * depth);
  }
}

// The strips of a matrix x[p * ld + i], whose columns they are. A few lines at a time: columns of a long matrix
// push each other out of the cache.
template <class T> void PackStripsOfColumns(const T *x, int64_t ld, int64_t rows, int64_t depth, T *to) {
  constexpr int64_t kLines = 8;
  const Strips strips(rows);
  for (int64_t first = 0; first < depth; first += kLines) {
    const int64_t end = std::min(depth, first + kLines);
    for (int64_t s = 0; s < strips.count; ++s) {
      const int64_t here = strips.rows(s);
      const T *from = x + strips.start(s);
      T *strip = to + strips.start(s) * depth + s * kApart;
      if (here == kStrip)
        for (int64_t p = first; p < end; ++p) {
          __builtin_prefetch(from + (p + 4 * kLines) * ld);  // the strips' memory is no stream that the processor foresees
          std::memcpy(strip + p * kStrip, from + p * ld, kStrip * sizeof(T));
        }
      else
        for (int64_t p = first; p < end; ++p) std::copy(from + p * ld, from + p * ld + here, strip + p * here);
    }
  }
}

int64_t EvenParts(int64_t length, int64_t most, int64_t multiple) {
  const int64_t parts = (length + most - 1) / most;
  return ((length + parts - 1) / parts + multiple - 1) / multiple * multiple;
}

template <class T> struct Sizes {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const int64_t depths;  // of the inner dimension at a time: a panel fills half of a first-level cache
  explicit Sizes(int64_t k) : depths(EvenParts(k, 16384 / (width * static_cast<int64_t>(sizeof(T))), 8)) {}
  int64_t padded(int64_t columns) const { return (columns + width - 1) / width * width; }
};

template <class T> Panels<T> Pack(const fbd::Product<T> &p, int64_t k, int64_t depth, int64_t j, int64_t columns, T *to) {
  const hn::ScalableTag<T> d;
  return p.transB ? packTransposed(d, p.b + j * p.ldb + k, p.ldb, columns, depth, to)
                  : packPanels(d, p.b + k * p.ldb + j, p.ldb, depth, columns, to);
}

// One depth after the other, the panels of all columns.
template <class T> void PackRight(const fbd::Product<T> &p, T *to) {
  const Sizes<T> sizes(p.k);
  for (int64_t k = 0; k < p.k; k += sizes.depths)
    Pack(p, k, std::min(sizes.depths, p.k - k), 0, p.n, to + k * sizes.padded(p.n));
}

template <class T> void Run(const fbd::Product<T> &p, const T *bias, const fbd::PackedRight<T> &packedRight) {
  const hn::ScalableTag<T> d;
  const Sizes<T> sizes(p.k);
  const int64_t width = sizes.width, depths = sizes.depths, rows = EvenParts(p.m, kRows, kStrip);
  // Rows a multiple of 4 KB apart share the same lines of the cache; others are read as they lie.
  const bool packs = p.transA || (p.m > kStrip && p.lda * static_cast<int64_t>(sizeof(T)) % 4096 == 0);
  const int64_t columns = std::min(p.n, kColumns);
  const int64_t strips = packs ? (rows * depths + Strips(rows).count * kApart + 15) / 16 * 16 : 0;
  const int64_t panelsHere = packedRight.data ? 0 : sizes.padded(columns) * depths;
  fbd::Scratch scratch(static_cast<size_t>(strips + panelsHere) * sizeof(T));
  T *packed = scratch.as<T>(), *right = packed + strips;
  for (int64_t j = 0; j < p.n; j += columns) {
    const int64_t nHere = std::min(columns, p.n - j);
    for (int64_t k = 0; k < p.k; k += depths) {
      const int64_t kHere = std::min(depths, p.k - k);
      const Panels<T> panels =
          packedRight.data ? Panels<T>{packedRight.data + k * sizes.padded(packedRight.columns) +
                                           (packedRight.first + j) * kHere,
                                       kHere * width, width}
                           : Pack(p, k, kHere, j, nHere, right);
      for (int64_t i = 0; i < p.m; i += rows) {
        const int64_t mHere = std::min(rows, p.m - i);
        if (p.transA) PackStripsOfColumns(p.a + k * p.lda + i, p.lda, mHere, kHere, packed);
        else if (packs) PackStrips(p.a + i * p.lda + k, p.lda, mHere, kHere, packed);
        T *c = p.c + i * p.ldc + j;
        const bool adds = k > 0 || (!bias && p.beta != T(0));
        const auto run = [&](auto left) HWY_ATTR {
          multiplyPanels(d, mHere, kHere, left, panels.data, panels.panel, p.alpha, adds ? c : bias ? bias + j : nullptr,
                         adds ? p.ldc : 0, c, p.ldc, nHere);
        };
        if (packs) run(Left<T, true>{packed, 0});
        else run(Left<T, false>{p.a + i * p.lda + k, p.lda});
      }
    }
  }
}

void RunFloat(const fbd::Product<float> &p, const float *bias, const fbd::PackedRight<float> &packed) {
  Run(p, bias, packed);
}
void RunDouble(const fbd::Product<double> &p, const double *bias, const fbd::PackedRight<double> &packed) {
  Run(p, bias, packed);
}
void PackFloat(const fbd::Product<float> &p, float *to) { PackRight(p, to); }
void PackDouble(const fbd::Product<double> &p, double *to) { PackRight(p, to); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(RunFloat);
HWY_EXPORT(RunDouble);
HWY_EXPORT(PackFloat);
HWY_EXPORT(PackDouble);
void runPanels(const fbd::Product<float> &p, const float *bias, const fbd::PackedRight<float> &packed) {
  HWY_DYNAMIC_DISPATCH(RunFloat)(p, bias, packed);
}
void runPanels(const fbd::Product<double> &p, const double *bias, const fbd::PackedRight<double> &packed) {
  HWY_DYNAMIC_DISPATCH(RunDouble)(p, bias, packed);
}
void pack(const fbd::Product<float> &p, float *to) { HWY_DYNAMIC_DISPATCH(PackFloat)(p, to); }
void pack(const fbd::Product<double> &p, double *to) { HWY_DYNAMIC_DISPATCH(PackDouble)(p, to); }
}  // namespace fb
namespace fbd {
void multiplyPanels(const Product<float> &p, const float *bias, const PackedRight<float> &packed) {
  fb::runPanels(p, bias, packed);
}
void multiplyPanels(const Product<double> &p, const double *bias, const PackedRight<double> &packed) {
  fb::runPanels(p, bias, packed);
}
void packRight(const Product<float> &p, float *to) { fb::pack(p, to); }
void packRight(const Product<double> &p, double *to) { fb::pack(p, to); }
// Enough for panels of any target.
int64_t packedElements(int64_t n, int64_t k) { return (n + kPackedColumns - 1) / kPackedColumns * kPackedColumns * k; }
}  // namespace fbd
#endif
