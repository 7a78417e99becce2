// softmax(scale * q kT + bias) v and its gradients, one head after another through scores that stay in cache.
#ifndef FB_ATTENTION_H
#define FB_ATTENTION_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// Head h reads q [l, e], k [s, e] and v [s, f] at q + q_offsets[h] and so on; rows lie ldq, ldk, ldv elements apart, the
// elements of a row side by side. bias (may be NULL) [l, s] lies at bias + bias_offsets[h] with the strides given, 0
// where it is repeated. causal: row i looks at keys 0...i only. A row that may look nowhere (all -inf) gives 0.
typedef struct {
  fb_dtype dtype;  // float32 or float64
  int64_t heads, l, s, e, f;
  const void *q, *k, *v, *bias;
  const int64_t *q_offsets, *k_offsets, *v_offsets, *bias_offsets;
  int64_t ldq, ldk, ldv, bias_row, bias_column;
  double scale;
  bool causal;
} fb_attention_args;

// out [heads, l, f], packed.
void fb_attention(const fb_attention_args *args, void *out);

// From g [heads, l, f], packed: dq [heads, l, e], dk [heads, s, e], dv [heads, s, f], packed, all of each head's own.
void fb_attention_backward(const fb_attention_args *args, const void *g, void *dq, void *dk, void *dv);

#ifdef __cplusplus
}
#endif
#endif
