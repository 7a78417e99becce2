// Products of 8-bit integers by oneDNN.
#include "failure.hpp"
#include "include/fb_int8.h"

#include <dnnl.h>

#include <algorithm>
#include <cmath>

#include "gemm.hpp"
#include "scratch.hpp"

namespace {

struct Range {
  float scale;
  int32_t zero;
};

constexpr int32_t kLargest = 127;

Range rangeOf(const float *x, int64_t count) {
  constexpr int64_t kLanes = 16;
  float low[kLanes] = {}, high[kLanes] = {};  // 0 belongs to the range
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k) {
      low[k] = std::min(low[k], x[i + k]);
      high[k] = std::max(high[k], x[i + k]);
    }
  for (; i < count; ++i) {
    low[0] = std::min(low[0], x[i]);
    high[0] = std::max(high[0], x[i]);
  }
  const double least = *std::min_element(low, low + kLanes), most = *std::max_element(high, high + kLanes);
  double scale = (most - least) / kLargest;
  if (float(scale) == 0 || std::isinf(1 / float(scale))) scale = 0.1;
  const double fromLeast = -least / scale, fromMost = kLargest - most / scale;
  const double errorLeast = -std::fabs(least / scale), errorMost = kLargest - std::fabs(most / scale);
  const double zero = errorLeast < errorMost ? fromLeast : fromMost;
  return {float(scale), int32_t(std::nearbyint(std::min(std::max(zero, 0.0), double(kLargest))))};
}

}  // namespace

void fb_int8_linear(const float *x, int64_t rows, int64_t in, const int8_t *weight, float weight_scale,
                    const int32_t *sums, const float *bias, int64_t out, float *y) try {
  if (rows == 0 || out == 0) return;
  const Range range = rangeOf(x, rows * in);
  const fbd::Scratch bytes(size_t(rows * in)), products(size_t(rows * out) * sizeof(int32_t));
  uint8_t *q = bytes.as<uint8_t>();
  int32_t *c = products.as<int32_t>();
  const float inverse = 1 / range.scale, largest = float(kLargest), zero = float(range.zero);
  for (int64_t i = 0; i < rows * in; ++i) {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer, halves to even.
    const float shifted = std::min(std::max(x[i] * inverse + zero, 0.f), largest) + 12582912.f;
    q[i] = uint8_t(int32_t(shifted - 12582912.f));
  }
  fbd::adoptThreadCount(0);
  // Integers are exact, so the pieces may depend on the threads: each copies the weight together for itself.
  const int64_t length = std::max<int64_t>(48, (rows + fbd::threadCount() - 1) / fbd::threadCount());
  struct Pieces { int64_t rows, length, in, out; const uint8_t *q; const int8_t *weight; int32_t *c; } pieces{
      rows, length, in, out, q, weight, c};
  fbd::parallelFor((rows + length - 1) / length, [](void *raw, int64_t i) {
    const Pieces &p = *static_cast<Pieces *>(raw);
    const int64_t first = i * p.length, count = std::min(p.length, p.rows - first);
    const int32_t none = 0;
    dnnl_gemm_u8s8s32('N', 'T', 'F', count, p.out, p.in, 1, p.q + first * p.in, p.in, 0, p.weight, p.in, 0, 0,
                      p.c + first * p.out, p.out, &none);
  }, &pieces);
  const float scale = range.scale * weight_scale;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t o = 0; o < out; ++o)
      y[i * out + o] = float(c[i * out + o] - range.zero * sums[o]) * scale + (bias ? bias[o] : 0.f);
} FBD_NOTES_FAILURE()
