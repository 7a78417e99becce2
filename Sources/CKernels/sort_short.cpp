// Short lists of distinct 64-bit integers by Highway's vectorized quicksort, whose last steps are sorting networks.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "sort_short.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/sort/traits-inl.h>
#include <hwy/contrib/sort/vqsort-inl.h>

#include <algorithm>

#include "sort.hpp"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
namespace hn = hwy::HWY_NAMESPACE;

void SortShort(uint64_t *items, int64_t n) {
  using Order = hn::detail::OrderAscending<uint64_t>;
  const hn::detail::SharedTraits<hn::detail::TraitsLane<Order>> traits;
  const hn::SortTag<uint64_t> d;
  HWY_ALIGN uint64_t room[hwy::SortConstants::BufNum<uint64_t>(HWY_MAX_BYTES / sizeof(uint64_t))];
  hn::Sort(d, traits, items, static_cast<size_t>(n), room);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(SortShort);
}  // namespace fb

// The seed of the quicksort's pivots, which no result depends on. Where they keep being bad it turns to a heap sort.
void hwy::Sorter::Fill24Bytes(const void *, size_t n, void *bytes) {
  const uint64_t seed[] = {n, 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9};
  std::copy_n(seed, 3, static_cast<uint64_t *>(bytes));
}

namespace fbd {

void sortShort(uint64_t *items, int64_t n) {
  HWY_DYNAMIC_DISPATCH(fb::SortShort)(items, n);
}

}  // namespace fbd
#endif
