// Interpolation, grid sampling, unfold/fold and padding of contiguous [planes, spatial...] buffers.
#ifndef FB_RESAMPLE_H
#define FB_RESAMPLE_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

enum {
  FB_INTERPOLATE_NEAREST = 0, FB_INTERPOLATE_NEAREST_EXACT = 1, FB_INTERPOLATE_LINEAR = 2, FB_INTERPOLATE_CUBIC = 3
};

// Always three spatial dimensions; with fewer the leading ones have input 1 and output 1 (and scale 0).
// Linear is also bilinear and trilinear; cubic is bicubic (leading dimension 1). "area" is
// fb_adaptive_avg_pool. scale: the scale factor that PyTorch would use for coordinates, or 0: take input / output.
// antialias: linear and cubic, two dimensions.
typedef struct {
  fb_dtype dtype;  // nearest: any; others: floats and uint8
  int32_t mode;
  bool align_corners, antialias;
  int64_t input[3], output[3];
  double scale[3];
} fb_interpolation;
// Planes begin..<end; the result is fully written.
void fb_interpolate(const fb_interpolation *args, const void *x, void *y, int64_t begin, int64_t end);
void fb_interpolate_backward(const fb_interpolation *args, const void *dy, void *dx, int64_t begin, int64_t end);

enum { FB_PAD_ZEROS = 0, FB_PAD_BORDER = 1, FB_PAD_REFLECTION = 2 };
// x [batch, channels, spatial...], grid [batch, out..., ndim] with coordinates (x, y[, z]) in -1...1, y like
// [batch, channels, out...]; ndim 2 or 3 (leading sizes 1 if 2). mode: linear, nearest or
// (2-d) cubic.
typedef struct {
  fb_dtype dtype;  // floats
  int32_t ndim, mode, padding;
  bool align_corners;
  int64_t channels, input[3], output[3];
} fb_grid;
// Samples begin..<end of the batch.
void fb_grid_sample(const fb_grid *args, const void *x, const void *grid, void *y, int64_t begin, int64_t end);
// dx and dgrid are fully written; either may be null.
void fb_grid_sample_backward(const fb_grid *args, const void *dy, const void *x, const void *grid, void *dx,
                             void *dgrid, int64_t begin, int64_t end);

// unfold: x [batch, channels, h, w] to columns [batch, channels * kernel, positions]; fold adds up in x. All dtypes.
// Arrays hold (height, width). Range: samples of the batch.
typedef struct {
  fb_dtype dtype;
  int64_t channels, input[2], output[2], kernel[2], stride[2], padding[2], dilation[2];
} fb_unfold_args;
void fb_unfold(const fb_unfold_args *args, const void *x, void *columns, int64_t begin, int64_t end);
void fb_fold(const fb_unfold_args *args, const void *columns, void *x, int64_t begin, int64_t end);

// Padding by the data themselves. before/after may be negative (cropping) for FB_PAD_REPLICATE and FB_PAD_REFLECT.
// Reflect needs pads smaller than the size, circular at most the size. All dtypes. Planes begin..<end.
enum { FB_PAD_REFLECT = 0, FB_PAD_REPLICATE = 1, FB_PAD_CIRCULAR = 2 };
typedef struct {
  fb_dtype dtype;
  int32_t mode;
  int64_t input[3], before[3], after[3];
} fb_padding;
void fb_pad(const fb_padding *args, const void *x, void *y, int64_t begin, int64_t end);
void fb_pad_backward(const fb_padding *args, const void *dy, void *dx, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
