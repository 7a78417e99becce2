// The minimal filtering algorithms F(m, 3) of Winograd, one dimension at a time, for one SIMD target; and what brings
// channels side by side.
#if defined(FB_WINOGRAD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_WINOGRAD_INL_H
#undef FB_WINOGRAD_INL_H
#else
#define FB_WINOGRAD_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "transpose-inl.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// The lanes are channels, and layers have multiples of eight of them.
using Channels = UpToEight;
using ChannelVec = hn::Vec<Channels>;

HWY_INLINE ChannelVec Number(float x) { return hn::Set(Channels(), x); }

// y = Aᵀ ((G g) · (Bᵀ d)): m outputs of a filter g of three taps over m + 2 inputs d.
// `output` and `filter` also come transposed, for the gradient of g, which is Gᵀ ((A y) · (Bᵀ d)).
template <int m> struct Minimal;

// Lavin and Gray 2015; the points 0, 1, -1 and infinity.
template <> struct Minimal<2> {
  static HWY_INLINE void input(const ChannelVec *d, ChannelVec *out) {
    out[0] = hn::Sub(d[0], d[2]);
    out[1] = hn::Add(d[1], d[2]);
    out[2] = hn::Sub(d[2], d[1]);
    out[3] = hn::Sub(d[3], d[1]);
  }
  static HWY_INLINE void output(const ChannelVec *in, ChannelVec *y) {
    y[0] = hn::Add(in[0], hn::Add(in[1], in[2]));
    y[1] = hn::Add(in[3], hn::Sub(in[1], in[2]));
  }
  static HWY_INLINE void outputTransposed(const ChannelVec *y, ChannelVec *out) {
    out[0] = y[0];
    out[1] = hn::Add(y[0], y[1]);
    out[2] = hn::Sub(y[0], y[1]);
    out[3] = y[1];
  }
  static HWY_INLINE void filter(const ChannelVec *g, ChannelVec *out) {
    const ChannelVec half = Number(0.5f), ends = hn::Mul(half, hn::Add(g[0], g[2])), middle = hn::Mul(half, g[1]);
    out[0] = g[0];
    out[1] = hn::Add(ends, middle);
    out[2] = hn::Sub(ends, middle);
    out[3] = g[2];
  }
  static HWY_INLINE void filterTransposed(const ChannelVec *in, ChannelVec *g) {
    const ChannelVec half = Number(0.5f), sum = hn::Mul(half, hn::Add(in[1], in[2]));
    g[0] = hn::Add(in[0], sum);
    g[1] = hn::Mul(half, hn::Sub(in[1], in[2]));
    g[2] = hn::Add(in[3], sum);
  }
};

