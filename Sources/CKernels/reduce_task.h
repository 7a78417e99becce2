// What a reduction is asked for, and what becomes of its partial results. Included by reduce.cpp alone.
#ifndef FB_REDUCE_TASK_H
#define FB_REDUCE_TASK_H
#include <algorithm>
#include <cmath>
#include <limits>

#include "reduce.h"

namespace fb {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Kind kindOf(fb_reduction op, double param) {
  switch (op) {
    case FB_REDUCE_SUM:
    case FB_REDUCE_MEAN: return Sum;
    case FB_REDUCE_PROD: return Prod;
    case FB_REDUCE_MIN:
    case FB_REDUCE_ARGMIN: return Min;
    case FB_REDUCE_MAX:
    case FB_REDUCE_ARGMAX: return Max;
    case FB_REDUCE_ANY:
    case FB_REDUCE_ALL:
    case FB_REDUCE_COUNT_NONZERO: return Count;
    case FB_REDUCE_NANSUM: return NanSum;
    case FB_REDUCE_LOGSUMEXP: return LogSumExp;
    case FB_REDUCE_VAR:
    case FB_REDUCE_STD: return Var;
    case FB_REDUCE_NORM: break;
  }
  return param == 0 ? Count : param == 1 ? AbsSum : param == 2 ? SquareSum
       : param == infinity ? MaxAbs : param == -infinity ? MinAbs : PowSum;
}

// Complex numbers are reduced as complex<double>, uint64 as int64: sums and products wrap to the same bits, and nothing
// else is asked of it.
int32_t domainOf(fb_dtype dtype) {
  const int32_t compute = computeOf(dtype);
  return compute == FB_COMPUTE_C64 ? FB_COMPUTE_C128 : compute == FB_COMPUTE_U64 ? FB_COMPUTE_I64 : compute;
}

struct Task {
  Kind kind;
  const char *in;
  fb_dtype dtype;
  int32_t domain;
  int64_t n, inner;
  double param;

  Task(fb_reduction op, const void *in, fb_dtype dtype, int64_t n, int64_t inner, double param)
      : kind(kindOf(op, param)), in(static_cast<const char *>(in)), dtype(dtype), domain(domainOf(dtype)), n(n),
        inner(inner), param(param) {}

  bool isDirect() const { return dtype == nativeDtype[domain]; }
  const char *element(int64_t k) const { return in + k * static_cast<int64_t>(sizeOf(dtype)); }

  // `count` elements, `stride` apart, in the type of the domain: where they are, or copied to `tile`.
  const void *load(int64_t first, int64_t stride, char *tile, size_t count) const {
    if (isDirect() && stride == 1) return element(first);
    loadOf(dtype, domain)(element(first), stride, tile, count);
    return tile;
  }
};

// Turns partial results into results.
class Finish {
 public:
  Finish(fb_reduction op, const Task &t, void *out, fb_dtype outDtype, void *out2)
      : op(op), t(t), out(static_cast<char *>(out)), outDtype(outDtype), out2(static_cast<char *>(out2)) {}

  void operator()(const fb_partial &p, int64_t at) const {
    const double n = static_cast<double>(t.n);
    const bool isComplex = t.domain == FB_COMPUTE_C128, isInteger = t.domain == FB_COMPUTE_I64;
    switch (op) {
      case FB_REDUCE_SUM:
      case FB_REDUCE_PROD:
      case FB_REDUCE_NANSUM:
        if (isInteger) return storeInteger(p.j, at);
        return isComplex ? store(p.a, p.b, at) : store(p.a, at);
      case FB_REDUCE_MEAN:
        if (isInteger) return store(static_cast<double>(p.j) / n, at);
        return isComplex ? store(p.a / n, p.b / n, at) : store(p.a / n, at);
      case FB_REDUCE_MIN:
      case FB_REDUCE_MAX:
        if (out2 != nullptr) reinterpret_cast<int64_t *>(out2)[at] = p.i;
        return isInteger ? storeInteger(p.j, at) : store(p.a, at);
      case FB_REDUCE_ARGMIN:
      case FB_REDUCE_ARGMAX:
      case FB_REDUCE_COUNT_NONZERO: return storeInteger(p.i, at);
      case FB_REDUCE_ANY: return storeInteger(p.i > 0, at);
      case FB_REDUCE_ALL: return storeInteger(p.i == t.n, at);
      case FB_REDUCE_LOGSUMEXP: return store(p.a + std::log(p.b), at);
      case FB_REDUCE_NORM:
        switch (t.kind) {
          case Count: return store(static_cast<double>(p.i), at);
          case SquareSum: return store(std::sqrt(p.a), at);
          case PowSum: return store(std::pow(p.a, 1 / t.param), at);
          default: return store(p.a, at);
        }
      case FB_REDUCE_VAR:
      case FB_REDUCE_STD: {
        const double var = t.n == 0 ? nan : p.c / std::max(0.0, n - t.param);
        store(op == FB_REDUCE_STD ? std::sqrt(var) : var, at);
        if (out2 == nullptr) return;
        const double re = t.n == 0 ? nan : p.a, im = t.n == 0 && isComplex ? nan : p.b;
        const double mean[2] = {re, im};
        put(mean, isComplex ? FB_COMPUTE_C128 : FB_COMPUTE_F64, out2, t.dtype, at);
      }
    }
  }

 private:
  fb_reduction op;
  const Task &t;
  char *out;
  fb_dtype outDtype;
  char *out2;

  static void put(const void *value, int32_t compute, char *to, fb_dtype dtype, int64_t at) {
    storeOf(compute, dtype)(value, to + at * static_cast<int64_t>(sizeOf(dtype)), 1, 1);
  }
  void store(double re, double im, int64_t at) const {
    const double z[2] = {re, im};
    put(z, FB_COMPUTE_C128, out, outDtype, at);
  }
  void store(double value, int64_t at) const {
    if (outDtype == FB_F32) reinterpret_cast<float *>(out)[at] = static_cast<float>(value);
    else put(&value, FB_COMPUTE_F64, out, outDtype, at);
  }
  void storeInteger(int64_t value, int64_t at) const { put(&value, FB_COMPUTE_I64, out, outDtype, at); }
};

}  // namespace
}  // namespace fb
#endif
