// Reduction of packed rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reduce_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "reduce.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {

struct AsDouble { HWY_INLINE double operator()(double x) const { return x; } };
struct Magnitude { HWY_INLINE double operator()(double x) const { return std::fabs(x); } };
struct Square { HWY_INLINE double operator()(double x) const { return x * x; } };
struct NotNaN { HWY_INLINE double operator()(double x) const { return x == x ? x : 0; } };
struct NotZero { HWY_INLINE int64_t operator()(double x) const { return x != 0; } };
struct IsNaN { HWY_INLINE int64_t operator()(double x) const { return x != x; } };
struct SquareFrom {
  double mean;
  HWY_INLINE double operator()(double x) const { return (x - mean) * (x - mean); }
};

// The extreme of x or |x|, and whether there is a NaN (then it is no number to rely on). n > 0.
template <bool max, bool magnitude, class T> HWY_INLINE T Extreme(const T *x, size_t n, bool &hasNaN) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const auto value = [&](size_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    return magnitude ? hn::Abs(v) : v;
  };
  const auto better = [](auto p, auto q) HWY_ATTR { return max ? hn::Max(p, q) : hn::Min(p, q); };
  size_t i = 0;
  T result = magnitude ? std::fabs(x[0]) : x[0];
  bool anyNaN = false;
  if (n >= lanes) {
    auto e0 = value(0), e1 = e0, e2 = e0, e3 = e0;
    auto nan = hn::IsNaN(e0);
    for (i = lanes; i + 4 * lanes <= n; i += 4 * lanes) {
      const auto a = value(i), b = value(i + lanes), c = value(i + 2 * lanes), e = value(i + 3 * lanes);
      nan = hn::Or(hn::Or(nan, hn::Or(hn::IsNaN(a), hn::IsNaN(b))), hn::Or(hn::IsNaN(c), hn::IsNaN(e)));
      e0 = better(e0, a);
      e1 = better(e1, b);
      e2 = better(e2, c);
      e3 = better(e3, e);
    }
    for (; i + lanes <= n; i += lanes) {
      nan = hn::Or(nan, hn::IsNaN(value(i)));
      e0 = better(e0, value(i));
    }
    e0 = better(better(e0, e1), better(e2, e3));
    HWY_ALIGN T buffer[hn::MaxLanes(hn::ScalableTag<T>())];
    hn::Store(e0, d, buffer);
    result = buffer[0];
    for (size_t k = 1; k < lanes; ++k) result = (max ? buffer[k] > result : buffer[k] < result) ? buffer[k] : result;
    anyNaN = !hn::AllFalse(d, nan);
  }
  for (; i < n; ++i) {
    const T v = magnitude ? std::fabs(x[i]) : x[i];
    anyNaN |= v != v;
    result = (max ? v > result : v < result) ? v : result;
  }
  hasNaN = anyNaN;
  return result;
}

// The first position where `holds` does (of a vector; of a number it is the same as a vector of one).
template <class T, class F> HWY_INLINE size_t FirstPosition(const T *x, size_t n, F holds) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const auto a = hn::Or(holds(d, hn::LoadU(d, x + i)), holds(d, hn::LoadU(d, x + i + lanes)));
    const auto b = hn::Or(holds(d, hn::LoadU(d, x + i + 2 * lanes)), holds(d, hn::LoadU(d, x + i + 3 * lanes)));
    if (!hn::AllFalse(d, hn::Or(a, b))) break;
  }
  for (; i < n; ++i) {
    if (!hn::AllFalse(d, holds(d, hn::Set(d, x[i])))) break;
  }
  return i;
}

// Block by block, so that a block is still in the nearest cache when its extreme is looked for.
template <bool max, class T> void ExtremeWithIndex(const T *x, size_t n, int64_t first, fb_partial &p) {
  constexpr size_t block = 4096;
  T best = 0;
  size_t start = 0;  // of the best block
  bool hasNaN = false;
  for (size_t i = 0; i < n && !hasNaN; i += block) {
    const T extreme = Extreme<max, false>(x + i, std::min(block, n - i), hasNaN);
    if (i > 0 && !hasNaN && !(max ? extreme > best : extreme < best)) continue;
    best = extreme;
    start = i;
  }
  const size_t length = std::min(block, n - start);
  const size_t at =
      start + (hasNaN ? FirstPosition(x + start, length, [](auto, auto v) HWY_ATTR { return hn::IsNaN(v); })
                      : FirstPosition(x + start, length,
                                      [best](auto d, auto v) HWY_ATTR { return hn::Eq(v, hn::Set(d, best)); }));
  p.a = x[at];
  p.i = first + static_cast<int64_t>(at);
}

