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

// Adds row q of a block's part of the plane to the results first ..< last, which its taps q - r belong to.
template <int first, int last, class V, int height, int width>
HWY_INLINE void AddPlaneRow(const fbd::DepthwisePlanes &p, const float *x, const float *taps, int64_t q,
                            V (&sum)[height][width]) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t b = 0; b < p.kernelWidth; ++b) {
    V read[width];
    for (int v = 0; v < width; ++v) read[v] = hn::LoadU(d, x + q * p.row + p.offsets[b] + v * lanes);
    for (int r = first; r < last; ++r) {
      const V tap = hn::Set(d, taps[(q - r) * p.kernelWidth + b]);
      for (int v = 0; v < width; ++v) sum[r][v] = hn::MulAdd(read[v], tap, sum[r][v]);
    }
  }
}

// `height` rows (1, 2 or 4) and `width` vectors of results from row i and column j on: enough sums to hide the additions'
// latency. Each row of the plane is read once for all the results that it touches, where taps and strides allow that.
template <int height, int width>
HWY_INLINE void Block(const fbd::DepthwisePlanes &p, const float *plane, const float *taps, float bias, int64_t i,
                      int64_t j, float *y) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), step = p.strideY * p.row;
  V sum[height][width];
  for (int r = 0; r < height; ++r)
    for (int v = 0; v < width; ++v) sum[r][v] = hn::Set(d, bias);
  const float *corner = plane + i * step + j;
  if (height > 1 && p.strideY == 1 && p.dilationY == 1 && p.kernelHeight >= height) {
    const int64_t rows = p.kernelHeight;
    if constexpr (height >= 2) AddPlaneRow<0, 1>(p, corner, taps, 0, sum);
    if constexpr (height == 4) {
      AddPlaneRow<0, 2>(p, corner, taps, 1, sum);
      AddPlaneRow<0, 3>(p, corner, taps, 2, sum);
    }
    for (int64_t q = height - 1; q < rows; ++q) AddPlaneRow<0, height>(p, corner, taps, q, sum);
    if constexpr (height >= 2) AddPlaneRow<1, height>(p, corner, taps, rows, sum);
    if constexpr (height == 4) {
      AddPlaneRow<2, 4>(p, corner, taps, rows + 1, sum);
      AddPlaneRow<3, 4>(p, corner, taps, rows + 2, sum);
    }
  } else {
    for (int64_t a = 0; a < p.kernelHeight; ++a) {
      for (int64_t b = 0; b < p.kernelWidth; ++b) {
        const V tap = hn::Set(d, *taps++);
        const float *from = corner + a * p.dilationY * p.row + p.offsets[b];
        for (int r = 0; r < height; ++r)
          for (int v = 0; v < width; ++v)
            sum[r][v] = hn::MulAdd(hn::LoadU(d, from + r * step + v * lanes), tap, sum[r][v]);
      }
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

template <int height, int width>
void Columns(const fbd::DepthwisePlanes &p, const float *plane, const float *taps, float bias, int64_t j, float *y) {
  if (p.outHeight < height) {
    for (int64_t i = 0; i < p.outHeight; ++i) Block<1, width>(p, plane, taps, bias, i, j, y);
    return;
  }
  for (int64_t i = 0; i < p.outHeight; i += height)  // the last rows with some that were there already
    Block<height, width>(p, plane, taps, bias, std::min(i, p.outHeight - height), j, y);
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
  for (; j + 3 * lanes < p.outWidth; j += 4 * lanes) Columns<2, 4>(p, plane, taps, bias, j, y);
  for (; j + lanes < p.outWidth; j += 2 * lanes) Columns<4, 2>(p, plane, taps, bias, j, y);
  if (j < p.outWidth) Columns<4, 1>(p, plane, taps, bias, j, y);
}

// The weights' gradient: sums of g times what the taps meet. Rows a ..< a + rows and columns b ..< b + columns of them.
template <int rows, int columns>
void WeightSums(const fbd::DepthwisePlanes &p, const float *plane, const float *g, int64_t a, int64_t b,
                double *sums) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), whole = p.outWidth / lanes * lanes;
  const auto rest = hn::FirstN(d, static_cast<size_t>(p.outWidth - whole));
  V sum[rows][columns];
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) sum[r][c] = hn::Zero(d);
  for (int64_t i = 0; i < p.outHeight; ++i, g += p.outWidth) {
    const float *corner = plane + (i * p.strideY + a * p.dilationY) * p.row;
    const auto add = [&](V v, int64_t j, auto load) HWY_ATTR {
      for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c)
          sum[r][c] = hn::MulAdd(v, load(corner + r * p.dilationY * p.row + p.offsets[b + c] + j), sum[r][c]);
    };
    for (int64_t j = 0; j < whole; j += lanes)
      add(hn::LoadU(d, g + j), j, [d](const float *x) HWY_ATTR { return hn::LoadU(d, x); });
    if (whole < p.outWidth)
      add(hn::MaskedLoad(rest, d, g + whole), whole, [&](const float *x) HWY_ATTR { return hn::MaskedLoad(rest, d, x); });
  }
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      sums[(a + r) * p.kernelWidth + b + c] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum[r][c])));
}

