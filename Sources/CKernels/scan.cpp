// Scans: each line carries its state from tile to tile; lines that lie side by side go through together.
#include "failure.hpp"
#include "include/fb_scan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "elementwise_table.h"
#include "scan_sum.hpp"

namespace fb {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double smallest = -700;  // e^smallest is negligible, but not 0: an infinite sum stays infinite
constexpr size_t width = tileSize;

void apply(fb_opcode op, double *x, size_t n) {
  kernels().at[FB_COMPUTE_F64][op](x, nullptr, nullptr, x, n, nullptr);
}

inline int64_t combine(fb_scan_op op, int64_t a, int64_t b) {
  const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  return static_cast<int64_t>(op == FB_SCAN_SUM ? x + y : x * y);
}
inline double combine(fb_scan_op op, double a, double b) { return op == FB_SCAN_SUM ? a + b : a * b; }
inline std::complex<double> combine(fb_scan_op op, std::complex<double> a, std::complex<double> b) {
  if (op == FB_SCAN_LOGSUMEXP) {
    if (a.real() < b.real()) std::swap(a, b);
    if (!std::isfinite(a.real())) return std::log(std::exp(a) + std::exp(b));
    // a + log1p(e^(b - a)): the phase of the larger one stays as it is.
    const std::complex<double> e = std::exp(b - a);
    return a + std::complex<double>(std::log1p(2 * e.real() + std::norm(e)) / 2, std::atan2(e.imag(), 1 + e.real()));
  }
  return op == FB_SCAN_SUM ? a + b : a * b;
}

// NaN stays; among equals the last one counts.
template <class T> inline bool replaces(fb_scan_op op, T best, T x) {
  return x != x || (best == best && (op == FB_SCAN_MAX ? x >= best : x <= best));
}

// What a line remembers of the elements before.
template <class T> struct State {
  T value[width];        // sum or product so far, extreme so far
  int64_t index[width];  // of the extreme
  double shift[width];   // log of the sum so far is shift + log(scaled); shift is their maximum, 0 if that is infinite
  double scaled[width];
};

template <class T> void start(fb_scan_op op, State<T> &s, size_t n) {
  for (size_t k = 0; k < n; ++k) {
    s.value[k] = op == FB_SCAN_PROD ? T(1) : op == FB_SCAN_LOGSUMEXP ? T(-infinity) : T(0);
    s.index[k] = 0;
    s.shift[k] = 0;
    s.scaled[k] = 0;
  }
}

// One more element of each of n lines: x[k] becomes the result of line k, indices[k] its index.
template <class T> void stepColumns(fb_scan_op op, State<T> &s, T *x, int64_t *indices, size_t n, int64_t position) {
  if constexpr (!std::is_same_v<T, std::complex<double>>) {
    if (op == FB_SCAN_MAX || op == FB_SCAN_MIN) {
      for (size_t k = 0; k < n; ++k) {
        const bool better = position == 0 || replaces(op, s.value[k], x[k]);
        s.value[k] = x[k] = better ? x[k] : s.value[k];
        s.index[k] = indices[k] = better ? position : s.index[k];
      }
      return;
    }
  }
  if constexpr (std::is_same_v<T, double>) {
    if (op == FB_SCAN_LOGSUMEXP) {
      double before[width];
      for (size_t k = 0; k < n; ++k) {
        const double top = s.scaled[k] == 0 ? x[k] : std::max(s.shift[k], x[k]), shift = std::isfinite(top) ? top : 0;
        before[k] = s.scaled[k] == 0 ? 0 : std::max(s.shift[k] - shift, smallest);
        x[k] -= shift;
        s.shift[k] = shift;
      }
      apply(FB_OP_EXP, before, n);
      apply(FB_OP_EXP, x, n);
      for (size_t k = 0; k < n; ++k) s.scaled[k] = x[k] = s.scaled[k] * before[k] + x[k];
      apply(FB_OP_LOG, x, n);
      for (size_t k = 0; k < n; ++k) x[k] += s.shift[k];
      return;
    }
  }
  for (size_t k = 0; k < n; ++k) s.value[k] = x[k] = combine(op, s.value[k], x[k]);
}

// The next n elements of one line; the state of line 0 is used.
template <class T> void stepRow(fb_scan_op op, State<T> &s, T *x, int64_t *indices, size_t n, int64_t position) {
  if constexpr (!std::is_same_v<T, std::complex<double>>) {
    if (op == FB_SCAN_MAX || op == FB_SCAN_MIN) {
      T best = s.value[0];
      int64_t at = s.index[0];
      for (size_t k = 0; k < n; ++k) {
        const int64_t here = position + static_cast<int64_t>(k);
        if (here == 0 || replaces(op, best, x[k])) {
          best = x[k];
          at = here;
        }
        x[k] = best;
        indices[k] = at;
      }
      s.value[0] = best;
      s.index[0] = at;
      return;
    }
  }
  if constexpr (std::is_same_v<T, double>) {
    if (op == FB_SCAN_LOGSUMEXP) {
      double before[width], shifts[width], shift = s.shift[0];
      bool isEmpty = s.scaled[0] == 0;  // nothing but -inf so far
      for (size_t k = 0; k < n; ++k) {
        const double top = isEmpty ? x[k] : std::max(shift, x[k]), next = std::isfinite(top) ? top : 0;
        before[k] = isEmpty ? 0 : std::max(shift - next, smallest);
        isEmpty = isEmpty && x[k] == -infinity;
        x[k] -= next;
        shifts[k] = shift = next;
      }
      apply(FB_OP_EXP, before, n);
      apply(FB_OP_EXP, x, n);
      double scaled = s.scaled[0];
      for (size_t k = 0; k < n; ++k) x[k] = scaled = scaled * before[k] + x[k];
      apply(FB_OP_LOG, x, n);
      for (size_t k = 0; k < n; ++k) x[k] += shifts[k];
      s.scaled[0] = scaled;
      s.shift[0] = shift;
      return;
    }
  }
  T value = s.value[0];
  for (size_t k = 0; k < n; ++k) x[k] = value = combine(op, value, x[k]);
  s.value[0] = value;
}

template <class T>
void scan(fb_scan_op op, int32_t domain, const char *in, fb_dtype inType, char *out, fb_dtype outType,
          int64_t *indices, int64_t n, int64_t inner, bool reversed, int64_t begin, int64_t end) {
  const Load load = loadOf(inType, domain);
  const Store store = storeOf(domain, outType);
  const int64_t inSize = static_cast<int64_t>(sizeOf(inType)), outSize = static_cast<int64_t>(sizeOf(outType));
  State<T> s;
  alignas(64) T tile[width];
  int64_t at[width] = {};
  const int64_t along = inner == 1 && reversed ? -1 : 1;  // between neighbours in a tile
  for (int64_t line = begin; line < end;) {
    const int64_t first = line / inner * n * inner + line % inner;
    const int64_t lines = inner == 1 ? 1 : std::min({static_cast<int64_t>(width), inner - line % inner, end - line});
    const int64_t step = inner == 1 ? static_cast<int64_t>(width) : 1;  // elements of a line at once
    start(op, s, static_cast<size_t>(lines));
    for (int64_t position = 0; position < n; position += step) {
      const int64_t element = first + (reversed ? n - 1 - position : position) * inner;
      const size_t count = static_cast<size_t>(inner == 1 ? std::min(step, n - position) : lines);
      load(in + element * inSize, along, tile, count);
      if (inner == 1) stepRow(op, s, tile, at, count, position);
      else stepColumns(op, s, tile, at, count, position);
      store(tile, out + element * outSize, along, count);
      for (size_t k = 0; indices != nullptr && k < count; ++k) {
        indices[element + along * static_cast<int64_t>(k)] = reversed ? n - 1 - at[k] : at[k];
      }
    }
    line += lines;
  }
}

void run(fb_scan_op op, const void *in, fb_dtype inType, void *out, fb_dtype outType, int64_t *indices, int64_t n,
         int64_t inner, bool reversed, int64_t begin, int64_t end) {
  if (op == FB_SCAN_SUM && inner == 1 && inType == outType) {
    if (outType == FB_F32)
      return sumLines(static_cast<const float *>(in), static_cast<float *>(out), n, reversed, begin, end);
    if (outType == FB_F64)
      return sumLines(static_cast<const double *>(in), static_cast<double *>(out), n, reversed, begin, end);
  }
  const auto scanAs = [&](auto zero, int32_t domain) {
    scan<decltype(zero)>(op, domain, static_cast<const char *>(in), inType, static_cast<char *>(out), outType, indices,
                         n, inner, reversed, begin, end);
  };
  switch (computeOf(outType)) {
    case FB_COMPUTE_I64:
    case FB_COMPUTE_U64: return scanAs(int64_t(0), FB_COMPUTE_I64);
    case FB_COMPUTE_F32:
    case FB_COMPUTE_F64: return scanAs(0.0, FB_COMPUTE_F64);
    case FB_COMPUTE_C64:
    case FB_COMPUTE_C128: return scanAs(std::complex<double>(0), FB_COMPUTE_C128);
  }
}

}  // namespace
}  // namespace fb

void fb_scan(fb_scan_op op, const void *in, fb_dtype in_dtype, void *out, fb_dtype out_dtype, int64_t *indices,
             int64_t outer, int64_t n, int64_t inner, int64_t begin, int64_t end) try {
  (void)outer;
  fb::run(op, in, in_dtype, out, out_dtype, indices, n, inner, false, begin, end);
} FBD_NOTES_FAILURE()

void fb_scan_reversed(fb_scan_op op, const void *in, fb_dtype in_dtype, void *out, fb_dtype out_dtype,
                      int64_t *indices, int64_t outer, int64_t n, int64_t inner, int64_t begin, int64_t end) try {
  (void)outer;
  fb::run(op, in, in_dtype, out, out_dtype, indices, n, inner, true, begin, end);
} FBD_NOTES_FAILURE()
