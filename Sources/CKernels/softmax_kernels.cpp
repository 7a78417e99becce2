// Softmax of packed rows, and of blocks of columns.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "softmax_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "float_math-inl.h"
#include "sleef-inl.h"
#include "softmax_kernels.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {

FB_SLEEF1(Log, log, u10)

// Sum of f(i, count) over a row, in four chains; f yields 0 beyond `count` lanes.
template <class D, class F> HWY_INLINE hn::TFromD<D> SumOver(D d, size_t n, F f) {
  const size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = hn::Add(s0, f(i, lanes));
    s1 = hn::Add(s1, f(i + lanes, lanes));
    s2 = hn::Add(s2, f(i + 2 * lanes, lanes));
    s3 = hn::Add(s3, f(i + 3 * lanes, lanes));
  }
  for (; i + lanes <= n; i += lanes) s0 = hn::Add(s0, f(i, lanes));
  if (i < n) s1 = hn::Add(s1, f(i, n - i));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
}

// NaN may be lost here, but not in the exponentials.
template <class D> HWY_INLINE hn::TFromD<D> MaxOver(D d, const hn::TFromD<D> *x, size_t n) {
  const size_t lanes = hn::Lanes(d);
  const auto lowest = hn::Set(d, -std::numeric_limits<hn::TFromD<D>>::infinity());
  auto m0 = lowest, m1 = lowest;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    m0 = hn::Max(m0, hn::LoadU(d, x + i));
    m1 = hn::Max(m1, hn::LoadU(d, x + i + lanes));
  }
  for (; i + lanes <= n; i += lanes) m0 = hn::Max(m0, hn::LoadU(d, x + i));
  if (i < n) m1 = hn::Max(m1, hn::IfThenElse(hn::FirstN(d, n - i), LoadPart(d, x + i, n - i), lowest));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(m0, m1)));
}

template <class D> HWY_INLINE hn::Vec<D> LoadSome(D d, const hn::TFromD<D> *p, size_t count) {
  return count == hn::Lanes(d) ? hn::LoadU(d, p) : LoadPart(d, p, count);
}
template <class D> HWY_INLINE void StoreSome(hn::Vec<D> v, D d, hn::TFromD<D> *p, size_t count) {
  if (count == hn::Lanes(d)) hn::StoreU(v, d, p);
  else StorePart(v, d, p, count);
}

template <class T> void SoftmaxRow(const void *px, void *pout, size_t n, bool log) {
  const hn::ScalableTag<T> d;
  const T *x = static_cast<const T *>(px);
  T *out = static_cast<T *>(pout);
  const T max = MaxOver(d, x, n);
  const auto vmax = hn::Set(d, max);
  const T sum = SumOver(d, n, [&](size_t i, size_t count) HWY_ATTR {
    auto e = Exp()(d, hn::Sub(LoadSome(d, x + i, count), vmax));
    if (count < hn::Lanes(d)) e = hn::IfThenElseZero(hn::FirstN(d, count), e);
    if (!log) StoreSome(e, d, out + i, count);
    return e;
  });
  const auto scale = hn::Set(d, T(1) / sum), logSum = hn::Set(d, std::log(sum));
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = HWY_MIN(lanes, n - i);
    const auto result = log ? hn::Sub(hn::Sub(LoadSome(d, x + i, count), vmax), logSum)
                            : hn::Mul(LoadSome(d, out + i, count), scale);
    StoreSome(result, d, out + i, count);
  }
}

template <class T> void LogSumExpRow(const void *px, size_t n, void *out) {
  const hn::ScalableTag<T> d;
  const T *x = static_cast<const T *>(px);
  const T max = MaxOver(d, x, n);
  const auto vmax = hn::Set(d, max);
  *static_cast<T *>(out) = max + std::log(SumOver(d, n, [&](size_t i, size_t count) HWY_ATTR {
    const auto e = Exp()(d, hn::Sub(LoadSome(d, x + i, count), vmax));
    return count < hn::Lanes(d) ? hn::IfThenElseZero(hn::FirstN(d, count), e) : e;
  }));
}

template <class T> void SoftmaxBackwardRow(const void *py, const void *pg, void *pdx, size_t n, bool log) {
  const hn::ScalableTag<T> d;
  const T *y = static_cast<const T *>(py);
  const T *g = static_cast<const T *>(pg);
  T *dx = static_cast<T *>(pdx);
  const auto sum = hn::Set(d, SumOver(d, n, [&](size_t i, size_t count) HWY_ATTR {
    const auto v = LoadSome(d, g + i, count);
    return log ? v : hn::Mul(v, LoadSome(d, y + i, count));
  }));
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t count = HWY_MIN(lanes, n - i);
    const auto vy = LoadSome(d, y + i, count), vg = LoadSome(d, g + i, count);
    const auto result = log ? hn::NegMulAdd(Exp()(d, vy), sum, vg) : hn::Mul(vy, hn::Sub(vg, sum));
    StoreSome(result, d, dx + i, count);
  }
}