// Channel `channel` of the weights' gradient; p.y is the gradient of the results [batch, channels, plane].
void DepthwiseWeight(const fbd::DepthwisePlanes &p, int64_t batch, int64_t channel, float *plane, double *sums,
                     float *dweight) {
  using Sums = void (*)(const fbd::DepthwisePlanes &, const float *, const float *, int64_t, int64_t, double *);
  static constexpr Sums kernels[3][4] = {
      {WeightSums<1, 1>, WeightSums<1, 2>, WeightSums<1, 3>, WeightSums<1, 4>},
      {WeightSums<2, 1>, WeightSums<2, 2>, WeightSums<2, 3>, WeightSums<2, 4>},
      {WeightSums<3, 1>, WeightSums<3, 2>, WeightSums<3, 3>, WeightSums<3, 4>}};
  const int64_t taps = p.kernelHeight * p.kernelWidth;
  std::fill(sums, sums + taps, 0.0);
  for (int64_t sample = 0; sample < batch; ++sample) {
    const int64_t n = sample * p.channels + channel;
    CopyPlane(p, p.x + n / p.multiplier * p.height * p.width, plane);
    const float *g = p.y + n * p.outHeight * p.outWidth;
    for (int64_t a = 0; a < p.kernelHeight; a += 3)
      for (int64_t b = 0; b < p.kernelWidth;) {
        const int64_t left = p.kernelWidth - b, columns = left == 5 ? 3 : std::min<int64_t>(4, left);
        kernels[std::min<int64_t>(3, p.kernelHeight - a) - 1][columns - 1](p, plane, g, a, b, sums);
        b += columns;
      }
  }
  for (int64_t k = 0; k < taps; ++k) dweight[channel * taps + k] = static_cast<float>(sums[k]);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(DepthwisePlane);
HWY_EXPORT(DepthwiseWeight);
}  // namespace fb

namespace fbd {
namespace {

constexpr int64_t kSlack = 64;  // vectors read past the last result of a row

bool isDepthwise(const fb_conv &v) {
  return v.groups > 1 && v.in_channels == v.groups && v.input[0] == 1 && v.output[0] == 1 && v.kernel[0] == 1 &&
         v.pad_begin[0] == 0 && v.pad_end[0] == 0 && volume(v.kernel) > 1 && v.output[2] >= 4;
}

// The planes of a pass, and where each tap of a row finds its column.
class PlanesOfPass {
 public:
  DepthwisePlanes p{};

