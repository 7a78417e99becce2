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

// A call of memcpy would take longer than most rows do.
HWY_INLINE void CopyRow(const float *from, int64_t n, float *to) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  if (i < n && n >= lanes) return hn::StoreU(hn::LoadU(d, from + n - lanes), d, to + n - lanes);
  for (; i < n; ++i) to[i] = from[i];
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
    for (int64_t remainder = 0; remainder < p.strideX; ++remainder) {
      // The first column from `from` on with this remainder, and its place among them.
      int64_t j = from + (remainder - (from + p.left) % p.strideX + p.strideX) % p.strideX;
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
        for (int v = 0; v < width; ++v) sum[r][v] = hn::MulAdd(hn::LoadU(d, from + r * step + v * lanes), tap, sum[r][v]);
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

template <int height> HWY_INLINE void StoreColumn(const fbd::DepthwisePlanes &p, const hn::Vec<hn::ScalableTag<float>> *sum,
                                                  int64_t i, int64_t j, float *y) {
  const hn::ScalableTag<float> d;
  const int64_t left = p.outWidth - j;
  for (int r = 0; r < height; ++r) {
    float *to = y + (i + r) * p.outWidth + j;
    if (left >= static_cast<int64_t>(hn::Lanes(d))) hn::StoreU(sum[r], d, to);
    else StorePart(sum[r], d, to, static_cast<size_t>(left));
  }
}

// The commonest kernel, 3x3 with neighbouring rows: its taps stay in registers, and each row of the plane is read once
// for all results that it touches.
template <int height>
HWY_INLINE void BlockOfNine(const fbd::DepthwisePlanes &p, const float *plane, const float *taps, float bias, int64_t i,
                            int64_t j, float *y) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  V tap[9], sum[height];
  for (int k = 0; k < 9; ++k) tap[k] = hn::Set(d, taps[k]);
  for (int r = 0; r < height; ++r) sum[r] = hn::Set(d, bias);
  const float *corner = plane + i * p.row + j;
  for (int q = 0; q < height + 2; ++q) {
    for (int b = 0; b < 3; ++b) {
      const V x = hn::LoadU(d, corner + q * p.row + p.offsets[b]);
      for (int a = 0; a < 3; ++a)
        if (q - a >= 0 && q - a < height) sum[q - a] = hn::MulAdd(x, tap[3 * a + b], sum[q - a]);
    }
  }
  StoreColumn<height>(p, sum, i, j, y);
}

void ColumnsOfNine(const fbd::DepthwisePlanes &p, const float *plane, const float *taps, float bias, float *y) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  for (int64_t i = 0; i < p.outHeight; i += i + 4 <= p.outHeight ? 4 : 1) {
    for (int64_t j = 0; j < p.outWidth; j += lanes) {
      if (i + 4 <= p.outHeight) BlockOfNine<4>(p, plane, taps, bias, i, j, y);
      else BlockOfNine<1>(p, plane, taps, bias, i, j, y);
    }
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
  CopyPlane(p, p.x + n / p.multiplier * p.height * p.width, plane);
  const float *taps = p.weight + channel * size;
  float *reversed = plane + p.planeSize();
  if (p.flips) {
    std::reverse_copy(taps, taps + size, reversed);
    taps = reversed;
  }
  float *y = p.y + n * p.outHeight * p.outWidth;
  const float bias = p.bias ? p.bias[channel] : 0;
  if (p.kernelHeight == 3 && p.kernelWidth == 3 && p.strideY == 1 && p.dilationY == 1) {
    return ColumnsOfNine(p, plane, taps, bias, y);
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
  if (adoptThreadCount(4 * work) > 1) parallelFor((planes + run.length - 1) / run.length, body, &run);
  else for (int64_t i = 0; i * run.length < planes; ++i) body(&run, i);
  return true;
}

}  // namespace fbd
#endif
