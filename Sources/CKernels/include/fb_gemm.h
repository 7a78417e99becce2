// Matrix products: C = alpha * op(A) op(B) + beta * C, batched, every dtype but bool.
#ifndef FB_GEMM_H
#define FB_GEMM_H
#include "fb_elementwise.h"
#ifdef __cplusplus
extern "C" {
#endif

enum { FB_NO_TRANS = 0, FB_TRANS = 1, FB_CONJ_TRANS = 2 };

// Row-major: op(A) is [m, k], op(B) is [k, n], C is [m, n]; lda, ldb and ldc are the distances between stored rows,
// in elements. Batch b lies at the offset that its row-major position in batch_shape has by the strides given, in
// elements; a stride of 0 broadcasts A or B. batch_ndim may be 0: one product.
// Of alpha and beta, integers read i, floats re, complex numbers re and im. With beta 0, C is never read.
// float16 and bfloat16 add up in float32 and round once.
typedef struct {
  fb_dtype dtype;
  int32_t trans_a, trans_b;
  int64_t m, n, k;
  const void *a;
  int64_t lda;
  const void *b;
  int64_t ldb;
  void *c;
  int64_t ldc;
  fb_scalar alpha, beta;
  int32_t batch_ndim;
  const int64_t *batch_shape, *batch_stride_a, *batch_stride_b, *batch_stride_c;
  const void *bias;  // n values added to every row of C in place of beta * C, or null
  const void *packed_b;  // op(B) by fb_gemm_pack (batch_ndim 0), or null; which of the two is read makes no other difference than
                         // in the order of additions
} fb_gemm_args;

// Computes batches begin..<end.
void fb_gemm(const fb_gemm_args *args, int64_t begin, int64_t end);

// Whether fb_gemm shares the work among threads itself: then call it once with all batches. Otherwise (tiny products
// and integers) a caller may split the batches among its own threads.
bool fb_gemm_is_parallel(const fb_gemm_args *args);

// A right matrix that many products read can be packed once: of some kilobytes, for two rows of C or more, floating point.
// Halves are packed as float32.
bool fb_gemm_suits_packed(const fb_gemm_args *args);
// Bytes of op(B) [k, n] packed.
int64_t fb_gemm_packed_size(fb_dtype dtype, int64_t n, int64_t k);
// From args: dtype, trans_b, n, k, b, ldb.
void fb_gemm_pack(const fb_gemm_args *args, void *packed);

#ifdef __cplusplus
}
#endif
#endif
