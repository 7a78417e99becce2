// Depthwise convolutions of stride 1 on planes: one channel meets one kernel, so nothing is gained by oneDNN's blocks of
// channels, and its reorders cost more than the work.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "conv_depthwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "conv.hpp"
#include "gemm.hpp"
#include "scratch.hpp"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kMaxKernel = 7;

// A plane with zeros around it and a vector's room at the end.
struct Padded {
  int64_t rows, columns, top, left;  // of the padded plane; where the plane begins in it
  int64_t count() const { return rows * columns + HWY_MAX_BYTES / 4; }
  void fill(const float *plane, int64_t height, int64_t width, float *to) const {
    std::fill(to, to + count(), 0.f);
    for (int64_t r = std::max<int64_t>(0, -top); r < std::min(height, rows - top); ++r) {
      const int64_t begin = std::max<int64_t>(0, -left), end = std::min(width, columns - left);
      if (begin < end) std::copy(plane + r * width + begin, plane + r * width + end, to + (r + top) * columns + left + begin);
    }
  }
};

// out [height, width] = bias + the correlation of a padded plane with the kernel.
void Correlate(const float *padded, int64_t columns, const float *kernel, int64_t kh, int64_t kw, float bias, float *out,
               int64_t height, int64_t width) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  for (int64_t r = 0; r < height; ++r) {
    float *row = out + r * width;
    int64_t x = 0;
    for (; x + 2 * lanes <= width; x += 2 * lanes) {
      auto a = hn::Set(d, bias), b = a;
      for (int64_t i = 0; i < kh; ++i) {
        const float *from = padded + (r + i) * columns + x;
        for (int64_t j = 0; j < kw; ++j) {
          const auto w = hn::Set(d, kernel[i * kw + j]);
          a = hn::MulAdd(w, hn::LoadU(d, from + j), a);
          b = hn::MulAdd(w, hn::LoadU(d, from + lanes + j), b);
        }
      }
      hn::StoreU(a, d, row + x);
      hn::StoreU(b, d, row + lanes + x);
    }
    for (; x < width; x += lanes) {
      auto a = hn::Set(d, bias);
      for (int64_t i = 0; i < kh; ++i)
        for (int64_t j = 0; j < kw; ++j)
          a = hn::MulAdd(hn::Set(d, kernel[i * kw + j]), hn::LoadU(d, padded + (r + i) * columns + x + j), a);
      if (x + lanes <= width) hn::StoreU(a, d, row + x);
      else StorePart(a, d, row + x, size_t(width - x));
    }
  }
}

// sums[i, j] += Σ padded[r + i, x + j] g[r, x].
void CorrelateWeight(const float *padded, int64_t columns, const float *g, int64_t height, int64_t width, int64_t kh,
                     int64_t kw, float *sums) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  for (int64_t i = 0; i < kh; ++i) {
    hn::Vec<decltype(d)> partial[kMaxKernel];
    for (int64_t j = 0; j < kw; ++j) partial[j] = hn::Zero(d);
    for (int64_t r = 0; r < height; ++r) {
      const float *from = padded + (r + i) * columns, *row = g + r * width;
      for (int64_t x = 0; x < width; x += lanes) {
        const auto v = x + lanes <= width ? hn::LoadU(d, row + x) : LoadPart(d, row + x, size_t(width - x));
        for (int64_t j = 0; j < kw; ++j) partial[j] = hn::MulAdd(v, hn::LoadU(d, from + x + j), partial[j]);
      }
    }
    for (int64_t j = 0; j < kw; ++j) sums[i * kw + j] += hn::GetLane(hn::SumOfLanes(d, partial[j]));
  }
}

void DepthwiseForward(const fb_conv &v, int64_t channel, const float *x, const float *weight, float bias, float *y) {
  const int64_t kh = v.kernel[1], kw = v.kernel[2], inPlane = fbd::volume(v.input), outPlane = fbd::volume(v.output);
  const Padded shape{v.output[1] + kh - 1, v.output[2] + kw - 1, v.pad_begin[1], v.pad_begin[2]};
  const fbd::Scratch scratch(size_t(shape.count()) * sizeof(float));
  for (int64_t n = 0; n < v.batch; ++n) {
    const int64_t plane = n * v.in_channels + channel;
    shape.fill(x + plane * inPlane, v.input[1], v.input[2], scratch.as<float>());
    Correlate(scratch.as<float>(), shape.columns, weight + channel * kh * kw, kh, kw, bias, y + plane * outPlane,
              v.output[1], v.output[2]);
  }
}

