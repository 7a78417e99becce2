// Transposes squares of up to eight by eight floats in registers, for one SIMD target.
#if defined(FB_TRANSPOSE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_TRANSPOSE_INL_H
#undef FB_TRANSPOSE_INL_H
#else
#define FB_TRANSPOSE_INL_H
#endif

#include <hwy/highway.h>

#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

using UpToEight = hn::CappedTag<float, 8>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(UpToEight()));

// Exchanges rows and columns of kLanes vectors.
HWY_INLINE void Transpose(hn::Vec<UpToEight> (&v)[kLanes]) {
  const UpToEight d;
  if constexpr (kLanes >= 4) {
    for (int first = 0; first < kLanes; first += 4) {  // 4x4 in each block of 128 bits
      hn::Vec<UpToEight> *r = v + first;
      const auto a = hn::InterleaveLower(d, r[0], r[2]), b = hn::InterleaveLower(d, r[1], r[3]);
      const auto c = hn::InterleaveUpper(d, r[0], r[2]), e = hn::InterleaveUpper(d, r[1], r[3]);
      r[0] = hn::InterleaveLower(d, a, b);
      r[1] = hn::InterleaveUpper(d, a, b);
      r[2] = hn::InterleaveLower(d, c, e);
      r[3] = hn::InterleaveUpper(d, c, e);
    }
  }
  if constexpr (kLanes == 8) {
    for (int i = 0; i < 4; ++i) {
      const auto low = v[i], high = v[i + 4];
      v[i] = hn::ConcatLowerLower(d, high, low);
      v[i + 4] = hn::ConcatUpperUpper(d, high, low);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#endif
