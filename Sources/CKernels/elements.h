// A tensor's memory, seen in the type in which kernels compute.
#ifndef FB_ELEMENTS_H
#define FB_ELEMENTS_H
#include "elementwise_table.h"

namespace fb {

// The elements are used where they are if their type allows it, otherwise by way of packed memory.
struct Elements {
  char *data;
  fb_dtype dtype;
  int32_t compute;

  Elements(const void *data, fb_dtype dtype)
      : data(static_cast<char *>(const_cast<void *>(data))), dtype(dtype), compute(computeOf(dtype)) {}

  bool isDirect() const { return dtype == nativeDtype[compute]; }
  char *at(int64_t k) const { return data + k * static_cast<int64_t>(sizeOf(dtype)); }
  void *place(int64_t k, void *packed) const { return isDirect() ? at(k) : packed; }
  const void *load(int64_t k, size_t n, void *packed) const {
    if (!isDirect()) loadOf(dtype, compute)(at(k), 1, packed, n);
    return place(k, packed);
  }
  void store(const void *packed, int64_t k, size_t n) const {
    if (packed != at(k)) storeOf(compute, dtype)(packed, at(k), 1, n);
  }
};

}  // namespace fb
#endif
