// Two-dimensional convolutions with few channels, stride 1. A plane between its zero borders is one long line, in
// which every tap is a shift: vectors run over the ends of rows, and what they compute between two rows is dropped.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "conv_narrow.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "conv.hpp"
#include "gemm.hpp"
#include "scratch.hpp"
#include "vector_map-inl.h"

#ifndef FBD_NARROW
#define FBD_NARROW
namespace fbd {

// Convolutions, a group each, of `in` planes to `out` planes.
struct Narrow {
  int64_t groups, in, out, height, width, outHeight, outWidth, kernelHeight, kernelWidth, dilationY, dilationX, top, left;
  int64_t rows, row;       // of a bordered plane
  const int64_t *offsets;  // of the taps [in, kernelHeight, kernelWidth] in the bordered planes
  const float *taps;       // by kTogether results: [tap, result]
  const float *bias;

  int64_t plane() const { return rows * row; }
  int64_t tapCount() const { return in * kernelHeight * kernelWidth; }
  int64_t line() const { return (outHeight - 1) * row + outWidth; }  // from the first result to the last
  int64_t sampleSize() const { return in * height * width; }         // of a group
  int64_t resultSize() const { return out * outHeight * outWidth; }
  int64_t weightSize() const { return out * tapCount(); }
};

constexpr int64_t kTogether = 6;  // results whose sums fit in the registers
constexpr int64_t kSlack = 128;   // what vectors reach beyond the end

}  // namespace fbd
#endif

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
using fbd::Narrow;
using Lanes = hn::ScalableTag<float>;
using V = hn::Vec<Lanes>;

int64_t LaneCount() { return static_cast<int64_t>(hn::Lanes(Lanes())); }

// to[i * toRow + j] = from[i * fromRow + j].
void CopyRows(const float *from, int64_t fromRow, int64_t rows, int64_t columns, float *to, int64_t toRow) {
  for (int64_t i = 0; i < rows; ++i) CopyRow(from + i * fromRow, columns, to + i * toRow);
}

// The inner part of bordered planes; the borders are zero already.
void CopyPlanes(const Narrow &c, const float *x, float *planes) {
  const int64_t rows = std::min(c.height, c.rows - c.top), columns = std::min(c.width, c.row - c.left);
  for (int64_t k = 0; k < c.in; ++k)
    CopyRows(x + k * c.height * c.width, c.width, rows, columns, planes + k * c.plane() + c.top * c.row + c.left,
             c.row);
}

// `results` x `vectors` sums along the whole line.
template <int results, int vectors>
HWY_INLINE void Sums(const Narrow &c, const float *planes, const float *taps, const float *bias, float *lines,
                     int64_t length) {
  const Lanes d;
  const int64_t lanes = LaneCount(), count = c.tapCount(), end = c.line();
  for (int64_t q = 0; q < end; q += vectors * lanes) {
    V sum[results][vectors];
    for (int k = 0; k < results; ++k)
      for (int v = 0; v < vectors; ++v) sum[k][v] = hn::Set(d, bias ? bias[k] : 0.f);
    const float *from = planes + q, *tap = taps;
    for (int64_t t = 0; t < count; ++t, tap += results) {
      V x[vectors];
      for (int v = 0; v < vectors; ++v) x[v] = hn::LoadU(d, from + c.offsets[t] + v * lanes);
      for (int k = 0; k < results; ++k) {
        const V weight = hn::Set(d, tap[k]);
        for (int v = 0; v < vectors; ++v) sum[k][v] = hn::MulAdd(x[v], weight, sum[k][v]);
      }
    }
    for (int k = 0; k < results; ++k)
      for (int v = 0; v < vectors; ++v) hn::StoreU(sum[k][v], d, lines + k * length + q + v * lanes);
  }
}

