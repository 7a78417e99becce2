// Convolution with one input channel a group, plane by plane. Each plane is copied between zero borders, its columns
// sorted by their remainder after division by the stride, so that every tap reads neighbouring numbers.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "conv_depthwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "conv.hpp"
#include "gemm.hpp"
#include "scratch.hpp"
#include "vector_map-inl.h"

#ifndef FBD_DEPTHWISE_PLANES
#define FBD_DEPTHWISE_PLANES
namespace fbd {

// Two-dimensional planes and how taps meet them.
struct DepthwisePlanes {
  int64_t height, width, outHeight, outWidth, kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX;
  int64_t top, left;          // padding before
  int64_t rows, row, column;  // the bordered plane: rows, numbers in a row, numbers in one remainder's columns
  int64_t channels, multiplier;
  bool flips;  // the taps in reverse order: the gradient for the input
  const float *x, *weight, *bias;
  float *y;
  const int64_t *offsets;  // where each tap of a row finds its column

  int64_t planeSize() const { return rows * row; }
};

}  // namespace fbd
#endif

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// Columns whose place in the bordered row is even, and at to + column the odd ones; the first one not done.
HWY_INLINE int64_t SplitRow(const float *in, int64_t from, int64_t width, int64_t left, int64_t column, float *to) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t j = from;
  if ((j + left) % 2 != 0 && j < width) {
    if ((j + left) / 2 >= column) return j;
    to[column + (j + left) / 2] = in[j];
    ++j;
  }
  for (; j + 2 * lanes <= width && (j + left) / 2 + lanes <= column; j += 2 * lanes) {
    hn::Vec<decltype(d)> even, odd;
    hn::LoadInterleaved2(d, in + j, even, odd);
    hn::StoreU(even, d, to + (j + left) / 2);
    hn::StoreU(odd, d, to + column + (j + left) / 2);
  }
  return j;
}

// The inner part of the bordered plane; the borders are zero already.
void CopyPlane(const fbd::DepthwisePlanes &p, const float *x, float *plane) {
  const int64_t first = std::max<int64_t>(0, -p.top);
  const int64_t last = std::min(p.height, p.rows - p.top);
  const int64_t from = std::max<int64_t>(0, -p.left);
  for (int64_t i = first; i < last; ++i) {
    const float *in = x + i * p.width;
    float *to = plane + (i + p.top) * p.row;
    if (p.strideX == 1) {
      const int64_t end = std::min(p.width, p.column - p.left);
      CopyRow(in + from, end - from, to + p.left + from);
      continue;
    }
    int64_t done = from;
    if (p.strideX == 2) done = SplitRow(in, from, p.width, p.left, p.column, to);
    for (int64_t remainder = 0; remainder < p.strideX; ++remainder) {
      // The first column from `done` on with this remainder, and its place among them.
      int64_t j = done + (remainder - (done + p.left) % p.strideX + p.strideX) % p.strideX;
      float *columns = to + remainder * p.column;
      for (int64_t k = (j + p.left) / p.strideX; j < p.width && k < p.column; j += p.strideX, ++k) columns[k] = in[j];
    }
  }
}

// `height` rows and `width` vectors of results from row i and column j on: enough sums to hide the additions' latency.
template <int height, int width>
HWY_INLINE void Block(const fbd::DepthwisePlanes &p, const float *plane, const float *taps, float bias, int64_t i,
                      int64_t j, float *y) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), step = p.strideY * p.row;
  hn::Vec<decltype(d)> sum[height][width];
  for (int r = 0; r < height; ++r)
    for (int v = 0; v < width; ++v) sum[r][v] = hn::Set(d, bias);
  const float *corner = plane + i * step + j;
  for (int64_t a = 0; a < p.kernelHeight; ++a) {
    for (int64_t b = 0; b < p.kernelWidth; ++b) {
      const auto tap = hn::Set(d, *taps++);
      const float *from = corner + a * p.dilationY * p.row + p.offsets[b];
      for (int r = 0; r < height; ++r)
        for (int v = 0; v < width; ++v)
          sum[r][v] = hn::MulAdd(hn::LoadU(d, from + r * step + v * lanes), tap, sum[r][v]);
    }
  }
  for (int r = 0; r < height; ++r)
    for (int v = 0; v < width; ++v) {
      const int64_t at = j + v * lanes, left = p.outWidth - at;
      float *to = y + (i + r) * p.outWidth + at;
      if (left >= lanes) hn::StoreU(sum[r][v], d, to);
      else if (left > 0) StorePart(sum[r][v], d, to, static_cast<size_t>(left));
    }
}

