// The convolution's C door: chooses between Winograd's tiles, lines, planes, oneDNN and columns, widens halves.
#include "conv.hpp"

#include "failure.hpp"
#include "gemm.hpp"
#include "scratch.hpp"

namespace fbd {
namespace {

int64_t elements(int64_t batch, int64_t channels, const int64_t (&space)[3]) {
  return batch * channels * volume(space);
}

// oneDNN takes ordinary problems of some size. Its input gradient for few channels is slower than columns (measured:
// 3 channels of 32x32, batch 32: 2.9 ms against 0.8 ms).
bool suitsOneDNN(const fb_conv &v, ConvPass pass) {
  // A 1x1 convolution is a product already: no operand needs to be reordered.
  const bool full = v.groups == 1 || v.in_channels >= 16 * v.groups;
  if (full && volume(v.output) >= 64 && isPointwise(v)) return false;
  if (pass == ConvPass::backwardInput && v.groups == 1 && v.in_channels <= 4) return false;
  // Nor does the weight's gradient suit it with holes in the kernel (64 -> 64 channels, 28x28, 3x3, dilation 2, batch 8:
  // 21 ms against 6.4), or strides and many channels (64 -> 128, stride 2: 4.7 against 3.3).
  if (pass == ConvPass::backwardWeight && v.groups == 1) {
    const bool dilates = v.dilation[0] * v.dilation[1] * v.dilation[2] > 1;
    const bool strides = v.stride[0] * v.stride[1] * v.stride[2] > 1;
    if (dilates || (strides && v.in_channels >= 64 && volume(v.kernel) <= 9)) return false;
  }
  if (elements(v.batch, v.in_channels, v.input) == 0 || elements(v.batch, v.out_channels, v.output) == 0) return false;
  for (int i = 0; i < 3; ++i)
    if (v.pad_begin[i] < 0 || v.pad_end[i] < 0) return false;
  const int64_t work = elements(v.batch, v.out_channels, v.output) * (v.in_channels / v.groups) * volume(v.kernel);
  return work >= 20000;
}

// A small batch of small planes under many weights (the last layers of an image network): reading the weights is what
// costs, and oneDNN would reorder them first. As one product over all samples it takes a third of the time (measured:
// 512 -> 512 channels, 3x3, 2x2 planes, batch 8, all three passes: 7.5 ms against 20 ms).
bool isWeightBound(const fb_conv &v) {
  if (v.groups != 1 || v.input[0] != 1 || v.output[0] != 1 || v.kernel[0] != 1) return false;
  const int64_t weights = v.out_channels * v.in_channels * volume(v.kernel);
  return weights >= 24 * (elements(v.batch, v.in_channels, v.input) + elements(v.batch, v.out_channels, v.output));
}

// [a, b, plane] to [b, a, plane].
void exchange(const float *from, int64_t a, int64_t b, int64_t plane, float *to) {
  for (int64_t i = 0; i < a; ++i)
    for (int64_t j = 0; j < b; ++j) std::copy_n(from + (i * b + j) * plane, plane, to + (j * a + i) * plane);
}

// The batch as the depth of one sample: operands with the channels outermost.
struct Merged {
  fb_conv conv;
  Scratch scratch;
  float *x, *y;
  explicit Merged(const fb_conv &v)
      : conv(v),
        scratch(size_t(elements(v.batch, v.in_channels, v.input) + elements(v.batch, v.out_channels, v.output)) *
                sizeof(float)),
        x(scratch.as<float>()), y(x + elements(v.batch, v.in_channels, v.input)) {
    conv.batch = 1;
    conv.input[0] = conv.output[0] = v.batch;
  }
};

// The three operands of a convolution as floats: halves are widened on reading and rounded on writing.
template <class T>
class Widened {
 public:
  Widened(const void *data, int64_t count, bool read)
      : count(count), scratch(isHalf<T> ? size_t(count) * sizeof(float) : 0), original(static_cast<const T *>(data)) {
    if constexpr (isHalf<T>)
      if (read && data) std::copy(original, original + count, scratch.as<float>());
  }
  float *pointer() const { return original ? scratch.as<float>() : nullptr; }
  void store(void *to) const { std::copy(pointer(), pointer() + count, static_cast<T *>(to)); }

