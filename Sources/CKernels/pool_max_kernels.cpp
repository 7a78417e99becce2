// Maximum pooling of float rows in vectors of outputs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pool_max_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "pool_max_kernels.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// The first maximum counts; among several NaNs the last.
template <bool hasPlaces, bool isSpread, class D> void Outputs(D d, const MaxPoolRow &row) {
  const hn::RebindToSigned<D> di;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t next = row.first; next < row.end; next += lanes) {
    const int64_t o = HWY_MIN(next, row.end - lanes);  // the last vector may repeat outputs
    const int64_t column = o * row.stride + row.shift;
    auto best = hn::Set(d, -std::numeric_limits<float>::infinity());
    auto place = hn::Set(di, static_cast<int32_t>(row.rows[0] + column));  // of the first element, but for the lane
    for (int64_t r = 0; r < row.rowCount; ++r) {
      const float *from = row.x + row.rows[r] + column;
      const auto look = [&](hn::Vec<D> v, int64_t k) HWY_ATTR {
        const auto takes = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
        best = hn::IfThenElse(takes, v, best);
        if constexpr (hasPlaces) {
          const auto here = hn::Set(di, static_cast<int32_t>(row.rows[r] + column + k));
          place = hn::IfThenElse(hn::RebindMask(di, takes), here, place);
        }
      };
      if constexpr (isSpread) {
        for (int64_t k = 0; k < row.kernel; k += 2) {
          hn::Vec<D> even, odd;
          hn::LoadInterleaved2(d, from + k, even, odd);
          look(even, k);
          if (k + 1 < row.kernel) look(odd, k + 1);
        }
      } else {
        for (int64_t k = 0; k < row.kernel; ++k) look(hn::LoadU(d, from + k), k);
      }
    }
    hn::StoreU(best, d, row.y + o);
    if constexpr (hasPlaces) {
      HWY_ALIGN int32_t places[hn::MaxLanes(d)];
      hn::Store(place, di, places);
      for (int64_t i = 0; i < lanes; ++i) row.places[o + i] = places[i] + i * row.stride;
    }
  }
}

template <class D> bool OutputsOf(D d, const MaxPoolRow &row) {
  if (row.end - row.first < static_cast<int64_t>(hn::Lanes(d))) return false;
  if (row.stride == 2) row.places ? Outputs<true, true>(d, row) : Outputs<false, true>(d, row);
  else row.places ? Outputs<true, false>(d, row) : Outputs<false, false>(d, row);
  return true;
}

bool MaxPoolOutputs(const MaxPoolRow &row) {
  return OutputsOf(hn::ScalableTag<float>(), row) || OutputsOf(hn::CappedTag<float, 4>(), row);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(MaxPoolOutputs);
bool maxPoolRow(const MaxPoolRow &row) { return HWY_DYNAMIC_DISPATCH(MaxPoolOutputs)(row); }
}  // namespace fb
#endif