// The commonest kernel, 3x3: its taps stay in registers, and with neighbouring rows each row of the plane is read once
// for the three results that it touches.
template <bool strides>
void ColumnsOfNine(const fbd::DepthwisePlanes &p, const float *plane, const float *taps, float bias, int64_t begin,
                   int64_t end, float *y) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), row = p.row;
  const V t0 = hn::Set(d, taps[0]), t1 = hn::Set(d, taps[1]), t2 = hn::Set(d, taps[2]), t3 = hn::Set(d, taps[3]),
          t4 = hn::Set(d, taps[4]), t5 = hn::Set(d, taps[5]), t6 = hn::Set(d, taps[6]), t7 = hn::Set(d, taps[7]),
          t8 = hn::Set(d, taps[8]), first = hn::Set(d, bias);
  for (int64_t j = 0; j < p.outWidth;) {
    const float *corner = plane + begin * p.strideY * row + j;
    const float *from0 = corner + p.offsets[0], *from1 = corner + p.offsets[1];
    const float *from2 = corner + p.offsets[2];
    const auto sum = [&](V a, V b, V c, V s) HWY_ATTR {
      s = hn::MulAdd(hn::LoadU(d, from1), b, hn::MulAdd(hn::LoadU(d, from0), a, s));
      return hn::MulAdd(hn::LoadU(d, from2), c, s);
    };
    const auto next = [&]() HWY_ATTR { from0 += row, from1 += row, from2 += row; };
    V above = first, middle = first;
    if (!strides) {
      above = sum(t0, t1, t2, first);
      next();
      above = sum(t3, t4, t5, above);
      middle = sum(t0, t1, t2, first);
      next();
    }
    float *to = y + begin * p.outWidth + j;
    const int64_t left = p.outWidth - j;
    for (int64_t i = begin; i < end; ++i, to += p.outWidth) {
      V whole;
      if (strides) {
        whole = sum(t0, t1, t2, first);
        next();
        whole = sum(t3, t4, t5, whole);
        next();
        whole = sum(t6, t7, t8, whole);
        const int64_t skipped = (p.strideY - 2) * row;
        from0 += skipped, from1 += skipped, from2 += skipped;
      } else {
        whole = sum(t6, t7, t8, above);
        above = sum(t3, t4, t5, middle);
        middle = sum(t0, t1, t2, first);
        next();
      }
      // What a narrow row writes too much the next one mends.
      if (left >= lanes || to + lanes <= y + p.outHeight * p.outWidth) hn::StoreU(whole, d, to);
      else StorePart(whole, d, to, static_cast<size_t>(left));
    }
    // The last columns with some that were there already.
    j += left > lanes && left < 2 * lanes ? left - lanes : lanes;
  }
}

template <int width> void Columns(const fbd::DepthwisePlanes &p, const float *plane, const float *taps, float bias,
                                  int64_t j, float *y) {
  int64_t i = 0;
  for (; i + 4 <= p.outHeight; i += 4) Block<4, width>(p, plane, taps, bias, i, j, y);
  for (; i < p.outHeight; ++i) Block<1, width>(p, plane, taps, bias, i, j, y);
}

// Plane n of the results.
void DepthwisePlane(const fbd::DepthwisePlanes &p, int64_t n, float *plane) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), channel = n % p.channels;
  const int64_t size = p.kernelHeight * p.kernelWidth;
  // Results are written column by column, which no hardware foresees.
  float *y = p.y + n * p.outHeight * p.outWidth;
  for (int64_t i = 0; i < p.outHeight * p.outWidth; i += 16) __builtin_prefetch(y + i, 1);
  CopyPlane(p, p.x + n / p.multiplier * p.height * p.width, plane);
  const float *taps = p.weight + channel * size;
  float *reversed = plane + p.planeSize();
  if (p.flips) {
    std::reverse_copy(taps, taps + size, reversed);
    taps = reversed;
  }
  const float bias = p.bias ? p.bias[channel] : 0;
  if (p.kernelHeight == 3 && p.kernelWidth == 3 && p.dilationY == 1) {
    // As many rows as stay in the cache.
    const int64_t rows = std::max<int64_t>(8, 4096 / (p.row * p.strideY));
    for (int64_t i = 0; i < p.outHeight; i += rows) {
      const int64_t end = std::min(p.outHeight, i + rows);
      if (p.strideY == 1) ColumnsOfNine<false>(p, plane, taps, bias, i, end, y);
      else ColumnsOfNine<true>(p, plane, taps, bias, i, end, y);
    }
    return;
  }
  int64_t j = 0;
  for (; j + lanes < p.outWidth; j += 2 * lanes) Columns<2>(p, plane, taps, bias, j, y);
  if (j < p.outWidth) Columns<1>(p, plane, taps, bias, j, y);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(DepthwisePlane);
}  // namespace fb

