// Running sums and their like along the middle dimension of a packed [outer, n, inner] tensor.
#ifndef FB_SCAN_H
#define FB_SCAN_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  FB_SCAN_SUM,
  FB_SCAN_PROD,
  FB_SCAN_MAX,           // real; a NaN stays to the end; `indices` takes where the value was last met, as torch.cummax
  FB_SCAN_MIN,
  FB_SCAN_LOGSUMEXP      // floating point
} fb_scan_op;

// Scans lines begin..<end of the outer * inner ones. The input is computed in the type of the output (bool and integers
// in int64, float16 and bfloat16 in float), so a sum of int32 into int64 does not overflow early.
// `indices`: int64, shaped as the output; used by MAX and MIN, may be NULL. In place if the dtypes agree.
void fb_scan(fb_scan_op op, const void *in, fb_dtype in_dtype, void *out, fb_dtype out_dtype, int64_t *indices,
             int64_t outer, int64_t n, int64_t inner, int64_t begin, int64_t end);

// The same from the end of each line to its beginning.
void fb_scan_reversed(fb_scan_op op, const void *in, fb_dtype in_dtype, void *out, fb_dtype out_dtype,
                      int64_t *indices, int64_t outer, int64_t n, int64_t inner, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
