// Recurrent networks over all steps of a batch of sequences of one length, and their gradients; float and double.
#ifndef FB_RECURRENT_H
#define FB_RECURRENT_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

enum { FB_RNN_TANH, FB_RNN_RELU, FB_LSTM, FB_GRU };

// Gates lie side by side: 1 for plain networks, i f g o for an LSTM, r z n for a GRU.
typedef struct {
  fb_dtype dtype;
  int32_t mode;
  bool reverse;  // from the last step to the first
  int64_t time, batch, hidden;
} fb_recurrence;

static inline int64_t fb_gate_count(const fb_recurrence *r) {
  return r->mode == FB_LSTM ? 4 : r->mode == FB_GRU ? 3 : 1;
}

// Elements of a weight matrix in the order in which the kernels read it.
int64_t fb_recurrence_packed_count(const fb_recurrence *r, bool backward);
// weight: [gates * hidden, hidden], row-major.
void fb_recurrence_pack(const fb_recurrence *r, const void *weight, bool backward, void *packed);

// Rows begin..<end of the batch; rows do not depend on each other.
// from_input: [time, batch, gates * hidden]; bias: [gates * hidden], or null; states, cells (LSTM): [time + 1, batch,
// hidden] with the initial state in slot 0 (slot `time` in reverse) already there, the other slots are written.
// reserve: [time, batch, gates * hidden] of an LSTM, [time, batch, 4 * hidden] of a GRU (r, z, n and n's share of the
// hidden state): what the gradient needs, or null.
void fb_recurrence_forward(const fb_recurrence *r, const void *from_input, const void *packed, const void *bias,
                           void *states, void *cells, void *reserve, int64_t begin, int64_t end);

// d_states, d_cells: gradients of states and cells, or null for none. Writes the gradient of from_input, the gradient of
// the hidden state's share of the gates where it differs (GRU), and those of the initial states.
void fb_recurrence_backward(const fb_recurrence *r, const void *d_states, const void *d_cells, const void *packed,
                            const void *states, const void *cells, const void *reserve, void *d_input, void *d_hidden,
                            void *d_h0, void *d_c0, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
