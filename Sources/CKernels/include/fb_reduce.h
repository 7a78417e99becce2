// Reductions over the middle dimension of a packed [outer, n, inner] input.
#ifndef FB_REDUCE_H
#define FB_REDUCE_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// 16-bit floats accumulate in float or wider, integers and bool in int64. Sums of floats are blockwise: the error does
// not grow with n. NaN wins in MIN, MAX, ARGMIN and ARGMAX; the first occurrence wins among equals.
typedef enum {
  FB_REDUCE_SUM,
  FB_REDUCE_PROD,
  FB_REDUCE_MEAN,            // floating point and complex
  FB_REDUCE_MIN,             // real; `out2` (may be NULL) takes the int64 index
  FB_REDUCE_MAX,
  FB_REDUCE_ARGMIN,          // real; the result is the index, converted to out_dtype
  FB_REDUCE_ARGMAX,
  FB_REDUCE_ANY,
  FB_REDUCE_ALL,
  FB_REDUCE_COUNT_NONZERO,
  FB_REDUCE_NANSUM,          // NaN counts as 0
  FB_REDUCE_NORM,            // (sum |x|^p)^(1/p), p = param: any number, 0, inf, -inf; floating point, complex
  FB_REDUCE_LOGSUMEXP,       // real floating point
  FB_REDUCE_VAR,             // sum |x - mean|^2 / max(0, n - param); `out2` (may be NULL) takes the mean in the input's
                             // dtype; floating point, complex (the result is real)
  FB_REDUCE_STD              // the square root of VAR
} fb_reduction;

// Computes outputs begin..<end of the outer * inner ones (row-major); the results do not depend on how they are split.
// The result is converted to out_dtype as fb_elementwise stores it. With n = 0: 0 for sums, counts, norms and ANY, 1 for
// PROD and ALL, NaN for MEAN, VAR and STD, -inf for LOGSUMEXP; the caller refuses MIN, MAX, ARGMIN and ARGMAX.
void fb_reduce(fb_reduction op, const void *in, fb_dtype in_dtype, int64_t outer, int64_t n, int64_t inner,
               double param, void *out, fb_dtype out_dtype, void *out2, int64_t begin, int64_t end);

// The same in parallel where there are few outputs and much to reduce: n is cut into fb_reduce_blocks(n, inner) blocks
// whose partial results any thread may compute; combining them gives exactly what fb_reduce gives. Blocks are numbered
// o * blocks + b, 0 <= o < outer; block k has the `inner` entries partials[k * inner + i].
typedef struct { double a, b, c; int64_t i, j; } fb_partial;

int64_t fb_reduce_blocks(int64_t n, int64_t inner);  // at least 1
void fb_reduce_partial(fb_reduction op, const void *in, fb_dtype in_dtype, int64_t n, int64_t inner, double param,
                       fb_partial *partials, int64_t begin_block, int64_t end_block);
void fb_reduce_combine(fb_reduction op, const fb_partial *partials, fb_dtype in_dtype, int64_t n, int64_t inner,
                       double param, void *out, fb_dtype out_dtype, void *out2, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
