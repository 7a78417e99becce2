// Distinct values and rows.
#include "failure.hpp"
#include "sort.hpp"

namespace fbd {
namespace {

// Walks runs of equal neighbours: order(i) is the i-th element's position, same(a, b) compares two positions.
template <class Order, class Same, class Begin>
int64_t collectRuns(int64_t n, int64_t *inverse, int64_t *counts, Order order, Same same, Begin beginRun) {
  int64_t runs = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t position = order(i);
    if (i == 0 || !same(order(i - 1), position)) {
      beginRun(runs, position);
      if (counts) counts[runs] = 0;
      ++runs;
    }
    if (counts) ++counts[runs - 1];
    if (inverse) inverse[position] = runs - 1;
  }
  return runs;
}

int64_t itself(int64_t i) { return i; }

template <class T>
bool equal(T a, T b) {
  if constexpr (isHalf<T>) return float(a) == float(b);
  else return a == b;
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" int64_t fb_unique(fb_dtype dtype, const void *x, int64_t n, void *values, int64_t *inverse,
                             int64_t *counts) try {
  int64_t found = 0;
  dispatch<kReal | kUnsigned>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(x);
    T *to = static_cast<T *>(values);
    const Scratch room(bytesToSort<T>(n)), order(size_t(n) * sizeof(int64_t));
    const int64_t *places = order.as<int64_t>();
    sortIndices(from, n, false, room.as<void>(), order.as<int64_t>());
    found = collectRuns(
        n, inverse, counts, [&](int64_t i) { return places[i]; },
        [&](int64_t a, int64_t b) { return equal(from[a], from[b]); },
        [&](int64_t run, int64_t position) { to[run] = from[position]; });
  });
  return found;
} FBD_NOTES_FAILURE(0)

extern "C" int64_t fb_unique_consecutive(fb_dtype dtype, const void *x, int64_t n, void *values, int64_t *inverse,
                                         int64_t *counts) try {
  int64_t found = 0;
  dispatch<kAll | kUnsigned>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(x);
    T *to = static_cast<T *>(values);
    found = collectRuns(
        n, inverse, counts, itself, [&](int64_t a, int64_t b) { return equal(from[a], from[b]); },
        [&](int64_t run, int64_t position) { to[run] = from[position]; });
  });
  return found;
} FBD_NOTES_FAILURE(0)

extern "C" int64_t fb_unique_rows(fb_dtype dtype, const void *x, int64_t n, int64_t inner, bool consecutive,
                                  int64_t *first, int64_t *inverse, int64_t *counts) try {
  int64_t found = 0;
  dispatch<kReal | kUnsigned>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *rows = static_cast<const T *>(x);
    auto same = [&](int64_t a, int64_t b) {
      return std::equal(rows + a * inner, rows + (a + 1) * inner, rows + b * inner, equal<T>);
    };
    auto begin = [&](int64_t run, int64_t position) { first[run] = position; };
    if (consecutive) {
      found = collectRuns(n, inverse, counts, itself, same, begin);
      return;
    }
    Scratch scratch(size_t(n) * sizeof(int64_t));
    int64_t *order = scratch.as<int64_t>();
    for (int64_t i = 0; i < n; ++i) order[i] = i;
    std::sort(order, order + n, [&](int64_t a, int64_t b) {
      for (int64_t i = 0; i < inner; ++i) {
        const Key<T> left = keyOf(rows[a * inner + i]), right = keyOf(rows[b * inner + i]);
        if (left != right) return left < right;
      }
      return a < b;
    });
    found = collectRuns(n, inverse, counts, [&](int64_t i) { return order[i]; }, same, begin);
  });
  return found;
} FBD_NOTES_FAILURE(0)
