// Attention by blocks of queries: their scores fit in the cache. The gradients compute them anew (Dao et al. 2022, without
// the tiling of keys) where the weights were not kept. All products run in one small kernel on packed panels: read as they
// lie, the rows of different heads and of queries, keys and values push each other out of the cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "failure.hpp"
#include "float_math-inl.h"
#include "gemm.hpp"
#include "include/fb_attention.h"
#include "scratch.hpp"
#include "strips-inl.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// e^x for x <= 0; what is below the normal numbers is 0.
template <class D, class V = hn::Vec<D>> HWY_INLINE V ExpOfNegative(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const V least = hn::Set(d, -87.f);
    return hn::IfThenZeroElse(hn::Lt(x, least), NormalExpOfFloat(d, hn::Max(least, x)));
  } else {
    return Exp()(d, x);
  }
}

// A head's matrix: rows `ld` elements apart.
template <class T> struct Matrix {
  T *data;
  int64_t ld;
  Matrix(const fb_attention_matrix &m, int64_t h) : data(static_cast<T *>(m.data) + m.offsets[h]), ld(m.ld) {}
  T *row(int64_t i) const { return data + i * ld; }

  // Asks for a strip's lines before they are needed: heads lie apart, and the processor foresees no rows of few elements.
  void prefetch(int64_t first, int64_t rows, int64_t columns) const {
    constexpr int64_t line = 64 / sizeof(T);
    for (int64_t i = first; i < std::min(first + kStrip, rows); ++i)
      for (int64_t j = 0; j < columns; j += line) __builtin_prefetch(row(i) + j);
  }
};

// Up to the end of a panel of two vectors.
template <class T> int64_t Whole(int64_t n) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  return (n + width - 1) / width * width;
}

// Between rows of scores. Rows whole kilobytes apart share few lines of the cache, and the gradients walk down columns.
template <class T> int64_t ScoresRow(int64_t keys) {
  const int64_t row = Whole<T>(keys);
  return row * static_cast<int64_t>(sizeof(T)) % 1024 == 0 ? row + Whole<T>(1) : row;
}

