// Running sums of lines in double, a vector at a time: the sums inside a vector wait for no other, only what went before
// is added to each in turn.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scan_sum.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "scan_sum.hpp"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<double, 8>;
using V = hn::Vec<D>;

V LoadDoubles(D d, const double *x) { return hn::LoadU(d, x); }
V LoadDoubles(D d, const float *x) { return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), x)); }
void StoreDoubles(D d, V v, double *y) { hn::StoreU(v, d, y); }
void StoreDoubles(D, V v, float *y) {
  const hn::Rebind<float, D> f;
  hn::StoreU(hn::DemoteTo(f, v), f, y);
}

template <bool reversed, class T> void SumLine(const T *x, T *y, int64_t n) {
  const D d;
  constexpr int most = HWY_MAX_BYTES / sizeof(double);
  const int lanes = static_cast<int>(hn::Lanes(d));
  // Each step adds the sums that end 1, 2, 4, ... elements before.
  HWY_ALIGN int64_t places[most];
  const auto from = [&](int distance) HWY_ATTR {
    for (int i = 0; i < lanes; ++i) places[i] = distance < 0 ? lanes - 1 : i < distance ? 0 : i - distance;
    return hn::SetTableIndices(d, places);
  };
  const auto one = from(1), two = from(2), four = from(4), last = from(-1);
  const auto add = [&](V v, auto shift, size_t distance) HWY_ATTR {
    return hn::Add(v, hn::IfThenZeroElse(hn::FirstN(d, distance), hn::TableLookupLanes(v, shift)));
  };
  V before = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const int64_t at = reversed ? n - i - lanes : i;
    V v = LoadDoubles(d, x + at);
    if (reversed) v = hn::Reverse(d, v);
    v = add(v, one, 1);
    if (lanes > 2) v = add(v, two, 2);
    if (lanes > 4) v = add(v, four, 4);
    const V sums = hn::Add(before, v);
    StoreDoubles(d, reversed ? hn::Reverse(d, sums) : sums, y + at);
    before = hn::Add(before, hn::TableLookupLanes(v, last));
  }
  double sum = hn::GetLane(before);
  for (; i < n; ++i) {
    const int64_t at = reversed ? n - 1 - i : i;
    y[at] = static_cast<T>(sum += x[at]);
  }
}

// Too few numbers for vectors.
template <class T> void SumShortLine(const T *x, T *y, int64_t n, bool reversed) {
  double sum = 0;
  if (reversed)
    for (int64_t i = n - 1; i >= 0; --i) y[i] = static_cast<T>(sum += x[i]);
  else
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(sum += x[i]);
}

template <class T> void SumLines(const T *x, T *y, int64_t n, bool reversed, int64_t begin, int64_t end) {
  if (n <= 8) {
    for (int64_t line = begin * n; line < end * n; line += n) SumShortLine(x + line, y + line, n, reversed);
    return;
  }
  for (int64_t line = begin * n; line < end * n; line += n)
    reversed ? SumLine<true>(x + line, y + line, n) : SumLine<false>(x + line, y + line, n);
}

void SumFloats(const float *x, float *y, int64_t n, bool reversed, int64_t begin, int64_t end) {
  SumLines(x, y, n, reversed, begin, end);
}
void SumDoubles(const double *x, double *y, int64_t n, bool reversed, int64_t begin, int64_t end) {
  SumLines(x, y, n, reversed, begin, end);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(SumFloats);
HWY_EXPORT(SumDoubles);
void sumLines(const float *x, float *y, int64_t n, bool reversed, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(SumFloats)(x, y, n, reversed, begin, end);
}
void sumLines(const double *x, double *y, int64_t n, bool reversed, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(SumDoubles)(x, y, n, reversed, begin, end);
}
}  // namespace fb
#endif