// One sample.
void NarrowSample(const Narrow &c, const float *x, float *y, float *planes, float *lines) {
  CopyPlanes(c, x, planes);
  const int64_t length = c.line() + fbd::kSlack;
  for (int64_t k = 0; k < c.out; k += fbd::kTogether) {
    const float *taps = c.taps + k * c.tapCount(), *bias = c.bias ? c.bias + k : nullptr;
    const int64_t results = std::min(fbd::kTogether, c.out - k);
    switch (results) {
      case 1: Sums<1, 8>(c, planes, taps, bias, lines, length); break;
      case 2: Sums<2, 5>(c, planes, taps, bias, lines, length); break;
      case 3: Sums<3, 3>(c, planes, taps, bias, lines, length); break;
      case 4: Sums<4, 3>(c, planes, taps, bias, lines, length); break;
      case 5: Sums<5, 2>(c, planes, taps, bias, lines, length); break;
      default: Sums<6, 2>(c, planes, taps, bias, lines, length); break;
    }
    for (int64_t r = 0; r < results; ++r)
      CopyRows(lines + r * length, c.row, c.outHeight, c.outWidth, y + (k + r) * c.outHeight * c.outWidth, c.outWidth);
  }
}

// Adds to `sums` for `results` gradients and `taps` neighbouring taps of a row what one sample has.
template <int results, int taps>
HWY_INLINE float *GradientSums(const Narrow &c, const float *gradients, int64_t length, const float *x, float *sums) {
  const Lanes d;
  const int64_t lanes = LaneCount(), end = c.line();
  V sum[results][taps];
  for (int k = 0; k < results; ++k)
    for (int b = 0; b < taps; ++b) sum[k][b] = hn::LoadU(d, sums + (k * taps + b) * lanes);
  for (int64_t q = 0; q < end; q += lanes) {
    V g[results];
    for (int k = 0; k < results; ++k) g[k] = hn::LoadU(d, gradients + k * length + q);
    for (int b = 0; b < taps; ++b) {
      const V from = hn::LoadU(d, x + q + b * c.dilationX);
      for (int k = 0; k < results; ++k) sum[k][b] = hn::MulAdd(from, g[k], sum[k][b]);
    }
  }
  for (int k = 0; k < results; ++k)
    for (int b = 0; b < taps; ++b) hn::StoreU(sum[k][b], d, sums + (k * taps + b) * lanes);
  return sums + results * taps * lanes;
}

// Calls f(k, channel, row of the kernel, tap, results, taps) for every block of the weight that has sums of its own:
// at most five taps, and as many results as leave registers for the operands.
template <class F> HWY_INLINE void ForBlocks(const Narrow &c, F f) {
  constexpr int64_t most[] = {0, 6, 4, 3, 3, 2};
  for (int64_t b = 0; b < c.kernelWidth;) {
    const int64_t left = c.kernelWidth - b, taps = left > 5 && left < 10 ? (left + 1) / 2 : std::min<int64_t>(left, 5);
    for (int64_t k = 0; k < c.out;) {
      const int64_t results = c.out - k >= most[taps] ? most[taps] : 1;
      for (int64_t channel = 0; channel < c.in; ++channel)
        for (int64_t a = 0; a < c.kernelHeight; ++a) f(k, channel, a, b, results, taps);
      k += results;
    }
    b += taps;
  }
}

template <int taps, int most>
HWY_INLINE float *GradientBlock(const Narrow &c, int64_t results, const float *gradients, int64_t length,
                                const float *x, float *sums) {
  return results == 1 ? GradientSums<1, taps>(c, gradients, length, x, sums)
                      : GradientSums<most, taps>(c, gradients, length, x, sums);
}

void NarrowGradientSample(const Narrow &c, const float *x, const float *dy, float *planes, float *lines, float *sums) {
  CopyPlanes(c, x, planes);
  const int64_t length = c.line() + fbd::kSlack;
  for (int64_t k = 0; k < c.out; ++k)
    CopyRows(dy + k * c.outHeight * c.outWidth, c.outWidth, c.outHeight, c.outWidth, lines + k * length, c.row);
  ForBlocks(c, [&](int64_t k, int64_t channel, int64_t a, int64_t b, int64_t results, int64_t taps) HWY_ATTR {
    const float *from = planes + channel * c.plane() + a * c.dilationY * c.row + b * c.dilationX;
    const float *gradients = lines + k * length;
    switch (taps) {
      case 1: sums = GradientBlock<1, 6>(c, results, gradients, length, from, sums); break;
      case 2: sums = GradientBlock<2, 4>(c, results, gradients, length, from, sums); break;
      case 3: sums = GradientBlock<3, 3>(c, results, gradients, length, from, sums); break;
      case 4: sums = GradientBlock<4, 3>(c, results, gradients, length, from, sums); break;
      default: sums = GradientBlock<5, 2>(c, results, gradients, length, from, sums); break;
    }
  });
}

