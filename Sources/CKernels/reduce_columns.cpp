// Reduction of many columns at once: one element of each at a time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reduce_columns.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "reduce.h"
#include "vector_map-inl.h"

#pragma clang diagnostic ignored "-Wpass-failed"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {

using Z = std::complex<double>;

// One step of a column kernel: `T` is the element type, `x` the element, `k` the column.
#define FB_COLUMN(Name, ...)                                                                                        \
  template <class T> void Name(Columns &s, const void *elements, size_t width, int64_t index, double) {             \
    const T *in = static_cast<const T *>(elements);                                                                 \
    (void)index;                                                                                                    \
    FB_VECTORIZE for (size_t k = 0; k < width; ++k) {                                                               \
      const auto x = Wide(in[k]);                                                                                   \
      __VA_ARGS__;                                                                                                  \
    }                                                                                                               \
  }

HWY_INLINE double Wide(float x) { return x; }
HWY_INLINE double Wide(double x) { return x; }
HWY_INLINE int64_t Wide(int64_t x) { return x; }
HWY_INLINE Z Wide(Z x) { return x; }

FB_COLUMN(AddReal, s.a[k] += x)
FB_COLUMN(MulReal, s.a[k] *= x)
FB_COLUMN(AddNumber, s.a[k] += x == x ? x : 0)
FB_COLUMN(AddMagnitude, s.a[k] += std::fabs(x))
FB_COLUMN(AddSquare, s.a[k] += x * x)
FB_COLUMN(AddSquareDiff, const double diff = x - s.a[k]; s.c[k] += diff * diff)
FB_COLUMN(CountReal, s.i[k] += x != 0)
FB_COLUMN(MaxMagnitude, const double size = std::fabs(x); s.a[k] = ((size > s.a[k]) | (size != size)) ? size : s.a[k])
FB_COLUMN(MinMagnitude, const double size = std::fabs(x); s.a[k] = ((size < s.a[k]) | (size != size)) ? size : s.a[k])
// NaN wins; the first of equals stays.
FB_COLUMN(MinReal, const double best = s.a[k]; const bool better = (x < best) | ((x != x) & (best == best));
          s.a[k] = better ? x : best; s.i[k] = better ? index : s.i[k])
FB_COLUMN(MaxReal, const double best = s.a[k]; const bool better = (x > best) | ((x != x) & (best == best));
          s.a[k] = better ? x : best; s.i[k] = better ? index : s.i[k])

FB_COLUMN(AddInteger, s.j[k] = static_cast<int64_t>(static_cast<uint64_t>(s.j[k]) + static_cast<uint64_t>(x)))
FB_COLUMN(MulInteger, s.j[k] = static_cast<int64_t>(static_cast<uint64_t>(s.j[k]) * static_cast<uint64_t>(x)))
FB_COLUMN(MinInteger, const bool better = x < s.j[k]; s.j[k] = better ? x : s.j[k]; s.i[k] = better ? index : s.i[k])
FB_COLUMN(MaxInteger, const bool better = x > s.j[k]; s.j[k] = better ? x : s.j[k]; s.i[k] = better ? index : s.i[k])

FB_COLUMN(AddComplex, s.a[k] += x.real(); s.b[k] += x.imag())
FB_COLUMN(AddComplexNumber, const bool number = x == x; s.a[k] += number ? x.real() : 0;
          s.b[k] += number ? x.imag() : 0)
FB_COLUMN(MulComplex, const Z product = Z(s.a[k], s.b[k]) * x; s.a[k] = product.real(); s.b[k] = product.imag())
FB_COLUMN(CountComplex, s.i[k] += x != 0.0)
FB_COLUMN(AddComplexMagnitude, s.a[k] += std::abs(x))
FB_COLUMN(AddComplexSquare, s.a[k] += std::norm(x))
FB_COLUMN(AddComplexSquareDiff, s.c[k] += std::norm(x - Z(s.a[k], s.b[k])))
FB_COLUMN(MaxComplex, const double size = std::abs(x); s.a[k] = size > s.a[k] || size != size ? size : s.a[k])
FB_COLUMN(MinComplex, const double size = std::abs(x); s.a[k] = size < s.a[k] || size != size ? size : s.a[k])

