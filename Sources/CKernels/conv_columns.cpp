// Convolution as a matrix product over unfolded columns.
#include "conv.hpp"
#include "gemm.hpp"
#include "scratch.hpp"

namespace fbd {

// A 1x1 convolution of stride 1 without padding multiplies x itself.
bool isPointwise(const fb_conv &v) {
  for (int i = 0; i < 3; ++i)
    if (v.kernel[i] != 1 || v.stride[i] != 1 || v.pad_begin[i] != 0 || v.output[i] != v.input[i]) return false;
  return true;
}

namespace {

// The output positions begin..<end whose input position o * stride + shift lies inside 0..<size.
struct Span {
  int64_t begin, end;
  Span(int64_t outputs, int64_t size, int64_t stride, int64_t shift) {
    begin = shift >= 0 ? 0 : std::min(outputs, (-shift + stride - 1) / stride);
    end = size - shift <= 0 ? 0 : std::min(outputs, (size - shift + stride - 1) / stride);
    end = std::max(begin, end);
  }
};

// Visits every row (fixed channel, kernel position, output depth and height) of the column matrix:
// row(columns offset, input offset of output position 0, span); missing rows have an empty span.
template <class Row>
void forEachRow(const fb_conv &v, int64_t channels, Row &&row) {
  int64_t column = 0;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t kd = 0; kd < v.kernel[0]; ++kd)
      for (int64_t kh = 0; kh < v.kernel[1]; ++kh)
        for (int64_t kw = 0; kw < v.kernel[2]; ++kw) {
          const int64_t shift = kw * v.dilation[2] - v.pad_begin[2];
          const Span span(v.output[2], v.input[2], v.stride[2], shift);
          for (int64_t od = 0; od < v.output[0]; ++od) {
            const int64_t id = od * v.stride[0] + kd * v.dilation[0] - v.pad_begin[0];
            for (int64_t oh = 0; oh < v.output[1]; ++oh, column += v.output[2]) {
              const int64_t ih = oh * v.stride[1] + kh * v.dilation[1] - v.pad_begin[1];
              const bool inside = id >= 0 && id < v.input[0] && ih >= 0 && ih < v.input[1];
              const int64_t start = ((c * v.input[0] + id) * v.input[1] + ih) * v.input[2] + shift;
              row(column, start, inside ? span : Span(0, 0, 1, 0));
            }
          }
        }
}

struct Sizes {
  int64_t inPlane, outPlane, inGroup, outGroup, depth;
  bool pointwise;
  explicit Sizes(const fb_conv &v)
      : inPlane(volume(v.input)), outPlane(volume(v.output)), inGroup(v.in_channels / v.groups),
        outGroup(v.out_channels / v.groups), depth(inGroup * volume(v.kernel)), pointwise(isPointwise(v)) {}
};

// Samples one by one, on several threads if there is enough to do.
template <class Body>
void forEachSample(const fb_conv &v, const Sizes &s, Body body) {
  if (v.batch * v.out_channels * s.outPlane * s.depth < 1000000) {
    for (int64_t n = 0; n < v.batch; ++n) body(n);
    return;
  }
  parallelFor(v.batch, [](void *raw, int64_t n) { (*static_cast<Body *>(raw))(n); }, &body);
}

}  // namespace

template <class T>
void unfold(const fb_conv &v, int64_t channels, const T *x, T *columns) {
  const int64_t width = v.output[2], stride = v.stride[2];
  forEachRow(v, channels, [&](int64_t column, int64_t start, const Span &span) {
    T *row = columns + column;
    const T *from = x + start;
    std::fill(row, row + span.begin, T(0));
    if (stride == 1) std::copy(from + span.begin, from + span.end, row + span.begin);
    else
      for (int64_t o = span.begin; o < span.end; ++o) row[o] = from[o * stride];
    std::fill(row + span.end, row + width, T(0));
  });
}

template <class T>
void fold(const fb_conv &v, int64_t channels, const T *columns, T *x) {
  const int64_t stride = v.stride[2];
  std::fill(x, x + channels * volume(v.input), T(0));
  forEachRow(v, channels, [&](int64_t column, int64_t start, const Span &span) {
    const T *row = columns + column;
    T *to = x + start;
    if (stride == 1)
      for (int64_t o = span.begin; o < span.end; ++o) to[o] = wrappingAdd(to[o], row[o]);
    else
      for (int64_t o = span.begin; o < span.end; ++o) to[o * stride] = wrappingAdd(to[o * stride], row[o]);
  });
}

