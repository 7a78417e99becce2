// Pooling over 1 to 3 spatial dimensions, contiguous [planes, spatial...]; planes = batch * channels.
#ifndef FB_POOL_H
#define FB_POOL_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// Always three spatial dimensions; a pooling with fewer has leading ones of input 1, output 1, kernel 1, stride 1,
// padding 0, dilation 1. The caller computes `output` (ceil_mode included).
typedef struct {
  fb_dtype dtype;
  int64_t input[3], output[3], kernel[3], stride[3], padding[3], dilation[3];
  bool count_include_pad;    // average pooling
  int64_t divisor_override;  // average pooling; 0: none
} fb_pool;

// All functions compute planes begin..<end of contiguous buffers and fully write their result.

// Maximum, any real dtype; a NaN in the window wins. indices (may be null): position in the input plane.
void fb_max_pool(const fb_pool *pool, const void *x, void *y, int64_t *indices, int64_t begin, int64_t end);
// dx[index] += dy. Also the gradient of adaptive_max_pool.
void fb_max_pool_backward(const fb_pool *pool, const void *dy, const int64_t *indices, void *dx, int64_t begin,
                          int64_t end);
// y[index] = x, 0 elsewhere: x has the pool's `output` size, y its `input` size. Returns -1, or the position in
// indices of the first that lies outside the plane (nothing is written then).
int64_t fb_max_unpool(const fb_pool *pool, const void *x, const int64_t *indices, void *y, int64_t begin, int64_t end);
// Its gradient: dx = dy[index].
void fb_max_unpool_backward(const fb_pool *pool, const void *dy, const int64_t *indices, void *dx, int64_t begin,
                            int64_t end);

// Average, floats and integers (dilation is not used). Windows of ceil_mode are clipped as PyTorch does.
void fb_avg_pool(const fb_pool *pool, const void *x, void *y, int64_t begin, int64_t end);
void fb_avg_pool_backward(const fb_pool *pool, const void *dy, void *dx, int64_t begin, int64_t end);

// Adaptive pooling uses dtype, input and output only.
void fb_adaptive_avg_pool(const fb_pool *pool, const void *x, void *y, int64_t begin, int64_t end);
void fb_adaptive_avg_pool_backward(const fb_pool *pool, const void *dy, void *dx, int64_t begin, int64_t end);
void fb_adaptive_max_pool(const fb_pool *pool, const void *x, void *y, int64_t *indices, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