void SumRows(const float *x, int64_t step, int64_t rows, size_t width, double *sums) {
  constexpr int64_t stretch = 64;
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float part[4 * hn::MaxLanes(hn::ScalableTag<float>())];
  for (int64_t first = 0; first < rows; first += stretch, x += stretch * step) {
    const int64_t count = HWY_MIN(stretch, rows - first);
    size_t k = 0;
    for (; k + 4 * lanes <= width; k += 4 * lanes) {
      auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
      for (int64_t r = 0; r < count; ++r) {
        const float *row = x + r * step + k;
        s0 = hn::Add(s0, hn::LoadU(d, row));
        s1 = hn::Add(s1, hn::LoadU(d, row + lanes));
        s2 = hn::Add(s2, hn::LoadU(d, row + 2 * lanes));
        s3 = hn::Add(s3, hn::LoadU(d, row + 3 * lanes));
      }
      hn::Store(s0, d, part);
      hn::Store(s1, d, part + lanes);
      hn::Store(s2, d, part + 2 * lanes);
      hn::Store(s3, d, part + 3 * lanes);
      FB_VECTORIZE for (size_t i = 0; i < 4 * lanes; ++i) sums[k + i] += part[i];
    }
    for (; k < width; k += lanes) {
      const size_t n = HWY_MIN(lanes, width - k);
      auto s = hn::Zero(d);
      for (int64_t r = 0; r < count; ++r) {
        s = hn::Add(s, n == lanes ? hn::LoadU(d, x + r * step + k) : LoadPart(d, x + r * step + k, n));
      }
      hn::Store(s, d, part);
      for (size_t i = 0; i < n; ++i) sums[k + i] += part[i];
    }
  }
}

template <class T> void AddPower(Columns &s, const void *elements, size_t width, int64_t, double param) {
  const T *x = static_cast<const T *>(elements);
  alignas(64) double base[Columns::width], power[Columns::width];
  for (size_t k = 0; k < width; ++k) {
    base[k] = std::abs(x[k]);
    power[k] = param;
  }
  kernels().at[FB_COMPUTE_F64][FB_OP_POW](base, power, nullptr, base, width, nullptr);
  for (size_t k = 0; k < width; ++k) s.a[k] += base[k];
}

template <class T> void AddExponential(Columns &s, const void *elements, size_t width, int64_t, double) {
  const T *x = static_cast<const T *>(elements);
  alignas(64) double tile[Columns::width];
  for (size_t k = 0; k < width; ++k) tile[k] = x[k] - s.a[k];
  kernels().at[FB_COMPUTE_F64][FB_OP_EXP](tile, nullptr, nullptr, tile, width, nullptr);
  for (size_t k = 0; k < width; ++k) s.b[k] += tile[k];
}

template <class T> void FillReal(ReduceKernels &t, int compute) {
  t.column[Sum][compute] = AddReal<T>;
  t.column[Prod][compute] = MulReal<T>;
  t.column[Min][compute] = MinReal<T>;
  t.column[Max][compute] = MaxReal<T>;
  t.column[Count][compute] = CountReal<T>;
  t.column[NanSum][compute] = AddNumber<T>;
  t.column[AbsSum][compute] = AddMagnitude<T>;
  t.column[SquareSum][compute] = AddSquare<T>;
  t.column[MaxAbs][compute] = MaxMagnitude<T>;
  t.column[MinAbs][compute] = MinMagnitude<T>;
  t.column[PowSum][compute] = AddPower<T>;
  t.column[LogSumExp][compute] = MaxReal<T>;
  t.column[Var][compute] = AddReal<T>;
  t.column[ExpSum][compute] = AddExponential<T>;
  t.column[SquareDiff][compute] = AddSquareDiff<T>;
}

void FillReduceColumns(ReduceKernels &t) {
  t.sum.rows = SumRows;
  FillReal<float>(t, FB_COMPUTE_F32);
  FillReal<double>(t, FB_COMPUTE_F64);
  const int i64 = FB_COMPUTE_I64, c128 = FB_COMPUTE_C128;
  t.column[Sum][i64] = t.column[NanSum][i64] = AddInteger<int64_t>;
  t.column[Prod][i64] = MulInteger<int64_t>;
  t.column[Min][i64] = MinInteger<int64_t>;
  t.column[Max][i64] = MaxInteger<int64_t>;
  t.column[Count][i64] = CountReal<int64_t>;
  t.column[Sum][c128] = t.column[Var][c128] = AddComplex<Z>;
  t.column[NanSum][c128] = AddComplexNumber<Z>;
  t.column[Prod][c128] = MulComplex<Z>;
  t.column[Count][c128] = CountComplex<Z>;
  t.column[AbsSum][c128] = AddComplexMagnitude<Z>;
  t.column[SquareSum][c128] = AddComplexSquare<Z>;
  t.column[MaxAbs][c128] = MaxComplex<Z>;
  t.column[MinAbs][c128] = MinComplex<Z>;
  t.column[PowSum][c128] = AddPower<Z>;
  t.column[SquareDiff][c128] = AddComplexSquareDiff<Z>;
}

}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillReduceColumns);
void fillReduceColumns(ReduceKernels &table) { HWY_DYNAMIC_DISPATCH(FillReduceColumns)(table); }
}  // namespace fb
#endif