template <bool max, class T> double ExtremeMagnitude(const T *x, size_t n) {
  bool hasNaN = false;
  const T extreme = Extreme<max, true>(x, n, hasNaN);
  return hasNaN ? std::numeric_limits<double>::quiet_NaN() : extreme;
}

template <class T> double PowersOf(const T *x, size_t n, double exponent) {
  alignas(64) double base[tileSize], power[tileSize];
  double sum = 0;
  for (size_t i = 0; i < tileSize; ++i) power[i] = exponent;
  for (size_t start = 0; start < n; start += tileSize) {
    const size_t m = std::min(tileSize, n - start);
    for (size_t i = 0; i < m; ++i) base[i] = std::abs(x[start + i]);
    kernels().at[FB_COMPUTE_F64][FB_OP_POW](base, power, nullptr, base, m, nullptr);
    sum += SumOf(base, m, AsDouble());
  }
  return sum;
}

// Floats add up in float over short stretches (64 numbers a lane), the stretches in double: converting every element
// would halve the speed.
HWY_INLINE double PlainSum(const double *x, size_t n) { return SumOf(x, n, AsDouble()); }
HWY_INLINE double PlainSum(const float *x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), stretch = 4 * lanes * 64;
  double total = 0;
  size_t i = 0;
  while (i + 4 * lanes <= n) {
    const size_t end = i + std::min(stretch, (n - i) / (4 * lanes) * (4 * lanes));
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    for (; i < end; i += 4 * lanes) {
      hwy::Prefetch(x + i + 1024);  // the hardware stops at the end of each page
      hwy::Prefetch(x + i + 1024 + 2 * lanes);
      s0 = hn::Add(s0, hn::LoadU(d, x + i));
      s1 = hn::Add(s1, hn::LoadU(d, x + i + lanes));
      s2 = hn::Add(s2, hn::LoadU(d, x + i + 2 * lanes));
      s3 = hn::Add(s3, hn::LoadU(d, x + i + 3 * lanes));
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)))));
  }
  return total + SumOf(x + i, n - i, AsDouble());
}

// Short rows add up in float.
void SumPackedRows(const float *x, size_t n, int64_t rows, double divisor, float *out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (int64_t r = 0; r < rows; ++r, x += n) {
    if (n > 64) {
      out[r] = static_cast<float>(PlainSum(x, n) / divisor);
      continue;
    }
    if (n < lanes) {
      float sum = 0;
      for (size_t i = 0; i < n; ++i) sum += x[i];
      out[r] = static_cast<float>(sum / divisor);
      continue;
    }
    auto s = hn::LoadU(d, x);
    size_t i = lanes;
    for (; i + lanes <= n; i += lanes) s = hn::Add(s, hn::LoadU(d, x + i));
    float sum = hn::GetLane(hn::SumOfLanes(d, s));
    for (; i < n; ++i) sum += x[i];
    out[r] = static_cast<float>(sum / divisor);
  }
}

// Exponentials in the type of x, their sum in double.
template <class T> void ExponentialsOf(const T *x, size_t n, fb_partial &p) {
  using Real = std::conditional_t<std::is_same_v<T, float>, float, double>;
  constexpr int compute = std::is_same_v<T, float> ? FB_COMPUTE_F32 : FB_COMPUTE_F64;
  alignas(64) Real tile[tileSize];
  bool hasNaN = false;
  double shift = Extreme<true, false>(x, n, hasNaN);
  if (!std::isfinite(shift)) shift = 0;
  double sum = 0;
  for (size_t start = 0; start < n; start += tileSize) {
    const size_t m = std::min(tileSize, n - start);
    for (size_t i = 0; i < m; ++i) tile[i] = static_cast<Real>(x[start + i]) - static_cast<Real>(shift);
    kernels().at[compute][FB_OP_EXP](tile, nullptr, nullptr, tile, m, nullptr);
    sum += SumOf(tile, m, AsDouble());
  }
  p.a = shift;
  p.b = sum;
}