// The correlation with the kernel turned round, of the gradient padded to meet every input.
void DepthwiseInput(const fb_conv &v, int64_t channel, const float *dy, const float *weight, float bias, float *dx) {
  const int64_t kh = v.kernel[1], kw = v.kernel[2], inPlane = fbd::volume(v.input), outPlane = fbd::volume(v.output);
  const Padded shape{v.input[1] + kh - 1, v.input[2] + kw - 1, kh - 1 - v.pad_begin[1], kw - 1 - v.pad_begin[2]};
  const fbd::Scratch scratch(size_t(shape.count()) * sizeof(float));
  float turned[kMaxKernel * kMaxKernel];
  std::reverse_copy(weight + channel * kh * kw, weight + (channel + 1) * kh * kw, turned);
  for (int64_t n = 0; n < v.batch; ++n) {
    const int64_t plane = n * v.in_channels + channel;
    shape.fill(dy + plane * outPlane, v.output[1], v.output[2], scratch.as<float>());
    Correlate(scratch.as<float>(), shape.columns, turned, kh, kw, bias, dx + plane * inPlane, v.input[1], v.input[2]);
  }
}

void DepthwiseWeight(const fb_conv &v, int64_t channel, const float *x, const float *dy, float *dweight) {
  const int64_t kh = v.kernel[1], kw = v.kernel[2], inPlane = fbd::volume(v.input), outPlane = fbd::volume(v.output);
  const Padded shape{v.output[1] + kh - 1, v.output[2] + kw - 1, v.pad_begin[1], v.pad_begin[2]};
  const fbd::Scratch scratch(size_t(shape.count()) * sizeof(float));
  float sums[kMaxKernel * kMaxKernel] = {};
  for (int64_t n = 0; n < v.batch; ++n) {
    const int64_t plane = n * v.in_channels + channel;
    shape.fill(x + plane * inPlane, v.input[1], v.input[2], scratch.as<float>());
    CorrelateWeight(scratch.as<float>(), shape.columns, dy + plane * outPlane, v.output[1], v.output[2], kh, kw, sums);
  }
  std::copy_n(sums, kh * kw, dweight + channel * kh * kw);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
namespace {
HWY_EXPORT(DepthwiseForward);
HWY_EXPORT(DepthwiseInput);
HWY_EXPORT(DepthwiseWeight);

void Forward(const fb_conv &v, int64_t c, const float *x, const float *weight, float bias, float *y) {
  HWY_DYNAMIC_DISPATCH(DepthwiseForward)(v, c, x, weight, bias, y);
}
void Input(const fb_conv &v, int64_t c, const float *dy, const float *weight, float bias, float *dx) {
  HWY_DYNAMIC_DISPATCH(DepthwiseInput)(v, c, dy, weight, bias, dx);
}
void Weight(const fb_conv &v, int64_t c, const float *x, const float *dy, float *dweight) {
  HWY_DYNAMIC_DISPATCH(DepthwiseWeight)(v, c, x, dy, dweight);
}
}  // namespace
}  // namespace fb

namespace fbd {
namespace {

template <class Body>
void forEachChannel(const fb_conv &v, Body body) {
  if (v.batch * v.in_channels * volume(v.output) * volume(v.kernel) < 1000000) {
    for (int64_t c = 0; c < v.in_channels; ++c) body(c);
    return;
  }
  parallelFor(v.in_channels, [](void *raw, int64_t c) { (*static_cast<Body *>(raw))(c); }, &body);
}

}  // namespace

bool isDepthwise(const fb_conv &v) {
  if (v.groups != v.in_channels || v.groups != v.out_channels || v.groups < 2) return false;
  if (v.input[0] != 1 || v.output[0] != 1 || v.kernel[0] != 1 || v.pad_begin[0] != 0 || v.pad_end[0] != 0) return false;
  for (int i = 1; i < 3; ++i)
    if (v.stride[i] != 1 || v.dilation[i] != 1 || v.kernel[i] > 7) return false;
  return v.batch * volume(v.input) * volume(v.output) > 0;
}

void convolveDepthwise(const fb_conv &v, const float *x, const float *weight, const float *bias, float *y) {
  forEachChannel(v, [&](int64_t c) {
    fb::Forward(v, c, x, weight, bias ? bias[c] : 0.f, y);
  });
}

void convolveDepthwiseInput(const fb_conv &v, const float *dy, const float *weight, const float *bias, float *dx) {
  forEachChannel(v, [&](int64_t c) {
    fb::Input(v, c, dy, weight, bias ? bias[c] : 0.f, dx);
  });
}

void convolveDepthwiseWeight(const fb_conv &v, const float *x, const float *dy, float *dweight) {
  forEachChannel(v, [&](int64_t c) { fb::Weight(v, c, x, dy, dweight); });
}

}  // namespace fbd
#endif
