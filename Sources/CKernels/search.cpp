// searchsorted, bincount and histograms.
#include "failure.hpp"
#include "include/fb_sort.h"
#include "numeric.hpp"

namespace fbd {
namespace {

// The first place in line[0..<n] whose value is not before `value` (right: the first after it).
template <class T>
int64_t place(const T *line, const int64_t *sorter, int64_t n, T value, bool right) {
  using C = Compute<T>;
  const C wanted = value;
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    const C found = line[sorter ? sorter[middle] : middle];
    if (right ? !(found > wanted) : !(found >= wanted)) low = middle + 1;
    else high = middle;
  }
  return low;
}

// out[bin] += weight or 1 for the bin that find(value) names in low...high.
template <class T, class Find>
void fillBins(const T *x, int64_t n, const T *weights, Compute<T> low, Compute<T> high, int64_t bins, T *out,
              Find find) {
  std::fill(out, out + bins, T(0));
  for (int64_t i = 0; i < n; ++i) {
    const Compute<T> value = x[i];
    if (!(value >= low && value <= high)) continue;
    const int64_t bin = std::min(find(value), bins - 1);
    out[bin] = T(Compute<T>(out[bin]) + (weights ? Compute<T>(weights[i]) : Compute<T>(1)));
  }
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_searchsorted(fb_dtype dtype, const void *sorted, int64_t sorted_rows, int64_t n,
                                const int64_t *sorter, const void *values, int64_t m, bool right, int64_t *out,
                                int64_t begin, int64_t end) try {
  dispatch<kReal>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = sorted_rows == 1 ? 0 : i / m * n;
      out[i] = place(static_cast<const T *>(sorted) + row, sorter ? sorter + row : nullptr, n,
                     static_cast<const T *>(values)[i], right);
    }
  });
} FBD_NOTES_FAILURE()

extern "C" int64_t fb_bincount(fb_dtype dtype, const void *x, int64_t n, const void *weights, fb_dtype weights_dtype,
                               void *out, int64_t bins) try {
  int64_t bad = -1;
  dispatch<kInts>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(x);
    for (int64_t i = 0; i < n && bad < 0; ++i)
      if (int64_t(from[i]) < 0 || int64_t(from[i]) >= bins) bad = i;
    if (bad >= 0) return;
    auto count = [&](auto *sums, auto weight) {
      std::fill(sums, sums + bins, 0);
      for (int64_t i = 0; i < n; ++i) sums[int64_t(from[i])] += weight(i);
    };
    if (!weights) return count(static_cast<int64_t *>(out), [](int64_t) { return int64_t(1); });
    dispatch<kFloats>(weights_dtype, [&](auto weightTag) {
      using W = typename decltype(weightTag)::type;
      count(static_cast<W *>(out), [&](int64_t i) { return static_cast<const W *>(weights)[i]; });
    });
  });
  return bad;
} FBD_NOTES_FAILURE(-1)

extern "C" void fb_histc(fb_dtype dtype, const void *x, int64_t n, const void *weights, double low, double high,
                         int64_t bins, void *out) try {
  dispatch<kHalves | kFloats>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = Compute<T>;
    const C first = C(low), last = C(high);
    fillBins(static_cast<const T *>(x), n, static_cast<const T *>(weights), first, last, bins, static_cast<T *>(out),
             [&](C value) { return int64_t((value - first) * C(bins) / (last - first)); });
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_histogram(fb_dtype dtype, const void *x, int64_t n, const void *weights, const void *edges,
                             int64_t bins, void *out) try {
  dispatch<kHalves | kFloats>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = Compute<T>;
    const T *edge = static_cast<const T *>(edges);
    fillBins(static_cast<const T *>(x), n, static_cast<const T *>(weights), C(edge[0]), C(edge[bins]), bins,
             static_cast<T *>(out),
             [&](C value) { return std::upper_bound(edge, edge + bins + 1, value,
                                                    [](C a, const T &b) { return a < C(b); }) - edge - 1; });
  });
} FBD_NOTES_FAILURE()
