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

// A convolution of `in` planes to `out` planes.
struct Narrow {
  int64_t in, out, height, width, outHeight, outWidth, kernelHeight, kernelWidth, dilationY, dilationX, top, left;
  int64_t rows, row;       // of a bordered plane
  const int64_t *offsets;  // of the taps [in, kernelHeight, kernelWidth] in the bordered planes
  const float *taps;       // by groups of kGroup results: [tap, result]
  const float *bias;

  int64_t plane() const { return rows * row; }
  int64_t tapCount() const { return in * kernelHeight * kernelWidth; }
  int64_t line() const { return (outHeight - 1) * row + outWidth; }  // from the first result to the last
};

constexpr int64_t kGroup = 6;    // results whose sums fit in the registers
constexpr int64_t kSlack = 128;  // what vectors reach beyond the end

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
  for (int64_t k = 0; k < c.out; k += fbd::kGroup) {
    const float *taps = c.taps + k * c.tapCount(), *bias = c.bias ? c.bias + k : nullptr;
    const int64_t results = std::min(fbd::kGroup, c.out - k);
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

// Where it is faster than the others, measured for 1 to 32 channels (Docs/decisions.md): oneDNN fills them up to eight.
bool isNarrow(const fb_conv &v, ConvPass pass) {
  if (v.groups != 1 || v.input[0] != 1 || v.output[0] != 1 || v.kernel[0] != 1 || v.pad_begin[0] != 0) return false;
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

void weightGradient(const Narrow &c, int64_t batch, const float *x, const float *dy, float *result, bool shares) {
  const int64_t weights = c.out * c.tapCount(), lanes = HWY_DYNAMIC_DISPATCH(fb::LaneCount)();
  // Samples in pieces whose number depends on the batch alone.
  const int64_t pieces = std::clamp<int64_t>(batch, 1, 8), piece = weights * lanes;
  const Scratch scratch(bytes(pieces * piece));
  struct Run { const Narrow &c; int64_t batch, pieces, piece; const float *x, *dy; float *sums; } run{
      c, batch, pieces, piece, x, dy, cleared(scratch, pieces * piece)};
  const auto body = [](void *raw, int64_t p) {
    const Run &run = *static_cast<Run *>(raw);
    const Narrow &c = run.c;
    const int64_t planes = c.in * c.plane() + kSlack, lines = c.out * (c.line() + kSlack);
    const Scratch scratch(bytes(planes + lines));
    float *room = cleared(scratch, planes + lines);
    for (int64_t n = run.batch * p / run.pieces; n < run.batch * (p + 1) / run.pieces; ++n) {
      const float *x = run.x + n * c.in * c.height * c.width, *dy = run.dy + n * c.out * c.outHeight * c.outWidth;
      HWY_DYNAMIC_DISPATCH(fb::NarrowGradientSample)(c, x, dy, room, room + planes, run.sums + p * run.piece);
    }
  };
  if (shares) parallelFor(pieces, body, &run);
  else for (int64_t p = 0; p < pieces; ++p) body(&run, p);
  HWY_DYNAMIC_DISPATCH(fb::NarrowGradientEnd)(c, run.sums, pieces, piece, result);
}

// Weights [out, in, kernel], or for the input's gradient [in, out, reversed kernel], by groups of results.
void packTaps(const Narrow &c, const float *weight, bool flips, float *taps) {
  const int64_t size = c.kernelHeight * c.kernelWidth;
  for (int64_t k = 0; k < c.out; ++k) {
    const int64_t first = k / kGroup * kGroup, results = std::min(kGroup, c.out - first);
    for (int64_t channel = 0; channel < c.in; ++channel)
      for (int64_t t = 0; t < size; ++t)
        taps[first * c.tapCount() + (channel * size + t) * results + k - first] =
            flips ? weight[(channel * c.out + k) * size + size - 1 - t] : weight[(k * c.in + channel) * size + t];
  }
}

}  // namespace

bool convolveNarrow(const fb_conv &v, ConvPass pass, const float *first, const float *second, const float *bias,
                    float *result) {
  if (!isNarrow(v, pass)) return false;
  const bool backward = pass == ConvPass::backwardInput;
  const auto &from = backward ? v.output : v.input, &to = backward ? v.input : v.output;
  Narrow c{};
  c.in = backward ? v.out_channels : v.in_channels, c.out = backward ? v.in_channels : v.out_channels;
  c.height = from[1], c.width = from[2], c.outHeight = to[1], c.outWidth = to[2];
  c.kernelHeight = v.kernel[1], c.kernelWidth = v.kernel[2], c.dilationY = v.dilation[1], c.dilationX = v.dilation[2];
  const int64_t reachY = c.dilationY * (c.kernelHeight - 1), reachX = c.dilationX * (c.kernelWidth - 1);
  c.top = backward ? reachY - v.pad_begin[1] : v.pad_begin[1];
  c.left = backward ? reachX - v.pad_begin[2] : v.pad_begin[2];
  c.rows = c.outHeight + reachY, c.row = c.outWidth + reachX;
  c.bias = bias;
  const bool shares = isWorthSharing(8 * v.batch * c.out * c.outHeight * c.outWidth * c.tapCount());
  if (pass == ConvPass::backwardWeight) {
    weightGradient(c, v.batch, first, second, result, shares);
    return true;
  }

  const Scratch offsets(static_cast<size_t>(c.tapCount()) * sizeof(int64_t)), taps(bytes(c.out * c.tapCount()));
  int64_t *offset = offsets.as<int64_t>();
  for (int64_t channel = 0; channel < c.in; ++channel)
    for (int64_t a = 0; a < c.kernelHeight; ++a)
      for (int64_t b = 0; b < c.kernelWidth; ++b)
        *offset++ = channel * c.plane() + a * c.dilationY * c.row + b * c.dilationX;
  packTaps(c, second, backward, taps.as<float>());
  c.offsets = offsets.as<int64_t>(), c.taps = taps.as<float>();

  // Some samples an item: the borders are cleared once for all of them.
  struct Run { const fb_conv &v; const Narrow &c; int64_t batch, length; const float *x; float *y; } run{
      v, c, v.batch, (v.batch + 15) / 16, first, result};
  const auto body = [](void *raw, int64_t i) {
    const Run &run = *static_cast<Run *>(raw);
    const Narrow &c = run.c;
    const int64_t planes = c.in * c.plane() + kSlack;
    const Scratch scratch(bytes(planes + kGroup * (c.line() + kSlack)));
    float *room = cleared(scratch, planes);
    for (int64_t n = i * run.length; n < std::min(run.batch, (i + 1) * run.length); ++n) {
      const float *x = run.x + n * c.in * c.height * c.width;
      float *y = run.y + n * c.out * c.outHeight * c.outWidth;
      HWY_DYNAMIC_DISPATCH(fb::NarrowSample)(c, x, y, room, room + planes);
      rectify(run.v, y, c.out * c.outHeight * c.outWidth);
    }
  };
  const int64_t items = run.length ? (v.batch + run.length - 1) / run.length : 0;
  if (shares) parallelFor(items, body, &run);
  else for (int64_t i = 0; i < items; ++i) body(&run, i);
  return true;
}

}  // namespace fbd
#endif