template <class T> void RealRow(Kind kind, const void *px, size_t n, int64_t first, double param, fb_partial &p) {
  const T *x = static_cast<const T *>(px);
  switch (kind) {
    case Sum: p.a = PlainSum(x, n); break;
    case NanSum: p.a = SumOf(x, n, NotNaN()); break;
    case AbsSum: p.a = SumOf(x, n, Magnitude()); break;
    case SquareSum: p.a = SumOf(x, n, Square()); break;
    case Count: p.i = SumOf(x, n, NotZero()); break;
    case PowSum: p.a = PowersOf(x, n, param); break;
    case Min: ExtremeWithIndex<false>(x, n, first, p); break;
    case Max: ExtremeWithIndex<true>(x, n, first, p); break;
    case MaxAbs: p.a = ExtremeMagnitude<true>(x, n); break;
    case MinAbs: p.a = ExtremeMagnitude<false>(x, n); break;
    case LogSumExp: ExponentialsOf(x, n, p); break;
    case Prod: {
#pragma clang fp reassociate(on)
      double product = 1;
      for (size_t i = 0; i < n; ++i) product *= x[i];
      p.a = product;
      break;
    }
    case Var: {
      const double mean = SumOf(x, n, AsDouble()) / static_cast<double>(n);
      p.a = mean;
      p.c = SumOf(x, n, SquareFrom{mean});
      p.j = static_cast<int64_t>(n);
      break;
    }
    default: break;
  }
}

void IntegerRow(Kind kind, const void *px, size_t n, int64_t first, double, fb_partial &p) {
  const int64_t *x = static_cast<const int64_t *>(px);
  switch (kind) {
    case Sum:
    case NanSum: {
      uint64_t sum = 0;  // wraps
      for (size_t i = 0; i < n; ++i) sum += static_cast<uint64_t>(x[i]);
      p.j = static_cast<int64_t>(sum);
      break;
    }
    case Prod: {
      uint64_t product = 1;
      for (size_t i = 0; i < n; ++i) product *= static_cast<uint64_t>(x[i]);
      p.j = static_cast<int64_t>(product);
      break;
    }
    case Count: {
      int64_t count = 0;
      for (size_t i = 0; i < n; ++i) count += x[i] != 0;
      p.i = count;
      break;
    }
    case Min:
    case Max: {
      int64_t best = x[0];
      if (kind == Min) for (size_t i = 1; i < n; ++i) best = x[i] < best ? x[i] : best;
      else for (size_t i = 1; i < n; ++i) best = x[i] > best ? x[i] : best;
      p.j = best;
      p.i = first + (std::find(x, x + n, best) - x);
      break;
    }
    default: break;
  }
}

void ComplexRow(Kind kind, const void *px, size_t n, int64_t, double param, fb_partial &p) {
  using Z = std::complex<double>;
  const Z *x = static_cast<const Z *>(px);
  const auto set = [&](Z z) {
    p.a = z.real();
    p.b = z.imag();
  };
  Z sum = 0;
  switch (kind) {
    case Sum:
      for (size_t i = 0; i < n; ++i) sum += x[i];
      set(sum);
      break;
    case NanSum:
      for (size_t i = 0; i < n; ++i) sum += std::isnan(x[i].real()) || std::isnan(x[i].imag()) ? 0 : x[i];
      set(sum);
      break;
    case Prod: {
      Z product = 1;
      for (size_t i = 0; i < n; ++i) product *= x[i];
      set(product);
      break;
    }
    case Count: p.i = SumOf(x, n, [](Z z) -> int64_t { return z != 0.0; }); break;
    case AbsSum: p.a = SumOf(x, n, [](Z z) { return std::abs(z); }); break;
    case SquareSum: p.a = SumOf(x, n, [](Z z) { return std::norm(z); }); break;
    case PowSum: p.a = PowersOf(x, n, param); break;
    case MaxAbs:
    case MinAbs:
      p.a = std::abs(x[0]);
      for (size_t i = 1; i < n; ++i) {
        const double size = std::abs(x[i]);
        if (size != size || (kind == MaxAbs ? size > p.a : size < p.a)) p.a = size;
      }
      break;
    case Var: {
      for (size_t i = 0; i < n; ++i) sum += x[i];
      const Z mean = sum / static_cast<double>(n);
      set(mean);
      p.c = SumOf(x, n, [mean](Z z) { return std::norm(z - mean); });
      p.j = static_cast<int64_t>(n);
      break;
    }
    default: break;
  }
}

void FillReduceRows(ReduceKernels &t) {
  t.sum.packedRows = SumPackedRows;
  t.row[FB_COMPUTE_I64] = IntegerRow;
  t.row[FB_COMPUTE_F32] = RealRow<float>;
  t.row[FB_COMPUTE_F64] = RealRow<double>;
  t.row[FB_COMPUTE_C128] = ComplexRow;
}

}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillReduceRows);
void fillReduceRows(ReduceKernels &table) { HWY_DYNAMIC_DISPATCH(FillReduceRows)(table); }
}  // namespace fb
#endif
