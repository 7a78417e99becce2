// Normalisation layers on packed tensors of float16, bfloat16, float32 or float64, computed in float or double.
#ifndef FB_NORM_H
#define FB_NORM_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// Statistics (mean, rstd, var) are float for the 16-bit types and float, double for double: "statistics type" below.
// weight and bias may be NULL; they have the dtype of x.

// Layer norm of rows begin..<end of x [rows, n]: y = (x - mean) * rstd * weight + bias, rstd = 1 / sqrt(var + eps).
// rms: y = x * rstd * weight with rstd = 1 / sqrt(mean of x^2 + eps); mean and bias are not used then.
// mean, rstd [rows] may be NULL.
void fb_layer_norm(const void *x, const void *weight, const void *bias, void *y, void *mean, void *rstd,
                   fb_dtype dtype, bool rms, double eps, int64_t n, int64_t begin, int64_t end);

// For rows begin..<end, from g = dy [rows, n]: dx, and sums [2, n] of g and of g * (x - mean) * rstd, which make dbias and
// dweight. Either may be NULL.
void fb_layer_norm_backward(const void *g, const void *x, const void *weight, const void *mean, const void *rstd,
                            void *dx, double *sums, fb_dtype dtype, bool rms, int64_t n, int64_t begin, int64_t end);

// dweight and dbias [n] in dtype, each may be NULL, from the sums [parts, 2, n], which are added up in place.
void fb_norm_parameters(double *sums, int64_t parts, int64_t n, void *dweight, void *dbias, fb_dtype dtype);

// Group norm of x [samples, channels, inner] over groups of neighbouring channels, for groups begin..<end of all samples;
// weight and bias [channels], mean and rstd [samples * groups].
void fb_group_norm(const void *x, const void *weight, const void *bias, void *y, void *mean, void *rstd,
                   fb_dtype dtype, double eps, int64_t channels, int64_t groups, int64_t inner, int64_t begin,
                   int64_t end);

// dx, which may be NULL, and sums [samples, 2, channels] as for layer norm.
void fb_group_norm_backward(const void *g, const void *x, const void *weight, const void *mean, const void *rstd,
                            void *dx, double *sums, fb_dtype dtype, int64_t channels, int64_t groups, int64_t inner,
                            int64_t begin, int64_t end);

// Batch norm of x [count, channels, inner], for channels begin..<end everywhere.

// mean and biased variance of each channel, in the statistics type.
void fb_batch_norm_statistics(const void *x, void *mean, void *var, fb_dtype dtype, int64_t count, int64_t channels,
                              int64_t inner, int64_t begin, int64_t end);

// y = (x - mean) * rstd * weight + bias with rstd = 1 / sqrt(var + eps).
void fb_batch_norm(const void *x, const void *mean, const void *var, const void *weight, const void *bias, void *y,
                   fb_dtype dtype, double eps, int64_t count, int64_t channels, int64_t inner, int64_t begin,
                   int64_t end);

// dx [count, channels, inner], dweight and dbias [channels] in the dtype of x; each may be NULL. training: mean and var
// are the batch's own, and dx includes the gradient through them.
void fb_batch_norm_backward(const void *g, const void *x, const void *mean, const void *var, const void *weight,
                            void *dx, void *dweight, void *dbias, fb_dtype dtype, bool training, double eps,
                            int64_t count, int64_t channels, int64_t inner, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