// The points 0, p, -p, q, -q and infinity. With p = 1, q = 2 the largest error is four times that of these
// (Docs/decisions.md).
template <> struct Minimal<4> {
  static constexpr float p2 = 0.5f, q2 = 2, p = 0.70710678118654752f, q = 2 * p;  // p q = 1
  static constexpr float ofP = 1 / (2 * p2 * (p2 - q2)), ofQ = 1 / (2 * q2 * (q2 - p2));

  static HWY_INLINE void input(const ChannelVec *d, ChannelVec *out) {
    const ChannelVec ofP2 = Number(p2), ofQ2 = Number(q2), sum = Number(p2 + q2);
    const ChannelVec evenP = hn::NegMulAdd(ofQ2, d[2], d[4]), evenQ = hn::NegMulAdd(ofP2, d[2], d[4]);
    const ChannelVec oddP = hn::Mul(Number(p), hn::NegMulAdd(ofQ2, d[1], d[3]));
    const ChannelVec oddQ = hn::Mul(Number(q), hn::NegMulAdd(ofP2, d[1], d[3]));
    out[0] = hn::NegMulAdd(sum, d[2], hn::Add(d[0], d[4]));
    out[1] = hn::Add(evenP, oddP);
    out[2] = hn::Sub(evenP, oddP);
    out[3] = hn::Add(evenQ, oddQ);
    out[4] = hn::Sub(evenQ, oddQ);
    out[5] = hn::NegMulAdd(sum, d[3], hn::Add(d[1], d[5]));
  }
  static HWY_INLINE void output(const ChannelVec *in, ChannelVec *y) {
    const ChannelVec evenP = hn::Add(in[1], in[2]), oddP = hn::Sub(in[1], in[2]);
    const ChannelVec evenQ = hn::Add(in[3], in[4]), oddQ = hn::Sub(in[3], in[4]);
    y[0] = hn::Add(in[0], hn::Add(evenP, evenQ));
    y[1] = hn::MulAdd(Number(p), oddP, hn::Mul(Number(q), oddQ));
    y[2] = hn::MulAdd(Number(p2), evenP, hn::Mul(Number(q2), evenQ));
    y[3] = hn::MulAdd(Number(p2 * p), oddP, hn::MulAdd(Number(q2 * q), oddQ, in[5]));
  }
  static HWY_INLINE void outputTransposed(const ChannelVec *y, ChannelVec *out) {
    const ChannelVec ofP2 = Number(p2), ofQ2 = Number(q2);
    const ChannelVec evenP = hn::MulAdd(ofP2, y[2], y[0]), evenQ = hn::MulAdd(ofQ2, y[2], y[0]);
    const ChannelVec oddP = hn::Mul(Number(p), hn::MulAdd(ofP2, y[3], y[1]));
    const ChannelVec oddQ = hn::Mul(Number(q), hn::MulAdd(ofQ2, y[3], y[1]));
    out[0] = y[0];
    out[1] = hn::Add(evenP, oddP);
    out[2] = hn::Sub(evenP, oddP);
    out[3] = hn::Add(evenQ, oddQ);
    out[4] = hn::Sub(evenQ, oddQ);
    out[5] = y[3];
  }
  static HWY_INLINE void filter(const ChannelVec *g, ChannelVec *out) {
    const ChannelVec evenP = hn::Mul(Number(ofP), hn::MulAdd(Number(p2), g[2], g[0]));
    const ChannelVec evenQ = hn::Mul(Number(ofQ), hn::MulAdd(Number(q2), g[2], g[0]));
    const ChannelVec oddP = hn::Mul(Number(ofP * p), g[1]), oddQ = hn::Mul(Number(ofQ * q), g[1]);
    out[0] = g[0];
    out[1] = hn::Add(evenP, oddP);
    out[2] = hn::Sub(evenP, oddP);
    out[3] = hn::Add(evenQ, oddQ);
    out[4] = hn::Sub(evenQ, oddQ);
    out[5] = g[2];
  }
  static HWY_INLINE void filterTransposed(const ChannelVec *in, ChannelVec *g) {
    const ChannelVec evenP = hn::Mul(Number(ofP), hn::Add(in[1], in[2])), oddP = hn::Sub(in[1], in[2]);
    const ChannelVec evenQ = hn::Mul(Number(ofQ), hn::Add(in[3], in[4])), oddQ = hn::Sub(in[3], in[4]);
    g[0] = hn::Add(in[0], hn::Add(evenP, evenQ));
    g[1] = hn::MulAdd(Number(ofP * p), oddP, hn::Mul(Number(ofQ * q), oddQ));
    g[2] = hn::MulAdd(Number(p2), evenP, hn::MulAdd(Number(q2), evenQ, in[5]));
  }
};

// to[column * kLanes + row] = from[row * stride + column]; rows beyond `rows` become zeros.
inline void ReadLanes(const float *from, int64_t stride, int64_t rows, int64_t columns, float *to) {
  const Channels d;
  int64_t j = 0;
  if (rows == kLanes && columns >= kLanes) {
    while (j < columns) {
      j = std::min(j, columns - kLanes);  // the last columns with some that were there already
      ChannelVec v[kLanes];
      for (int i = 0; i < kLanes; ++i) v[i] = hn::LoadU(d, from + i * stride + j);
      Transpose(v);
      for (int i = 0; i < kLanes; ++i) hn::StoreU(v[i], d, to + (j + i) * kLanes);
      j += kLanes;
    }
  }
  for (; j < columns; ++j)
    for (int64_t i = 0; i < kLanes; ++i) to[j * kLanes + i] = i < rows ? from[i * stride + j] : 0;
}

// to[row * stride + column] = from[column * kLanes + row].
inline void WriteLanes(const float *from, int64_t rows, int64_t columns, float *to, int64_t stride) {
  const Channels d;
  int64_t j = 0;
  if (rows == kLanes && columns >= kLanes) {
    while (j < columns) {
      j = std::min(j, columns - kLanes);
      ChannelVec v[kLanes];
      for (int i = 0; i < kLanes; ++i) v[i] = hn::LoadU(d, from + (j + i) * kLanes);
      Transpose(v);
      for (int i = 0; i < kLanes; ++i) hn::StoreU(v[i], d, to + i * stride + j);
      j += kLanes;
    }
  }
  for (; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) to[i * stride + j] = from[j * kLanes + i];
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#endif