// Sums of many rows go through `part`, so that rounding errors do not grow with their number.
template <class T> HWY_INLINE void AddAndClear(T *part, T *sum, size_t width) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t k = 0; k < width; k += lanes) {
    const size_t count = HWY_MIN(lanes, width - k);
    StoreSome(hn::Add(LoadSome(d, sum + k, count), LoadSome(d, part + k, count)), d, sum + k, count);
    StoreSome(hn::Zero(d), d, part + k, count);
  }
}

// In place on x [n, width]; max, part and sum [width] are working memory.
template <class T>
void SoftmaxColumns(void *px, void *pmax, void *ppart, void *psum, size_t n, size_t width, bool log) {
  const hn::ScalableTag<T> d;
  T *x = static_cast<T *>(px);
  T *max = static_cast<T *>(pmax);
  T *part = static_cast<T *>(ppart);
  T *sum = static_cast<T *>(psum);
  const size_t lanes = hn::Lanes(d);
  for (size_t k = 0; k < width; k += lanes) {
    const size_t count = HWY_MIN(lanes, width - k);
    auto m = LoadSome(d, x + k, count);
    for (size_t r = 1; r < n; ++r) m = hn::Max(m, LoadSome(d, x + r * width + k, count));
    StoreSome(m, d, max + k, count);
    StoreSome(hn::Zero(d), d, part + k, count);
    StoreSome(hn::Zero(d), d, sum + k, count);
  }
  for (size_t r = 0; r < n; ++r) {
    T *row = x + r * width;
    for (size_t k = 0; k < width; k += lanes) {
      const size_t count = HWY_MIN(lanes, width - k);
      const auto shifted = hn::Sub(LoadSome(d, row + k, count), LoadSome(d, max + k, count));
      const auto e = Exp()(d, shifted);
      StoreSome(log ? shifted : e, d, row + k, count);
      StoreSome(hn::Add(LoadSome(d, part + k, count), e), d, part + k, count);
    }
    if (r % sumBlock == sumBlock - 1 || r + 1 == n) AddAndClear(part, sum, width);
  }
  for (size_t k = 0; k < width; k += lanes) {
    const size_t count = HWY_MIN(lanes, width - k);
    const auto s = LoadSome(d, sum + k, count);
    StoreSome(log ? Log()(d, s) : hn::Div(hn::Set(d, T(1)), s), d, sum + k, count);
  }
  for (size_t r = 0; r < n; ++r) {
    T *row = x + r * width;
    for (size_t k = 0; k < width; k += lanes) {
      const size_t count = HWY_MIN(lanes, width - k);
      const auto v = LoadSome(d, row + k, count), s = LoadSome(d, sum + k, count);
      StoreSome(log ? hn::Sub(v, s) : hn::Mul(v, s), d, row + k, count);
    }
  }
}

// sum [width] += g * y; log: += g.
template <class T> void SoftmaxBackwardSum(const void *py, const void *pg, void *psum, size_t width, bool log) {
  const hn::ScalableTag<T> d;
  const T *y = static_cast<const T *>(py);
  const T *g = static_cast<const T *>(pg);
  T *sum = static_cast<T *>(psum);
  const size_t lanes = hn::Lanes(d);
  for (size_t k = 0; k < width; k += lanes) {
    const size_t count = HWY_MIN(lanes, width - k);
    const auto vg = LoadSome(d, g + k, count), s = LoadSome(d, sum + k, count);
    StoreSome(log ? hn::Add(s, vg) : hn::MulAdd(vg, LoadSome(d, y + k, count), s), d, sum + k, count);
  }
}

// dx [width] from one row of y and g and the sums.
template <class T>
void SoftmaxBackwardApply(const void *py, const void *pg, const void *psum, void *pdx, size_t width, bool log) {
  const hn::ScalableTag<T> d;
  const T *y = static_cast<const T *>(py);
  const T *g = static_cast<const T *>(pg);
  const T *sum = static_cast<const T *>(psum);
  T *dx = static_cast<T *>(pdx);
  const size_t lanes = hn::Lanes(d);
  for (size_t k = 0; k < width; k += lanes) {
    const size_t count = HWY_MIN(lanes, width - k);
    const auto vy = LoadSome(d, y + k, count), vg = LoadSome(d, g + k, count), s = LoadSome(d, sum + k, count);
    StoreSome(log ? hn::NegMulAdd(Exp()(d, vy), s, vg) : hn::Mul(vy, hn::Sub(vg, s)), d, dx + k, count);
  }
}

void FillSoftmax(SoftmaxKernels (&t)[2]) {
  t[0] = {SoftmaxRow<float>, LogSumExpRow<float>, SoftmaxBackwardRow<float>, SoftmaxColumns<float>, SoftmaxBackwardSum<float>,
          SoftmaxBackwardApply<float>};
  t[1] = {SoftmaxRow<double>, LogSumExpRow<double>, SoftmaxBackwardRow<double>, SoftmaxColumns<double>, SoftmaxBackwardSum<double>,
          SoftmaxBackwardApply<double>};
}

}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillSoftmax);
void fillSoftmax(SoftmaxKernels (&table)[2]) { HWY_DYNAMIC_DISPATCH(FillSoftmax)(table); }
}  // namespace fb
#endif