 private:
  int64_t count;
  Scratch scratch;
  const T *original;
};

template <class T>
void forward(const fb_conv &v, const T *x, const T *weight, const T *bias, T *y) {
  if constexpr (std::is_same_v<T, float>) {
    if (convolveDepthwise(v, ConvPass::forward, x, weight, bias, y)) return;
    if (convolveWinograd(v, ConvPass::forward, x, weight, bias, y)) return;
    if (convolveNarrow(v, ConvPass::forward, x, weight, bias, y)) return;
    if (isWeightBound(v)) {
      const Merged merged(v);
      exchange(x, v.batch, v.in_channels, volume(v.input), merged.x);
      convolveColumns(merged.conv, merged.x, weight, bias, merged.y);
      return exchange(merged.y, v.out_channels, v.batch, volume(v.output), y);
    }
    if (suitsOneDNN(v, ConvPass::forward) &&
        convolveOneDNN(v, ConvPass::forward, const_cast<T *>(x), const_cast<T *>(weight), bias, y))
      return;
  }
  convolveColumns(v, x, weight, bias, y);
}

template <class T>
void backwardInput(const fb_conv &v, const T *dy, const T *weight, const T *bias, T *dx) {
  if constexpr (std::is_same_v<T, float>) {
    if (convolveDepthwise(v, ConvPass::backwardInput, dy, weight, bias, dx)) return;
    if (convolveWinograd(v, ConvPass::backwardInput, dy, weight, bias, dx)) return;
    if (convolveNarrow(v, ConvPass::backwardInput, dy, weight, bias, dx)) return;
    if (isWeightBound(v)) {
      const Merged merged(v);
      exchange(dy, v.batch, v.out_channels, volume(v.output), merged.y);
      convolveColumnsInput(merged.conv, merged.y, weight, bias, merged.x);
      return exchange(merged.x, v.in_channels, v.batch, volume(v.input), dx);
    }
    if (suitsOneDNN(v, ConvPass::backwardInput) &&
        convolveOneDNN(v, ConvPass::backwardInput, dx, const_cast<T *>(weight), nullptr, const_cast<T *>(dy))) {
      if (!bias) return;
      const int64_t plane = volume(v.input);
      for (int64_t row = 0; row < v.batch * v.in_channels; ++row)
        for (int64_t i = row * plane; i < (row + 1) * plane; ++i) dx[i] += bias[row % v.in_channels];
      return;
    }
  }
  convolveColumnsInput(v, dy, weight, bias, dx);
}

template <class T>
void backwardWeight(const fb_conv &v, const T *x, const T *dy, T *dweight) {
  if constexpr (std::is_same_v<T, float>) {
    if (convolveDepthwise(v, ConvPass::backwardWeight, x, dy, nullptr, dweight)) return;
    if (convolveWinograd(v, ConvPass::backwardWeight, x, dy, nullptr, dweight)) return;
    if (convolveNarrow(v, ConvPass::backwardWeight, x, dy, nullptr, dweight)) return;
    if (isWeightBound(v)) {
      const Merged merged(v);
      exchange(x, v.batch, v.in_channels, volume(v.input), merged.x);
      exchange(dy, v.batch, v.out_channels, volume(v.output), merged.y);
      return convolveColumnsWeight(merged.conv, merged.x, merged.y, dweight);
    }
    if (suitsOneDNN(v, ConvPass::backwardWeight) &&
        convolveOneDNN(v, ConvPass::backwardWeight, const_cast<T *>(x), dweight, nullptr, const_cast<T *>(dy)))
      return;
  }
  convolveColumnsWeight(v, x, dy, dweight);
}

int64_t inputCount(const fb_conv &v) { return elements(v.batch, v.in_channels, v.input); }
int64_t outputCount(const fb_conv &v) { return elements(v.batch, v.out_channels, v.output); }
int64_t weightCount(const fb_conv &v) { return elements(v.out_channels, v.in_channels / v.groups, v.kernel); }

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_conv_forward(const fb_conv *conv, const void *x, const void *weight, const void *bias, void *y) try {
  dispatch<kNumbers | kComplexes>(conv->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (isHalf<T>) {
      const Widened<T> wideX(x, inputCount(*conv), true), wideWeight(weight, weightCount(*conv), true),
          wideBias(bias, bias ? conv->out_channels : 0, true), wideY(y, outputCount(*conv), false);
      forward<float>(*conv, wideX.pointer(), wideWeight.pointer(), wideBias.pointer(), wideY.pointer());
      wideY.store(y);
    } else {
      forward(*conv, static_cast<const T *>(x), static_cast<const T *>(weight), static_cast<const T *>(bias),
              static_cast<T *>(y));
    }
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_conv_backward_input(const fb_conv *conv, const void *dy, const void *weight, const void *bias,
                                       void *dx) try {
  dispatch<kNumbers | kComplexes>(conv->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (isHalf<T>) {
      const Widened<T> wideY(dy, outputCount(*conv), true), wideWeight(weight, weightCount(*conv), true),
          wideBias(bias, bias ? conv->in_channels : 0, true), wideX(dx, inputCount(*conv), false);
      backwardInput<float>(*conv, wideY.pointer(), wideWeight.pointer(), wideBias.pointer(), wideX.pointer());
      wideX.store(dx);
    } else {
      backwardInput(*conv, static_cast<const T *>(dy), static_cast<const T *>(weight), static_cast<const T *>(bias),
                    static_cast<T *>(dx));
    }
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_conv_backward_weight(const fb_conv *conv, const void *x, const void *dy, void *dweight) try {
  dispatch<kNumbers | kComplexes>(conv->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (isHalf<T>) {
      const Widened<T> wideX(x, inputCount(*conv), true), wideY(dy, outputCount(*conv), true),
          wideWeight(dweight, weightCount(*conv), false);
      backwardWeight<float>(*conv, wideX.pointer(), wideY.pointer(), wideWeight.pointer());
      wideWeight.store(dweight);
    } else {
      backwardWeight(*conv, static_cast<const T *>(x), static_cast<const T *>(dy), static_cast<T *>(dweight));
    }
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_conv_backward_bias(fb_dtype dtype, int64_t batch, int64_t channels, int64_t space, const void *dy,
                                      void *dbias) try {
  dispatch<kNumbers | kComplexes>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto sumChannel = [=](int64_t c) {
      // Sixteen partial sums: vectorisable, and more exact than one.
      constexpr int kLanes = 16;
      Compute<T> sums[kLanes] = {};
      for (int64_t n = 0; n < batch; ++n) {
        const T *row = static_cast<const T *>(dy) + (n * channels + c) * space;
        int64_t i = 0;
        for (; i + kLanes <= space; i += kLanes)
          for (int lane = 0; lane < kLanes; ++lane)
            sums[lane] = wrappingAdd(sums[lane], Compute<T>(row[i + lane]));
        for (int lane = 0; i < space; ++i, ++lane) sums[lane] = wrappingAdd(sums[lane], Compute<T>(row[i]));
      }
      Compute<T> total(0);
      for (const Compute<T> &sum : sums) total = wrappingAdd(total, sum);
      static_cast<T *>(dbias)[c] = T(total);
    };
    if (batch * channels * space < 200000) {
      for (int64_t c = 0; c < channels; ++c) sumChannel(c);
      return;
    }
    using Body = decltype(sumChannel);
    parallelFor(channels, [](void *raw, int64_t c) { (*static_cast<Body *>(raw))(c); }, &sumChannel);
  });
} FBD_NOTES_FAILURE()
