// Softmax and log-softmax over the middle dimension of a packed [outer, n, inner] tensor, and their gradients.
#ifndef FB_SOFTMAX_H
#define FB_SOFTMAX_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// Lines begin..<end of the outer * inner ones. dtype: float16, bfloat16 (computed in float), float32, float64; input and
// output may be the same memory. A line of -inf only gives NaN, as in PyTorch.
void fb_softmax(const void *in, void *out, fb_dtype dtype, bool log, int64_t outer, int64_t n, int64_t inner,
                int64_t begin, int64_t end);

// From the output y and the gradient g of the output: y (g - sum g y); log: g - exp(y) sum g.
void fb_softmax_backward(const void *y, const void *g, void *dx, fb_dtype dtype, bool log, int64_t outer, int64_t n,
                         int64_t inner, int64_t begin, int64_t end);

// out[line] = ln of the sum of e^x over a line, in the type in which x is computed (float for halves).
void fb_log_sum_exp(const void *in, void *out, fb_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t begin,
                    int64_t end);

#ifdef __cplusplus
}
#endif
#endif
