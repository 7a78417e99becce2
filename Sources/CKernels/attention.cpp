// Attention by blocks of queries: their scores fit in the second-level cache, are never stored and computed anew for
// the gradients (Dao et al. 2022, without the tiling of keys).
#include "include/fb_attention.h"

#include <algorithm>
#include <limits>

#include "gemm.hpp"
#include "include/fb_softmax.h"
#include "scratch.hpp"

namespace {

using fbd::Product;
using fbd::Scratch;

constexpr int64_t kBlock = 64;

template <class T>
struct Head {
  const fb_attention_args &args;
  const T *q, *k, *v, *bias;

  Head(const fb_attention_args &args, int64_t h)
      : args(args), q(static_cast<const T *>(args.q) + args.q_offsets[h]),
        k(static_cast<const T *>(args.k) + args.k_offsets[h]), v(static_cast<const T *>(args.v) + args.v_offsets[h]),
        bias(args.bias ? static_cast<const T *>(args.bias) + args.bias_offsets[h] : nullptr) {}

  // Keys that rows first..<first + rows look at.
  int64_t keys(int64_t first, int64_t rows) const { return args.causal ? std::min(args.s, first + rows) : args.s; }

  // The attention weights of a block of rows, packed [rows, keys].
  void weights(int64_t first, int64_t rows, int64_t keys, T *out) const {
    fbd::multiply(Product<T>{FB_NO_TRANS, FB_TRANS, rows, keys, args.e, T(args.scale), q + first * args.ldq, args.ldq,
                             k, args.ldk, T(0), out, keys});
    if (!bias && !args.causal) return fb_softmax(out, out, args.dtype, false, rows, keys, 1, 0, rows);
    for (int64_t r = 0; r < rows; ++r) {
      T *row = out + r * keys;
      const int64_t visible = args.causal ? std::min(keys, first + r + 1) : keys;
      bool blind = false;
      if (bias) {
        const T *added = bias + (first + r) * args.bias_row;
        T max = -std::numeric_limits<T>::infinity();
        for (int64_t j = 0; j < visible; ++j) {
          row[j] += added[j * args.bias_column];
          max = row[j] > max || row[j] != row[j] ? row[j] : max;
        }
        blind = max == -std::numeric_limits<T>::infinity();
      }
      if (blind) std::fill(row, row + visible, T(0));
      else fb_softmax(row, row, args.dtype, false, 1, visible, 1, 0, 1);
      std::fill(row + visible, row + keys, T(0));
    }
  }

  void forward(T *out) const {
    Scratch scratch(std::min(kBlock, args.l) * args.s * sizeof(T));
    for (int64_t first = 0; first < args.l; first += kBlock) block(first, scratch.as<T>(), out);
  }

  void block(int64_t first, T *scores, T *out) const {
    const int64_t rows = std::min(kBlock, args.l - first), n = keys(first, rows);
    weights(first, rows, n, scores);
    fbd::multiply(Product<T>{FB_NO_TRANS, FB_NO_TRANS, rows, args.f, n, T(1), scores, n, v, args.ldv, T(0),
                             out + first * args.f, args.f});
  }

  // With w the weights and dw = g vT: dv = wT g, ds = w (dw - sum w dw), dq = scale ds k, dk = scale dsT q.
  void backward(const T *g, T *dq, T *dk, T *dv) const {
    const int64_t size = std::min(kBlock, args.l) * args.s;
    Scratch scratch(2 * size * sizeof(T));
    T *w = scratch.as<T>(), *ds = w + size;
    std::fill(dk, dk + args.s * args.e, T(0));
    std::fill(dv, dv + args.s * args.f, T(0));
    for (int64_t first = 0; first < args.l; first += kBlock) {
      const int64_t rows = std::min(kBlock, args.l - first), n = keys(first, rows);
      const T *gBlock = g + first * args.f;
      weights(first, rows, n, w);
      fbd::multiply(Product<T>{FB_TRANS, FB_NO_TRANS, n, args.f, rows, T(1), w, n, gBlock, args.f, T(1), dv, args.f});
      fbd::multiply(
          Product<T>{FB_NO_TRANS, FB_TRANS, rows, n, args.f, T(1), gBlock, args.f, v, args.ldv, T(0), ds, n});
      fb_softmax_backward(w, ds, ds, args.dtype, false, rows, n, 1, 0, rows);
      fbd::multiply(Product<T>{FB_NO_TRANS, FB_NO_TRANS, rows, args.e, n, T(args.scale), ds, n, k, args.ldk, T(0),
                               dq + first * args.e, args.e});
      fbd::multiply(Product<T>{FB_TRANS, FB_NO_TRANS, n, args.e, rows, T(args.scale), ds, n, q + first * args.ldq,
                               args.ldq, T(1), dk, args.e});
    }
  }
};

template <class T>
void forward(const fb_attention_args &args, T *out) {
  struct Context { const fb_attention_args &args; T *out; } context{args, out};
  fbd::parallelFor(args.heads, [](void *raw, int64_t h) {
    const Context &c = *static_cast<Context *>(raw);
    Head<T>(c.args, h).forward(c.out + h * c.args.l * c.args.f);
  }, &context);
}

template <class T>
void backward(const fb_attention_args &args, const T *g, T *dq, T *dk, T *dv) {
  struct Context { const fb_attention_args &args; const T *g; T *dq, *dk, *dv; } context{args, g, dq, dk, dv};
  fbd::parallelFor(args.heads, [](void *raw, int64_t h) {
    const Context &c = *static_cast<Context *>(raw);
    const fb_attention_args &a = c.args;
    Head<T>(a, h).backward(c.g + h * a.l * a.f, c.dq + h * a.l * a.e, c.dk + h * a.s * a.e, c.dv + h * a.s * a.f);
  }, &context);
}

}  // namespace

extern "C" void fb_attention(const fb_attention_args *args, void *out) {
  if (args->dtype == FB_F64) forward(*args, static_cast<double *>(out));
  else forward(*args, static_cast<float *>(out));
}

extern "C" void fb_attention_backward(const fb_attention_args *args, const void *g, void *dq, void *dk, void *dv) {
  if (args->dtype == FB_F64)
    backward(*args, static_cast<const double *>(g), static_cast<double *>(dq), static_cast<double *>(dk),
             static_cast<double *>(dv));
  else
    backward(*args, static_cast<const float *>(g), static_cast<float *>(dq), static_cast<float *>(dk),
             static_cast<float *>(dv));
}