namespace fbd {

bool isDepthwise(const fb_conv &v) {
  return v.groups > 1 && v.in_channels == v.groups && v.input[0] == 1 && v.output[0] == 1 && v.kernel[0] == 1 &&
         v.pad_begin[0] == 0 && v.pad_end[0] == 0 && volume(v.kernel) > 1 && v.output[2] >= 4;
}

bool convolveDepthwise(const fb_conv &v, bool backward, const float *x, const float *weight, const float *bias,
                       float *y) {
  if (!isDepthwise(v)) return false;
  if (backward && (v.stride[1] != 1 || v.stride[2] != 1 || v.out_channels != v.in_channels)) return false;
  DepthwisePlanes p{};
  const auto &from = backward ? v.output : v.input, &to = backward ? v.input : v.output;
  p.height = from[1], p.width = from[2], p.outHeight = to[1], p.outWidth = to[2];
  p.kernelHeight = v.kernel[1], p.kernelWidth = v.kernel[2];
  p.strideY = v.stride[1], p.strideX = v.stride[2], p.dilationY = v.dilation[1], p.dilationX = v.dilation[2];
  const int64_t reachY = p.dilationY * (p.kernelHeight - 1), reachX = p.dilationX * (p.kernelWidth - 1);
  p.top = backward ? reachY - v.pad_begin[1] : v.pad_begin[1];
  p.left = backward ? reachX - v.pad_begin[2] : v.pad_begin[2];
  constexpr int64_t slack = 64;  // vectors read past the last result of a row
  p.rows = (p.outHeight - 1) * p.strideY + reachY + 1;
  p.column = p.outWidth + reachX / p.strideX + slack;
  p.row = p.column * p.strideX;
  p.channels = v.out_channels, p.multiplier = v.out_channels / v.in_channels;
  p.flips = backward;
  p.x = x, p.weight = weight, p.bias = bias, p.y = y;
  const int64_t planes = v.batch * v.out_channels, work = planes * p.outHeight * p.outWidth * volume(v.kernel);
  if (planes == 0) return true;
  Scratch offsets(static_cast<size_t>(p.kernelWidth) * sizeof(int64_t));
  for (int64_t b = 0; b < p.kernelWidth; ++b) {
    const int64_t column = b * p.dilationX;
    offsets.as<int64_t>()[b] = column % p.strideX * p.column + column / p.strideX;
  }
  p.offsets = offsets.as<int64_t>();
  // Memory takes more time than the multiplications say: threads pay off sooner.
  // Some planes an item: the borders are cleared once for all of them.
  struct Run { const DepthwisePlanes &p; int64_t planes, length; } run{p, planes, (planes + 15) / 16};
  const auto body = [](void *raw, int64_t i) {
    const Run &run = *static_cast<Run *>(raw);
    const int64_t begin = i * run.length, end = std::min(run.planes, begin + run.length);
    const int64_t taps = run.p.kernelHeight * run.p.kernelWidth;
    const size_t bytes = static_cast<size_t>(run.p.planeSize() + slack + taps) * sizeof(float);
    Scratch scratch(bytes);
    std::memset(scratch.as<float>(), 0, bytes);
    for (int64_t n = begin; n < end; ++n) HWY_DYNAMIC_DISPATCH(fb::DepthwisePlane)(run.p, n, scratch.as<float>());
  };
  if (isWorthSharing(4 * work)) parallelFor((planes + run.length - 1) / run.length, body, &run);
  else for (int64_t i = 0; i * run.length < planes; ++i) body(&run, i);
  return true;
}

}  // namespace fbd
#endif