// One head. Rows of scores are `row` elements apart and end at a whole panel, filled up with zeros.
template <class T> class Head {
 public:
  Head(const fb_attention_args &args, int64_t h)
      : args(args), q(args.q, h), k(args.k, h), v(args.v, h),
        bias(args.bias ? static_cast<const T *>(args.bias) + args.bias_offsets[h] : nullptr),
        width(2 * static_cast<int64_t>(hn::Lanes(d))), row(ScoresRow<T>(args.s)),
        kept(args.weights ? static_cast<T *>(args.weights) + h * args.l * row : nullptr),
        blockRows(evenBlocks(args.l, std::clamp<int64_t>(49152 / row / kStrip, 1, 11))) {}

  void forward(Matrix<T> out) const {
    fbd::Scratch scratch(bytes(row * args.e + args.s * whole(args.f) + kStrip * row));
    T *keys = scratch.as<T>(), *values = keys + row * args.e, *scores = values + args.s * whole(args.f);
    const bool isFew = args.l < 4;  // packing the keys would take longer than reading them as they are
    const Panels<T> kt = isFew ? Panels<T>{} : packTransposed(d, k.data, k.ld, args.s, args.e, keys);
    const Panels<T> vs = args.l <= kStrip ? packRows(d, v.data, v.ld, args.s, args.f, values)
                                          : packPanels(d, v.data, v.ld, args.s, args.f, values);
    forStrips(args.l, [&](int64_t at, int64_t m) HWY_ATTR {
      const int64_t n = keysOf(at + m - 1);
      q.prefetch(at + m, args.l, args.e);
      out.prefetch(at, args.l, args.f);
      T *const w = kept ? kept + at * row : scores;
      if (isFew)
        for (int64_t i = 0; i < m; ++i) dotKeys(q.row(at + i), n, w + i * row);
      else multiply(d, m, whole(n), args.e, q.row(at), q.ld, 1, kt, T(args.scale), false, w, row);
      T factors[kStrip];
      for (int64_t i = 0; i < m; ++i) factors[i] = softmax(w + i * row, at + i, kept ? row : n);
      multiply(d, m, args.f, n, w, row, 1, vs, T(1), false, out.row(at), out.ld);
      for (int64_t i = 0; i < m; ++i) scaleRow(out.row(at + i), args.f, factors[i]);
      if (kept)
        for (int64_t i = 0; i < m; ++i) scaleRow(w + i * row, keysOf(at + i), factors[i]);
    });
  }

  // With w the weights and dw = g vT: dv = wT g, ds = w (dw - sum w dw), dq = scale ds k, dk = scale dsT q.
  void backward(Matrix<const T> g, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv) const {
    fbd::Scratch scratch(bytes(row * (args.e + args.f) + args.s * whole(args.e) +
                               args.l * (whole(args.e) + whole(args.f)) + 2 * blockRows * row));
    T *next = scratch.as<T>();
    const auto take = [&next](int64_t count) HWY_ATTR { return (next += count) - count; };
    const Panels<T> kt = kept ? Panels<T>{} : packTransposed(d, k.data, k.ld, args.s, args.e, take(row * args.e));
    const Panels<T> vt = packTransposed(d, v.data, v.ld, args.s, args.f, take(row * args.f));
    const Panels<T> ks = packPanels(d, k.data, k.ld, args.s, args.e, take(args.s * whole(args.e)));
    const Panels<T> gs = packPanels(d, g.data, g.ld, args.l, args.f, take(args.l * whole(args.f)));
    const Panels<T> qs = packPanels(d, q.data, q.ld, args.l, args.e, take(args.l * whole(args.e)));
    T *const slopes = take(blockRows * row), *const scratchWeights = take(blockRows * row);
    int64_t seen = 0;  // keys whose gradients earlier blocks have begun
    for (int64_t first = 0; first < args.l; first += blockRows) {
      const int64_t rows = std::min(blockRows, args.l - first), all = keysOf(first + rows - 1);
      T *const weights = kept ? kept + first * row : scratchWeights;
      forStrips(rows, [&](int64_t r, int64_t m) HWY_ATTR {
        const int64_t at = first + r, n = keysOf(at + m - 1);
        T *w = weights + r * row, *ds = slopes + r * row;
        dq.prefetch(at, args.l, args.e);
        multiply(d, m, whole(n), args.f, g.row(at), g.ld, 1, vt, T(1), false, ds, row);
        if (!kept) multiply(d, m, whole(n), args.e, q.row(at), q.ld, 1, kt, T(args.scale), false, w, row);
        for (int64_t i = 0; i < m; ++i) {
          T *const wi = w + i * row, *const dsi = ds + i * row;
          if (kept) slope<false>(wi, T(1), dsi, keysOf(at + i), all);
          else slope<true>(wi, softmax(wi, at + i, all), dsi, keysOf(at + i), all);
        }
        multiply(d, m, args.e, n, ds, row, 1, ks, T(1), false, dq.row(at), dq.ld);
      });
      forStrips(all, [&](int64_t key, int64_t m) HWY_ATTR {  // rows above a key do not see it
        const int64_t skipped = args.causal ? std::max<int64_t>(0, key - first) : 0, from = first + skipped;
        const T *w = weights + skipped * row + key, *ds = slopes + skipped * row + key;
        const bool adds = key < seen;
        dv.prefetch(key, args.s, args.f);
        dk.prefetch(key, args.s, args.e);
        multiply(d, m, args.f, rows - skipped, w, 1, row, gs.below(from), T(1), adds, dv.row(key), dv.ld);
        multiply(d, m, args.e, rows - skipped, ds, 1, row, qs.below(from), T(1), adds, dk.row(key), dk.ld);
      });
      seen = all;
    }
    for (int64_t key = seen; key < args.s; ++key) {
      std::fill(dk.row(key), dk.row(key) + args.e, T(0));
      std::fill(dv.row(key), dv.row(key) + args.f, T(0));
    }
  }

 private:
  const hn::ScalableTag<T> d;
  const fb_attention_args &args;
  const Matrix<const T> q, k, v;
  const T *bias;
  const int64_t width, row;
  T *const kept;
  const int64_t blockRows;

  // Rows of blocks of at most so many strips, as even as can be.
  static int64_t evenBlocks(int64_t rows, int64_t most) {
    const int64_t strips = (rows + kStrip - 1) / kStrip, blocks = std::max<int64_t>(1, (strips + most - 1) / most);
    return std::min(rows, (strips + blocks - 1) / blocks * kStrip);
  }

  static int64_t whole(int64_t n) { return Whole<T>(n); }
  static size_t bytes(int64_t count) { return static_cast<size_t>(count) * sizeof(T); }

  // Keys that a query looks at.
  int64_t keysOf(int64_t query) const { return args.causal ? std::min(args.s, query + 1) : args.s; }

  template <class Body> static void forStrips(int64_t rows, Body body) {
    for (int64_t r = 0; r < rows; r += kStrip) body(r, std::min(kStrip, rows - r));
  }

  // The first n scores of a query, four keys at a time.
  void dotKeys(const T *query, int64_t n, T *w) const {
    const int64_t lanes = width / 2, e = args.e;
    for (int64_t j = 0; j < n; j += 4) {
      const T *keys[4];
      for (int64_t c = 0; c < 4; ++c) keys[c] = k.row(std::min(j + c, n - 1));
      auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
      int64_t i = 0;
      for (; i + lanes <= e; i += lanes) {
        const auto x = hn::LoadU(d, query + i);
        s0 = hn::MulAdd(x, hn::LoadU(d, keys[0] + i), s0);
        s1 = hn::MulAdd(x, hn::LoadU(d, keys[1] + i), s1);
        s2 = hn::MulAdd(x, hn::LoadU(d, keys[2] + i), s2);
        s3 = hn::MulAdd(x, hn::LoadU(d, keys[3] + i), s3);
      }
      T sums[4] = {hn::GetLane(hn::SumOfLanes(d, s0)), hn::GetLane(hn::SumOfLanes(d, s1)),
                   hn::GetLane(hn::SumOfLanes(d, s2)), hn::GetLane(hn::SumOfLanes(d, s3))};
      for (int64_t c = 0; c < std::min<int64_t>(4, n - j); ++c) {
        for (int64_t r = i; r < e; ++r) sums[c] += query[r] * keys[c][r];
        w[j + c] = T(args.scale) * sums[c];
      }
    }
  }

  // Scores to exponentials, zeros up to column `end`; the factor that makes weights of them.
  T softmax(T *w, int64_t query, int64_t end) const {
    const int64_t n = keysOf(query), lanes = width / 2;
    const T lowest = -std::numeric_limits<T>::infinity();
    if (bias) {
      const T *added = bias + query * args.bias_row;
      for (int64_t j = 0; j < n; ++j) w[j] += added[j * args.bias_column];
    }
    std::fill(w + n, w + whole(n), lowest);
    auto most = hn::Set(d, lowest);
    for (int64_t j = 0; j < n; j += lanes) most = hn::Max(most, hn::LoadU(d, w + j));
    const T max = hn::GetLane(hn::MaxOfLanes(d, most));
    if (bias && max == lowest && isBlind(w, n)) {
      std::fill(w, w + whole(end), T(0));
      return 0;
    }
    const auto shift = hn::Set(d, max);
    auto sum = hn::Zero(d);
    for (int64_t j = 0; j < n; j += lanes) {
      const auto e = ExpOfNegative(d, hn::Sub(hn::LoadU(d, w + j), shift));
      hn::StoreU(e, d, w + j);
      sum = hn::Add(sum, e);
    }
    std::fill(w + n, w + whole(end), T(0));
    return 1 / hn::GetLane(hn::SumOfLanes(d, sum));
  }

  // A bias of -inf everywhere (and not NaN).
  static bool isBlind(const T *w, int64_t n) {
    return std::all_of(w, w + n, [](T x) { return x == -std::numeric_limits<T>::infinity(); });
  }

  void scaleRow(T *x, int64_t n, T factor) const {
    const int64_t lanes = width / 2;
    const auto scale = hn::Set(d, factor);
    int64_t j = 0;
    for (; j + lanes <= n; j += lanes) hn::StoreU(hn::Mul(hn::LoadU(d, x + j), scale), d, x + j);
    for (; j < n; ++j) x[j] *= factor;
  }

  // dw becomes ds = scale w (dw - sum w dw), zeros from n up to column `end`; `scales`: w becomes factor w before.
  template <bool scales> void slope(T *w, T factor, T *dw, int64_t n, int64_t end) const {
    const int64_t lanes = width / 2;
    std::fill(dw + n, dw + whole(end), T(0));
    auto sum = hn::Zero(d);
    for (int64_t j = 0; j < n; j += lanes) sum = hn::MulAdd(hn::LoadU(d, w + j), hn::LoadU(d, dw + j), sum);
    const auto total = hn::Set(d, factor * hn::GetLane(hn::SumOfLanes(d, sum)));
    const auto times = hn::Set(d, factor), scale = hn::Set(d, T(args.scale));
    for (int64_t j = 0; j < n; j += lanes) {
      auto weight = hn::LoadU(d, w + j);
      if constexpr (scales) hn::StoreU(weight = hn::Mul(weight, times), d, w + j);
      hn::StoreU(hn::Mul(hn::Mul(weight, scale), hn::Sub(hn::LoadU(d, dw + j), total)), d, dw + j);
    }
  }
};

