// Convolution with 1 to 3 spatial dimensions and its gradients, layout [batch, channels, spatial...], row-major.
#ifndef FB_CONV_H
#define FB_CONV_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// Always three spatial dimensions; a convolution with fewer has leading ones of input 1, output 1, kernel 1, stride 1,
// dilation 1, padding 0. Weight: [out_channels, in_channels / groups, kernel...].
// For each dimension output = (input + pad_begin + pad_end - dilation * (kernel - 1) - 1) / stride + 1, rounded down;
// padding may be negative (cropping). Every size but kernel and stride may be 0; groups is at least 1.
//
// A transposed convolution is this one read backwards: its forward is fb_conv_backward_input, its input gradient
// fb_conv_forward and its weight gradient fb_conv_backward_weight with x and dy exchanged. Describe the ordinary
// convolution whose *output* is the transposed one's input: `input` is then the transposed one's output size,
// (input' - 1) * stride - pad_begin - pad_end + dilation * (kernel - 1) + 1 + output_padding, in_channels its output
// channels; the weight layout is then PyTorch's [in, out / groups, kernel...].
typedef struct {
  fb_dtype dtype;  // any but bool
  int64_t batch, in_channels, out_channels, groups;
  int64_t input[3], output[3], kernel[3], stride[3], dilation[3], pad_begin[3], pad_end[3];
  bool rectifies;  // forward: results below 0 become 0; not for complex numbers
} fb_conv;

// All buffers are contiguous and fully written.
// bias: out_channels values, or null.
void fb_conv_forward(const fb_conv *conv, const void *x, const void *weight, const void *bias, void *y);
// bias: in_channels values added to dx (for transposed convolutions), or null.
void fb_conv_backward_input(const fb_conv *conv, const void *dy, const void *weight, const void *bias, void *dx);
void fb_conv_backward_weight(const fb_conv *conv, const void *x, const void *dy, void *dweight);
// dbias[c] = sum of dy over batch and space; `channels` and `space` describe dy: [batch, channels, space].
void fb_conv_backward_bias(fb_dtype dtype, int64_t batch, int64_t channels, int64_t space, const void *dy, void *dbias);

#ifdef __cplusplus
}
#endif
#endif
