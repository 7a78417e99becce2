// Padding by the data themselves, unfold and fold.

#include "accumulate.hpp"
#include "conv.hpp"
#include "include/fb_resample.h"
#include "scratch.hpp"

namespace fbd {
namespace {

// The input position of every padded position, per dimension.
struct Sources {
  fbd::Vector<int64_t> places[3];
  explicit Sources(const fb_padding &v) {
    for (int dim = 0; dim < 3; ++dim) {
      const int64_t n = v.input[dim], last = n - 1;
      for (int64_t i = -v.before[dim]; i < n + v.after[dim]; ++i) {
        int64_t place = i;
        if (v.mode == FB_PAD_CIRCULAR) place = ((i % n) + n) % n;
        else if (v.mode == FB_PAD_REPLICATE) place = std::min(std::max<int64_t>(i, 0), last);
        else place = i < 0 ? -i : i > last ? 2 * last - i : i;
        places[dim].push_back(place);
      }
    }
  }
  int64_t planeSize() const { return int64_t(places[0].size() * places[1].size() * places[2].size()); }

  // body(padded position, input position) over a plane.
  template <class Body>
  void forEach(const fb_padding &v, Body &&body) const {
    int64_t o = 0;
    for (int64_t d : places[0])
      for (int64_t h : places[1]) {
        const int64_t row = (d * v.input[1] + h) * v.input[2];
        for (int64_t w : places[2]) body(o++, row + w);
      }
  }
};

fb_conv asConvolution(const fb_unfold_args &v) {
  fb_conv conv{v.dtype, 1, v.channels, 1, 1, {}, {}, {}, {}, {}, {}, {}};
  conv.input[0] = conv.output[0] = conv.kernel[0] = conv.stride[0] = conv.dilation[0] = 1;
  for (int i = 0; i < 2; ++i) {
    conv.input[i + 1] = v.input[i];
    conv.output[i + 1] = v.output[i];
    conv.kernel[i + 1] = v.kernel[i];
    conv.stride[i + 1] = v.stride[i];
    conv.dilation[i + 1] = v.dilation[i];
    conv.pad_begin[i + 1] = conv.pad_end[i + 1] = v.padding[i];
  }
  return conv;
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_pad(const fb_padding *args, const void *x, void *y, int64_t begin, int64_t end) try {
  const Sources sources(*args);
  const int64_t inPlane = volume(args->input), outPlane = sources.planeSize();
  dispatchSize(itemSize(args->dtype), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t plane = begin; plane < end; ++plane) {
      const T *from = static_cast<const T *>(x) + plane * inPlane;
      T *to = static_cast<T *>(y) + plane * outPlane;
      sources.forEach(*args, [&](int64_t o, int64_t i) { to[o] = from[i]; });
    }
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_pad_backward(const fb_padding *args, const void *dy, void *dx, int64_t begin, int64_t end) try {
  const Sources sources(*args);
  const int64_t inPlane = volume(args->input), outPlane = sources.planeSize();
  dispatch<kHalves | kFloats | kComplexes>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Accumulated<T> result(inPlane);
    for (int64_t plane = begin; plane < end; ++plane) {
      const T *from = static_cast<const T *>(dy) + plane * outPlane;
      T *to = static_cast<T *>(dx) + plane * inPlane;
      Compute<T> *sums = result.start(to);
      sources.forEach(*args, [&](int64_t o, int64_t i) { sums[i] += Compute<T>(from[o]); });
      result.store(to);
    }
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_unfold(const fb_unfold_args *args, const void *x, void *columns, int64_t begin, int64_t end) try {
  const fb_conv conv = asConvolution(*args);
  const int64_t sample = args->channels * volume(conv.input);
  const int64_t width = args->channels * volume(conv.kernel) * volume(conv.output);
  dispatch<kAll>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t n = begin; n < end; ++n)
      unfold(conv, args->channels, static_cast<const T *>(x) + n * sample, static_cast<T *>(columns) + n * width);
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_fold(const fb_unfold_args *args, const void *columns, void *x, int64_t begin, int64_t end) try {
  const fb_conv conv = asConvolution(*args);
  const int64_t sample = args->channels * volume(conv.input);
  const int64_t width = args->channels * volume(conv.kernel) * volume(conv.output);
  dispatch<kAll>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t n = begin; n < end; ++n)
      fold(conv, args->channels, static_cast<const T *>(columns) + n * width, static_cast<T *>(x) + n * sample);
  });
} FBD_NOTES_FAILURE()