template <class T> void Forward(const fb_attention_args &args, const fb_attention_matrix &out) {
  struct Context { const fb_attention_args &args; const fb_attention_matrix &out; } context{args, out};
  fbd::parallelFor(args.heads, [](void *raw, int64_t h) HWY_ATTR {
    const Context &c = *static_cast<Context *>(raw);
    Head<T>(c.args, h).forward({c.out, h});
  }, &context);
}

template <class T>
void Backward(const fb_attention_args &args, const fb_attention_matrix &g, const fb_attention_matrix &dq,
              const fb_attention_matrix &dk, const fb_attention_matrix &dv) {
  struct Context {
    const fb_attention_args &args;
    const fb_attention_matrix &g, &dq, &dk, &dv;
  } context{args, g, dq, dk, dv};
  fbd::parallelFor(args.heads, [](void *raw, int64_t h) HWY_ATTR {
    const Context &c = *static_cast<Context *>(raw);
    Head<T>(c.args, h).backward({c.g, h}, {c.dq, h}, {c.dk, h}, {c.dv, h});
  }, &context);
}

int64_t AttentionRow(fb_dtype dtype, int64_t keys) {
  return dtype == FB_F64 ? ScoresRow<double>(keys) : ScoresRow<float>(keys);
}

void Attention(const fb_attention_args &args, const fb_attention_matrix &out) {
  args.dtype == FB_F64 ? Forward<double>(args, out) : Forward<float>(args, out);
}

void AttentionBackward(const fb_attention_args &args, const fb_attention_matrix &g, const fb_attention_matrix &dq,
                       const fb_attention_matrix &dk, const fb_attention_matrix &dv) {
  args.dtype == FB_F64 ? Backward<double>(args, g, dq, dk, dv) : Backward<float>(args, g, dq, dk, dv);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(AttentionRow);
HWY_EXPORT(Attention);
HWY_EXPORT(AttentionBackward);
}  // namespace fb

extern "C" int64_t fb_attention_row(fb_dtype dtype, int64_t keys) {
  return HWY_DYNAMIC_DISPATCH(fb::AttentionRow)(dtype, keys);
}

extern "C" void fb_attention(const fb_attention_args *args, fb_attention_matrix out) try {
  HWY_DYNAMIC_DISPATCH(fb::Attention)(*args, out);
} FBD_NOTES_FAILURE()

extern "C" void fb_attention_backward(const fb_attention_args *args, fb_attention_matrix g, fb_attention_matrix dq,
                                      fb_attention_matrix dk, fb_attention_matrix dv) try {
  HWY_DYNAMIC_DISPATCH(fb::AttentionBackward)(*args, g, dq, dk, dv);
} FBD_NOTES_FAILURE()
#endif
