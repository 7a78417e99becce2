// softmax(scale * q kT + bias) v and its gradients, one head after another through scores that stay in cache.
#ifndef FB_ATTENTION_H
#define FB_ATTENTION_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// A matrix for each head: that of head h begins `offsets[h]` elements behind `data`; its rows lie `ld` elements apart, the
// elements of a row side by side.
typedef struct {
  void *data;
  const int64_t *offsets;
  int64_t ld;
} fb_attention_matrix;

// q [l, e], k [s, e], v [s, f]. bias (may be NULL) [l, s] lies at bias + bias_offsets[h] with the strides given, 0
// where it is repeated. causal: row i looks at keys 0...i only. A row that may look nowhere (all -inf) gives 0.
typedef struct {
  fb_dtype dtype;  // float32 or float64
  int64_t heads, l, s, e, f;
  fb_attention_matrix q, k, v;
  const void *bias;
  const int64_t *bias_offsets;
  int64_t bias_row, bias_column;
  double scale;
  bool causal;
  void *weights;  // NULL, or [heads, l, fb_attention_row]: written by fb_attention, read instead of scores computed anew
} fb_attention_args;

// Elements between rows of kept weights, zeros behind the keys.
int64_t fb_attention_row(fb_dtype dtype, int64_t keys);

// out [l, f].
void fb_attention(const fb_attention_args *args, fb_attention_matrix out);

// From g [l, f]: dq [l, e], dk [s, e], dv [s, f], all of each head's own.
void fb_attention_backward(const fb_attention_args *args, fb_attention_matrix g, fb_attention_matrix dq,
                           fb_attention_matrix dk, fb_attention_matrix dv);

#ifdef __cplusplus
}
#endif
#endif
