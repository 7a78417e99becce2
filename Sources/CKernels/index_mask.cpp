// Masks: nonzero, masked_select, masked_scatter.
#include "failure.hpp"
#include "index.hpp"

namespace fbd {
namespace {

// The bits of an element that make it differ from zero: all but the signs of floating point numbers, whose zero has two.
uint64_t valueBits(fb_dtype dtype) {
  switch (static_cast<fb_dtype_name>(dtype)) {
    case FB_BOOL: case FB_U8: case FB_I8: case FB_I16: case FB_I32: case FB_I64:
    case FB_U16: case FB_U32: case FB_U64: return ~uint64_t(0);
    case FB_F8_E4M3FN: case FB_F8_E5M2: return 0x7f;
    case FB_F16: case FB_BF16: return 0x7fff;
    case FB_F32: return 0x7fffffff;
    case FB_C32: return 0x7fff7fff;
    case FB_C64: return 0x7fffffff7fffffff;
    case FB_F64: case FB_C128: return 0x7fffffffffffffff;  // of each part
  }
  std::abort();
}

// Calls body(i) for every element of begin..<end that is not zero.
template <class Body>
void forEachNonzero(fb_dtype dtype, const void *x, int64_t begin, int64_t end, Body &&body) {
  const uint64_t mask = valueBits(dtype);
  dispatchSize(itemSize(dtype), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *elements = static_cast<const T *>(x);
    for (int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_same_v<T, Bytes16>) {
        if ((elements[i].low | elements[i].high) & mask) body(i);
      } else {
        if (elements[i] & T(mask)) body(i);
      }
    }
  });
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
  forEachNonzero(dtype, x, begin, end, [&](int64_t) { ++count; });
  return count;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_nonzero(fb_dtype dtype, const void *x, int32_t ndim, const int64_t *shape, int64_t *coordinates,
                              int64_t begin, int64_t end) try {
  int64_t count = 0;
  forEachNonzero(dtype, x, begin, end, [&](int64_t i) {
    int64_t *row = coordinates + count++ * ndim;
    for (int32_t d = ndim - 1; d > 0; --d) {
      row[d] = i % shape[d];
      i /= shape[d];
    }
    if (ndim > 0) row[0] = i;
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
