// Private to the reductions: what is accumulated, and the kernels that do it.
#ifndef FB_REDUCE_KERNELS_H
#define FB_REDUCE_KERNELS_H
#include "elementwise_table.h"
#include "include/fb_reduce.h"

namespace fb {

// What a reduction accumulates; several share a kind and differ in how they finish.
enum Kind {
  Sum, Prod, Min, Max, Count, NanSum, AbsSum, SquareSum, MaxAbs, MinAbs, PowSum, LogSumExp, Var, kindCount,
  // second passes over columns
  ExpSum = kindCount, SquareDiff, updateCount
};

// Elements are reduced as int64, float, double or complex<double> (FB_COMPUTE_C64 does not occur); floats add up in
// double. Fields of a partial result:
//   sums, products, extreme magnitudes   a (b: imaginary part), integers: j
//   Min, Max                             a (integers: j) the value, i its index
//   Count                                i
//   LogSumExp                            sum of exp(x - a) in b, a finite
//   Var                                  mean in a, b; sum |x - mean|^2 in c; number of elements in j

// The same for a tile of columns, each field an array.
struct Columns {
  static constexpr size_t width = 256;
  alignas(64) double a[width], b[width], c[width];
  alignas(64) int64_t i[width], j[width];
};

// Reduces n packed elements; `first` is the index of the first.
using RowKernel = void (*)(Kind kind, const void *x, size_t n, int64_t first, double param, fb_partial &result);
// Takes element `index` of each column in.
using ColumnKernel = void (*)(Columns &columns, const void *x, size_t width, int64_t index, double param);

// Floats add up in float over short stretches.
struct SumKernels {
  // sums[k] += element k of `rows` rows, `step` apart
  void (*rows)(const float *x, int64_t step, int64_t rows, size_t width, double *sums);
  // out[r] = sum of n numbers / divisor, for packed rows
  void (*packedRows)(const float *x, size_t n, int64_t rows, double divisor, float *out);
};

struct ReduceKernels {
  SumKernels sum;
  RowKernel row[FB_COMPUTE_COUNT];
  ColumnKernel column[updateCount][FB_COMPUTE_COUNT];
};

void fillReduceRows(ReduceKernels &table);
void fillReduceColumns(ReduceKernels &table);
const ReduceKernels &reduceKernels();

// merge(p, q): p takes in what lies behind it.
void mergePartial(Kind kind, int32_t domain, fb_partial &p, const fb_partial &q);
fb_partial emptyPartial(Kind kind);

}  // namespace fb
#endif