  PlanesOfPass(const fb_conv &v, ConvPass pass) : memory(static_cast<size_t>(v.kernel[2]) * sizeof(int64_t)) {
    const bool backward = pass == ConvPass::backwardInput;
    const auto &from = backward ? v.output : v.input, &to = backward ? v.input : v.output;
    p.height = from[1], p.width = from[2], p.outHeight = to[1], p.outWidth = to[2];
    p.kernelHeight = v.kernel[1], p.kernelWidth = v.kernel[2];
    p.strideY = v.stride[1], p.strideX = v.stride[2], p.dilationY = v.dilation[1], p.dilationX = v.dilation[2];
    const int64_t reachY = p.dilationY * (p.kernelHeight - 1), reachX = p.dilationX * (p.kernelWidth - 1);
    p.top = backward ? reachY - v.pad_begin[1] : v.pad_begin[1];
    p.left = backward ? reachX - v.pad_begin[2] : v.pad_begin[2];
    p.rows = (p.outHeight - 1) * p.strideY + reachY + 1;
    p.column = p.outWidth + reachX / p.strideX + kSlack;
    p.row = p.column * p.strideX;
    p.channels = v.out_channels, p.multiplier = v.out_channels / v.in_channels;
    p.flips = backward;
    for (int64_t b = 0; b < p.kernelWidth; ++b) {
      const int64_t column = b * p.dilationX;
      memory.as<int64_t>()[b] = column % p.strideX * p.column + column / p.strideX;
    }
    p.offsets = memory.as<int64_t>();
  }

 private:
  Scratch memory;
};

// In a few runs: the borders are cleared once for all planes of one. Memory takes more time than the multiplications
// say: threads pay off sooner.
template <class Body> void forRuns(int64_t count, int64_t work, const Body &body) {
  const int64_t length = (count + 15) / 16;
  forItems((count + length - 1) / length, isWorthSharing(4 * work),
           [&](int64_t i) { body(i * length, std::min(count, (i + 1) * length)); });
}

}  // namespace

bool convolveDepthwise(const fb_conv &v, ConvPass pass, const float *first, const float *second, const float *bias,
                       float *result) {
  if (!isDepthwise(v)) return false;
  const bool backward = pass == ConvPass::backwardInput;
  if (backward && (v.stride[1] != 1 || v.stride[2] != 1 || v.out_channels != v.in_channels)) return false;
  const int64_t planes = v.batch * v.out_channels, taps = volume(v.kernel);
  PlanesOfPass of(v, pass);
  DepthwisePlanes &p = of.p;
  const int64_t work = planes * p.outHeight * p.outWidth * taps;
  p.x = first;
  if (pass == ConvPass::backwardWeight) {
    p.y = const_cast<float *>(second);
    forRuns(v.out_channels, work, [&](int64_t begin, int64_t end) {
      const size_t bytes = static_cast<size_t>(p.planeSize() + kSlack) * sizeof(float);
      Scratch scratch(bytes), sums(static_cast<size_t>(taps) * sizeof(double));
      std::memset(scratch.as<float>(), 0, bytes);
      for (int64_t channel = begin; channel < end; ++channel)
        HWY_DYNAMIC_DISPATCH(fb::DepthwiseWeight)
        (p, v.batch, channel, scratch.as<float>(), sums.as<double>(), result);
    });
    return true;
  }
  if (planes == 0) return true;
  p.weight = second, p.bias = bias, p.y = result;
  forRuns(planes, work, [&](int64_t begin, int64_t end) {
    const size_t bytes = static_cast<size_t>(p.planeSize() + kSlack + taps) * sizeof(float);
    Scratch scratch(bytes);
    std::memset(scratch.as<float>(), 0, bytes);
    const int64_t size = p.outHeight * p.outWidth;
    for (int64_t n = begin; n < end; ++n) {
      HWY_DYNAMIC_DISPATCH(fb::DepthwisePlane)(p, n, scratch.as<float>());
      rectify(v, result + n * size, size);
    }
  });
  return true;
}

}  // namespace fbd
#endif