// Adds up lanes and pieces.
void NarrowGradientEnd(const Narrow &c, const float *sums, int64_t pieces, int64_t piece, float *gradient) {
  const Lanes d;
  const int64_t lanes = LaneCount();
  ForBlocks(c, [&](int64_t k, int64_t channel, int64_t a, int64_t b, int64_t results, int64_t taps) HWY_ATTR {
    for (int64_t r = 0; r < results; ++r)
      for (int64_t t = 0; t < taps; ++t, sums += lanes) {
        V sum = hn::LoadU(d, sums);
        for (int64_t p = 1; p < pieces; ++p) sum = hn::Add(sum, hn::LoadU(d, sums + p * piece));
        gradient[(((k + r) * c.in + channel) * c.kernelHeight + a) * c.kernelWidth + b + t] =
            hn::GetLane(hn::SumOfLanes(d, sum));
      }
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(LaneCount);
HWY_EXPORT(NarrowSample);
HWY_EXPORT(NarrowGradientSample);
HWY_EXPORT(NarrowGradientEnd);
}  // namespace fb

namespace fbd {
namespace {

// Where a group is faster than by the others, measured for 1 to 32 channels (Docs/decisions.md): oneDNN fills them up to eight.
bool isNarrow(const fb_conv &v, ConvPass pass) {
  if (v.input[0] != 1 || v.output[0] != 1 || v.kernel[0] != 1 || v.pad_begin[0] != 0) return false;
  for (int i = 1; i < 3; ++i) {
    const int64_t reach = v.dilation[i] * (v.kernel[i] - 1);
    const bool fits = v.pad_begin[i] >= 0 && v.pad_begin[i] <= reach && v.pad_end[i] >= 0 && v.pad_end[i] <= reach;
    if (v.stride[i] != 1 || !fits) return false;
  }
  const int64_t in = v.in_channels, out = v.out_channels, taps = volume(v.kernel);
  if (in == 0 || out == 0 || taps == 1) return false;
  const bool backward = pass == ConvPass::backwardInput;
  const auto &to = backward ? v.input : v.output;
  if (to[2] < 4 * v.dilation[2] * (v.kernel[2] - 1)) return false;  // too much would be dropped
  constexpr int64_t cached = 1 << 18;
  switch (pass) {
    case ConvPass::forward: return out <= 8 || (in <= 3 && taps <= 25) || (out < 16 && out % 8 != 0);
    case ConvPass::backwardInput: return ((in > 1 && in <= 8) || out < 8) && out * to[1] * to[2] <= cached;
    case ConvPass::backwardWeight: return (in < 8 || out < 8) && (in + out) * to[1] * to[2] <= cached;
  }
  return false;
}

// Floats that are zero at first.
float *cleared(const Scratch &scratch, int64_t count) {
  std::fill(scratch.as<float>(), scratch.as<float>() + count, 0.f);
  return scratch.as<float>();
}

size_t bytes(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

// Items first ..< end of `count` after they were cut into `pieces` runs.
template <class F> void forPiece(int64_t count, int64_t pieces, int64_t piece, F f) {
  for (int64_t i = count * piece / pieces; i < count * (piece + 1) / pieces; ++i) f(i);
}

void weightGradient(const Narrow &c, int64_t batch, const float *x, const float *dy, float *result, bool shares) {
  const int64_t piece = c.weightSize() * HWY_DYNAMIC_DISPATCH(fb::LaneCount)();
  // Samples in pieces whose number depends on the shape alone.
  const int64_t pieces = std::clamp<int64_t>(batch, 1, std::max<int64_t>(1, 8 / c.groups));
  const Scratch scratch(bytes(c.groups * pieces * piece));
  float *all = cleared(scratch, c.groups * pieces * piece);
  forItems(c.groups * pieces, shares, [&](int64_t item) {
    const int64_t group = item / pieces, p = item % pieces;
    const int64_t planes = c.in * c.plane() + kSlack, lines = c.out * (c.line() + kSlack);
    const Scratch scratch(bytes(planes + lines));
    float *room = cleared(scratch, planes + lines);
    forPiece(batch, pieces, p, [&](int64_t n) {
      const int64_t i = n * c.groups + group;
      HWY_DYNAMIC_DISPATCH(fb::NarrowGradientSample)
      (c, x + i * c.sampleSize(), dy + i * c.resultSize(), room, room + planes, all + (group * pieces + p) * piece);
    });
  });
  for (int64_t group = 0; group < c.groups; ++group)
    HWY_DYNAMIC_DISPATCH(fb::NarrowGradientEnd)
    (c, all + group * pieces * piece, pieces, piece, result + group * c.weightSize());
}

// A group's weight [out, in, kernel], or for the input's gradient [in, out, reversed kernel], by kTogether results.
void packTaps(const Narrow &c, const float *weight, bool flips, float *taps) {
  const int64_t size = c.kernelHeight * c.kernelWidth;
  for (int64_t k = 0; k < c.out; ++k) {
    const int64_t first = k / kTogether * kTogether, results = std::min(kTogether, c.out - first);
    for (int64_t channel = 0; channel < c.in; ++channel)
      for (int64_t t = 0; t < size; ++t)
        taps[first * c.tapCount() + (channel * size + t) * results + k - first] =
            flips ? weight[(channel * c.out + k) * size + size - 1 - t] : weight[(k * c.in + channel) * size + t];
  }
}

}  // namespace

bool convolveNarrow(const fb_conv &v, ConvPass pass, const float *first, const float *second, const float *bias,
                    float *result) {
  if (!isNarrow(groupOf(v), pass)) return false;
  const bool backward = pass == ConvPass::backwardInput;
  const auto &from = backward ? v.output : v.input, &to = backward ? v.input : v.output;
  Narrow c{};
  c.groups = v.groups, c.in = v.in_channels / v.groups, c.out = v.out_channels / v.groups;
  if (backward) std::swap(c.in, c.out);
  c.height = from[1], c.width = from[2], c.outHeight = to[1], c.outWidth = to[2];
  c.kernelHeight = v.kernel[1], c.kernelWidth = v.kernel[2], c.dilationY = v.dilation[1], c.dilationX = v.dilation[2];
  const int64_t reachY = c.dilationY * (c.kernelHeight - 1), reachX = c.dilationX * (c.kernelWidth - 1);
  c.top = backward ? reachY - v.pad_begin[1] : v.pad_begin[1];
  c.left = backward ? reachX - v.pad_begin[2] : v.pad_begin[2];
  c.rows = c.outHeight + reachY, c.row = c.outWidth + reachX;
  const bool shares = isWorthSharing(8 * v.batch * c.groups * c.resultSize() * c.tapCount());
  if (pass == ConvPass::backwardWeight) {
    weightGradient(c, v.batch, first, second, result, shares);
    return true;
  }

  const Scratch offsets(static_cast<size_t>(c.tapCount()) * sizeof(int64_t)), taps(bytes(c.groups * c.weightSize()));
  int64_t *offset = offsets.as<int64_t>();
  for (int64_t channel = 0; channel < c.in; ++channel)
    for (int64_t a = 0; a < c.kernelHeight; ++a)
      for (int64_t b = 0; b < c.kernelWidth; ++b)
        *offset++ = channel * c.plane() + a * c.dilationY * c.row + b * c.dilationX;
  for (int64_t group = 0; group < c.groups; ++group)
    packTaps(c, second + group * c.weightSize(), backward, taps.as<float>() + group * c.weightSize());
  c.offsets = offsets.as<int64_t>();

  // Some samples an item: the borders are cleared once for all of them.
  const int64_t pieces = std::min(v.batch, std::max<int64_t>(1, 16 / c.groups));
  forItems(c.groups * pieces, shares, [&](int64_t item) {
    const int64_t group = item / pieces, piece = item % pieces;
    Narrow one = c;
    one.taps = taps.as<float>() + group * c.weightSize(), one.bias = bias ? bias + group * c.out : nullptr;
    const int64_t planes = c.in * c.plane() + kSlack;
    const Scratch scratch(bytes(planes + kTogether * (c.line() + kSlack)));
    float *room = cleared(scratch, planes);
    forPiece(v.batch, pieces, piece, [&](int64_t n) {
      const int64_t i = n * c.groups + group;
      float *y = result + i * c.resultSize();
      HWY_DYNAMIC_DISPATCH(fb::NarrowSample)(one, first + i * c.sampleSize(), y, room, room + planes);
      rectify(v, y, c.resultSize());
    });
  });
  return true;
}

}  // namespace fbd
#endif
