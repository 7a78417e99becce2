// The ways to compute a convolution; conv.cpp chooses.
#ifndef FBD_CONV_HPP
#define FBD_CONV_HPP
#include "include/fb_conv.h"
#include "numeric.hpp"

namespace fbd {

// Whether it multiplies x itself: 1x1, stride 1, no padding.
bool isPointwise(const fb_conv &conv);

enum class ConvPass : int { forward, backwardInput, backwardWeight };

// One of its groups, a convolution whose samples lie as far apart as the whole one's.
inline fb_conv groupOf(const fb_conv &conv) {
  fb_conv one = conv;
  one.in_channels /= conv.groups, one.out_channels /= conv.groups, one.groups = 1;
  return one;
}

// Results that are still in the cache.
template <class T> void rectify(const fb_conv &conv, T *results, int64_t count) {
  if constexpr (!isComplex<T>)
    if (conv.rectifies)
      for (int64_t i = 0; i < count; ++i) results[i] = results[i] < T(0) ? T(0) : results[i];
}

// By oneDNN, float32 only. False: oneDNN cannot, nothing was written.
// source, weight and destination are the operands x, weight, y or their gradients, whichever the pass reads or writes.
bool convolveOneDNN(const fb_conv &conv, ConvPass pass, void *source, void *weight, const void *bias,
                    void *destination);

// 3x3 kernels with many channels a group, float32: what the pass reads, and what it writes. False: it is not that or not
// worth it, nothing was written.
bool convolveWinograd(const fb_conv &conv, ConvPass pass, const float *first, const float *second, const float *bias,
                      float *result);

// Few channels a group, stride 1, float32, two dimensions; operands as for convolveWinograd.
bool convolveNarrow(const fb_conv &conv, ConvPass pass, const float *first, const float *second, const float *bias,
                    float *result);

// One input channel a group, float32, two dimensions; operands as for convolveWinograd.
bool convolveDepthwise(const fb_conv &conv, ConvPass pass, const float *first, const float *second, const float *bias,
                       float *result);

// By unfolding into columns and multiplying; any type but bool and halves.
template <class T> void convolveColumns(const fb_conv &conv, const T *x, const T *weight, const T *bias, T *y);
template <class T> void convolveColumnsInput(const fb_conv &conv, const T *dy, const T *weight, const T *bias, T *dx);
template <class T> void convolveColumnsWeight(const fb_conv &conv, const T *x, const T *dy, T *dweight);

// columns[channel, kernel position, output position] = x at that place, 0 in the padding; and its transpose, which
// adds up in x (x is cleared first).
template <class T> void unfold(const fb_conv &conv, int64_t channels, const T *x, T *columns);
template <class T> void fold(const fb_conv &conv, int64_t channels, const T *columns, T *x);

}  // namespace fbd
#endif
