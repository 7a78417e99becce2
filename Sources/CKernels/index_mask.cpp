// Masks: nonzero, masked_select, masked_scatter.
#include "failure.hpp"
#include "index.hpp"

namespace fbd {
namespace {

// Calls body(i) for every element of begin..<end that is not zero.
template <class T, class Body>
void forEachNonzero(const T *x, int64_t begin, int64_t end, Body &&body) {
  for (int64_t i = begin; i < end; ++i)
    if constexpr (isHalf<T>) {
      if (x[i].bits & 0x7fff) body(i);
    } else {
      if (x[i] != T(0)) body(i);
    }
}

int64_t countTrue(const bool *mask, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += mask[i];
  return count;
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" int64_t fb_count_nonzero(fb_dtype dtype, const void *x, int64_t begin, int64_t end) try {
  int64_t count = 0;
  if (dtype == FB_BOOL) return countTrue(static_cast<const bool *>(x) + begin, end - begin);
  dispatch<kAll>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    forEachNonzero(static_cast<const T *>(x), begin, end, [&](int64_t) { ++count; });
  });
  return count;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_nonzero(fb_dtype dtype, const void *x, int32_t ndim, const int64_t *shape, int64_t *coordinates,
                              int64_t begin, int64_t end) try {
  int64_t count = 0;
  dispatch<kAll>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    forEachNonzero(static_cast<const T *>(x), begin, end, [&](int64_t i) {
      int64_t *row = coordinates + count++ * ndim;
      for (int32_t d = ndim - 1; d > 0; --d) {
        row[d] = i % shape[d];
        i /= shape[d];
      }
      if (ndim > 0) row[0] = i;
    });
  });
  return count;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_masked_select(int64_t item_size, const void *source, const bool *mask, int64_t n, void *out) try {
  int64_t count = 0;
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < n; ++i)
      if (mask[i]) static_cast<T *>(out)[count++] = static_cast<const T *>(source)[i];
  });
  return count;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_masked_scatter(int64_t item_size, void *target, const bool *mask, int64_t n, const void *source,
                                     int64_t source_count) try {
  const int64_t needed = countTrue(mask, n);
  if (needed > source_count) return needed;
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *next = static_cast<const T *>(source);
    for (int64_t i = 0; i < n; ++i)
      if (mask[i]) static_cast<T *>(target)[i] = *next++;
  });
  return needed;
} FBD_NOTES_FAILURE(-1)