template <class T>
void convolveColumns(const fb_conv &v, const T *x, const T *weight, const T *bias, T *y) {
  const Sizes s(v);
  forEachSample(v, s, [&](int64_t n) {
    Scratch scratch(s.pointwise ? 0 : size_t(s.depth * s.outPlane) * sizeof(T));
    for (int64_t g = 0; g < v.groups; ++g) {
      const T *from = x + (n * v.in_channels + g * s.inGroup) * s.inPlane;
      T *to = y + (n * v.out_channels + g * s.outGroup) * s.outPlane;
      if (!s.pointwise) unfold(v, s.inGroup, from, scratch.as<T>());
      if (bias)
        for (int64_t c = 0; c < s.outGroup; ++c)
          std::fill(to + c * s.outPlane, to + (c + 1) * s.outPlane, bias[g * s.outGroup + c]);
      multiply(Product<T>{FB_NO_TRANS, FB_NO_TRANS, s.outGroup, s.outPlane, s.depth, T(1),
                          weight + g * s.outGroup * s.depth, s.depth, s.pointwise ? from : scratch.as<T>(), s.outPlane,
                          T(bias ? 1 : 0), to, s.outPlane});
      rectify(v, to, s.outGroup * s.outPlane);
    }
  });
}

template <class T>
void convolveColumnsInput(const fb_conv &v, const T *dy, const T *weight, const T *bias, T *dx) {
  const Sizes s(v);
  forEachSample(v, s, [&](int64_t n) {
    Scratch scratch(s.pointwise ? 0 : size_t(s.depth * s.outPlane) * sizeof(T));
    for (int64_t g = 0; g < v.groups; ++g) {
      const T *from = dy + (n * v.out_channels + g * s.outGroup) * s.outPlane;
      T *to = dx + (n * v.in_channels + g * s.inGroup) * s.inPlane;
      multiply(Product<T>{FB_TRANS, FB_NO_TRANS, s.depth, s.outPlane, s.outGroup, T(1),
                          weight + g * s.outGroup * s.depth, s.depth, from, s.outPlane, T(0),
                          s.pointwise ? to : scratch.as<T>(), s.outPlane});
      if (!s.pointwise) fold(v, s.inGroup, scratch.as<T>(), to);
      if (bias)
        for (int64_t c = 0; c < s.inGroup; ++c)
          for (int64_t i = c * s.inPlane; i < (c + 1) * s.inPlane; ++i)
            to[i] = wrappingAdd(to[i], bias[g * s.inGroup + c]);
    }
  });
}

template <class T>
void convolveColumnsWeight(const fb_conv &v, const T *x, const T *dy, T *dweight) {
  const Sizes s(v);
  if (v.batch == 0) std::fill(dweight, dweight + v.out_channels * s.depth, T(0));
  Scratch scratch(s.pointwise ? 0 : size_t(s.depth * s.outPlane) * sizeof(T));
  for (int64_t n = 0; n < v.batch; ++n)
    for (int64_t g = 0; g < v.groups; ++g) {
      const T *from = x + (n * v.in_channels + g * s.inGroup) * s.inPlane;
      if (!s.pointwise) unfold(v, s.inGroup, from, scratch.as<T>());
      multiply(Product<T>{FB_NO_TRANS, FB_TRANS, s.outGroup, s.depth, s.outPlane, T(1),
                          dy + (n * v.out_channels + g * s.outGroup) * s.outPlane, s.outPlane,
                          s.pointwise ? from : scratch.as<T>(), s.outPlane, T(n ? 1 : 0),
                          dweight + g * s.outGroup * s.depth, s.depth});
    }
}

#define FBD_COLUMNS(T)                                                              \
  template void unfold(const fb_conv &, int64_t, const T *, T *);                   \
  template void fold(const fb_conv &, int64_t, const T *, T *);                     \
  template void convolveColumns(const fb_conv &, const T *, const T *, const T *, T *);      \
  template void convolveColumnsInput(const fb_conv &, const T *, const T *, const T *, T *); \
  template void convolveColumnsWeight(const fb_conv &, const T *, const T *, T *);
FBD_COLUMNS(float)
FBD_COLUMNS(double)
FBD_COLUMNS(Complex64)
FBD_COLUMNS(Complex128)
FBD_COLUMNS(uint8_t)
FBD_COLUMNS(int8_t)
FBD_COLUMNS(int16_t)
FBD_COLUMNS(int32_t)
FBD_COLUMNS(int64_t)
#undef FBD_COLUMNS
template void unfold(const fb_conv &, int64_t, const Half *, Half *);
template void unfold(const fb_conv &, int64_t, const BFloat *, BFloat *);
template void unfold(const fb_conv &, int64_t, const bool *, bool *);
template void fold(const fb_conv &, int64_t, const Half *, Half *);
template void fold(const fb_conv &, int64_t, const BFloat *, BFloat *);
template void fold(const fb_conv &, int64_t, const bool *, bool *);

}  // namespace fbd
