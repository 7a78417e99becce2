// Recurrent networks: for each step a product with the packed weight, then the gates in vectors.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "recurrent.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "float_math-inl.h"
#include "include/fb_recurrent.h"
#include "scratch.hpp"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

int64_t Gates(const fb_recurrence &r) { return r.mode == FB_LSTM ? 4 : r.mode == FB_GRU ? 3 : 1; }

// A matrix B [depth, columns] as panels of `width` columns, each [depth, width], the last one padded with zeros.
template <class T> int64_t PanelWidth() { return 2 * int64_t(hn::Lanes(hn::ScalableTag<T>())); }

template <class T> int64_t PackedCount(int64_t depth, int64_t columns) {
  const int64_t width = PanelWidth<T>();
  return (columns + width - 1) / width * width * depth;
}

template <class T> void Pack(const T *b, int64_t depth, int64_t columns, int64_t rowStride, int64_t step, T *packed) {
  const int64_t width = PanelWidth<T>();
  for (int64_t j = 0; j < columns; j += width)
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t c = 0; c < width; ++c) *packed++ = j + c < columns ? b[k * rowStride + (j + c) * step] : T(0);
}

// rows x panel of A B: accumulators stay in registers over the whole depth.
template <int rows, class D, class T = hn::TFromD<D>>
HWY_INLINE void Block(D d, int64_t depth, const T *a, int64_t lda, const T *panel, T *out, int64_t ldOut,
                      int64_t columns) {
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> left[rows], right[rows];
  for (int i = 0; i < rows; ++i) left[i] = right[i] = hn::Zero(d);
  for (int64_t k = 0; k < depth; ++k) {
    const auto b0 = hn::LoadU(d, panel), b1 = hn::LoadU(d, panel + lanes);
    panel += 2 * lanes;
    for (int i = 0; i < rows; ++i) {
      const auto x = hn::Set(d, a[i * lda + k]);
      left[i] = hn::MulAdd(x, b0, left[i]);
      right[i] = hn::MulAdd(x, b1, right[i]);
    }
  }
  for (int i = 0; i < rows; ++i) {
    T *row = out + i * ldOut;
    if (columns == int64_t(2 * lanes)) {
      hn::StoreU(left[i], d, row);
      hn::StoreU(right[i], d, row + lanes);
    } else if (columns >= int64_t(lanes)) {
      hn::StoreU(left[i], d, row);
      StorePart(right[i], d, row + lanes, size_t(columns) - lanes);
    } else {
      StorePart(left[i], d, row, size_t(columns));
    }
  }
}

// out [rows, columns] = a [rows, depth] B.
template <class T>
void Multiply(int64_t rows, int64_t depth, int64_t columns, const T *a, int64_t lda, const T *packed, T *out) {
  const hn::ScalableTag<T> d;
  const int64_t width = PanelWidth<T>();
  for (int64_t j = 0; j < columns; j += width, packed += depth * width) {
    const int64_t here = std::min(width, columns - j);
    int64_t i = 0;
    for (; i + 6 <= rows; i += 6) Block<6>(d, depth, a + i * lda, lda, packed, out + i * columns + j, columns, here);
    const T *rest = a + i * lda;
    T *to = out + i * columns + j;
    switch (rows - i) {
      case 5: Block<5>(d, depth, rest, lda, packed, to, columns, here); break;
      case 4: Block<4>(d, depth, rest, lda, packed, to, columns, here); break;
      case 3: Block<3>(d, depth, rest, lda, packed, to, columns, here); break;
      case 2: Block<2>(d, depth, rest, lda, packed, to, columns, here); break;
      case 1: Block<1>(d, depth, rest, lda, packed, to, columns, here); break;
    }
  }
}

template <class D, class V = hn::Vec<D>> HWY_INLINE V Sigmoid(D d, V x) {
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  return hn::Div(one, hn::Add(one, Exp()(d, hn::Neg(x))));
}

// Calls f(i, load, store) for i in 0..<n in steps of a vector; load and store handle the rest at the end.
template <class T, class F> HWY_INLINE void ForLanes(int64_t n, F f) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    f(
        i, [d](const T *p) HWY_ATTR { return hn::LoadU(d, p); },
        [d](hn::Vec<decltype(d)> v, T *p) HWY_ATTR { hn::StoreU(v, d, p); });
  if (i < n) {
    const size_t rest = size_t(n - i);
    f(
        i, [d, rest](const T *p) HWY_ATTR { return LoadPart(d, p, rest); },
        [d, rest](hn::Vec<decltype(d)> v, T *p) HWY_ATTR { StorePart(v, d, p, rest); });
  }
}

template <class T>
void Forward(const fb_recurrence &r, const T *fromInput, const T *packed, const T *bias, T *states, T *cells,
             T *reserve, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t h = r.hidden, gates = Gates(r), width = gates * h, rows = end - begin;
  fbd::Scratch scratch(size_t(rows * width) * sizeof(T) + size_t(width) * sizeof(T));
  T *fromHidden = scratch.as<T>(), *zeros = fromHidden + rows * width;
  if (!bias) {
    std::fill(zeros, zeros + width, T(0));
    bias = zeros;
  }
  for (int64_t step = 0; step < r.time; ++step) {
    const int64_t t = r.reverse ? r.time - 1 - step : step;
    const int64_t before = r.reverse ? t + 1 : t, after = r.reverse ? t : t + 1;
    const T *previous = states + (before * r.batch + begin) * h;
    Multiply(rows, h, width, previous, h, packed, fromHidden);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t place = t * r.batch + begin + row;
      const T *x = fromInput + place * width, *u = fromHidden + row * width;
      const T *old = previous + row * h;
      T *next = states + (after * r.batch + begin + row) * h;
      if (r.mode == FB_LSTM) {
        const T *oldCell = cells + (before * r.batch + begin + row) * h;
        T *cell = cells + (after * r.batch + begin + row) * h;
        T *kept = reserve ? reserve + place * width : nullptr;
        ForLanes<T>(h, [&](int64_t i, auto load, auto store) HWY_ATTR {
          auto gate = [&](int64_t k) HWY_ATTR {
            return hn::Add(load(x + k * h + i), hn::Add(load(u + k * h + i), load(bias + k * h + i)));
          };
          const V in = Sigmoid(d, gate(0)), forget = Sigmoid(d, gate(1)), fresh = Tanh()(d, gate(2)),
                  out = Sigmoid(d, gate(3));
          const V c = hn::MulAdd(forget, load(oldCell + i), hn::Mul(in, fresh));
          store(c, cell + i);
          store(hn::Mul(out, Tanh()(d, c)), next + i);
          if (kept) {
            store(in, kept + i);
            store(forget, kept + h + i);
            store(fresh, kept + 2 * h + i);
            store(out, kept + 3 * h + i);
          }
        });
      } else if (r.mode == FB_GRU) {
        T *kept = reserve ? reserve + place * 4 * h : nullptr;
        ForLanes<T>(h, [&](int64_t i, auto load, auto store) HWY_ATTR {
          auto hidden = [&](int64_t k) HWY_ATTR { return hn::Add(load(u + k * h + i), load(bias + k * h + i)); };
          const V reset = Sigmoid(d, hn::Add(load(x + i), hidden(0)));
          const V update = Sigmoid(d, hn::Add(load(x + h + i), hidden(1)));
          const V share = hidden(2);
          const V fresh = Tanh()(d, hn::MulAdd(reset, share, load(x + 2 * h + i)));
          store(hn::MulAdd(update, hn::Sub(load(old + i), fresh), fresh), next + i);
          if (kept) {
            store(reset, kept + i);
            store(update, kept + h + i);
            store(fresh, kept + 2 * h + i);
            store(share, kept + 3 * h + i);
          }
        });
      } else {
        ForLanes<T>(h, [&](int64_t i, auto load, auto store) HWY_ATTR {
          const V sum = hn::Add(load(x + i), hn::Add(load(u + i), load(bias + i)));
          // max(NaN, 0) must be NaN.
          store(r.mode == FB_RNN_TANH ? Tanh()(d, sum) : hn::IfThenZeroElse(hn::Lt(sum, hn::Zero(d)), sum), next + i);
        });
      }
    }
  }
}

// The chain rule of the formulas above; dh and dc run from the last step to the first.
template <class T>
void Backward(const fb_recurrence &r, const T *dStates, const T *dCells, const T *packed, const T *states,
              const T *cells, const T *reserve, T *dInput, T *dHidden, T *dh0, T *dc0, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const V one = hn::Set(d, T(1));
  const int64_t h = r.hidden, gates = Gates(r), width = gates * h, rows = end - begin;
  fbd::Scratch scratch(size_t(2 * rows * h) * sizeof(T));
  T *product = scratch.as<T>(), *direct = product + rows * h;  // dh through the weight, and past it (GRU)
  T *dh = dh0 + begin * h, *dc = r.mode == FB_LSTM ? dc0 + begin * h : nullptr;
  const int64_t last = r.reverse ? 0 : r.time;
  for (int64_t i = 0; i < rows * h; ++i) {
    dh[i] = dStates ? dStates[(last * r.batch + begin) * h + i] : T(0);
    if (dc) dc[i] = dCells ? dCells[(last * r.batch + begin) * h + i] : T(0);
  }
  for (int64_t step = r.time - 1; step >= 0; --step) {
    const int64_t t = r.reverse ? r.time - 1 - step : step;
    const int64_t before = r.reverse ? t + 1 : t, after = r.reverse ? t : t + 1;
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t place = t * r.batch + begin + row, slot = (before * r.batch + begin + row) * h,
                    nextSlot = (after * r.batch + begin + row) * h;
      T *dx = dInput + place * width;
      const T *g = dh + row * h;
      if (r.mode == FB_LSTM) {
        const T *kept = reserve + place * width, *c = cells + nextSlot, *oldCell = cells + slot;
        T *gc = dc + row * h;
        ForLanes<T>(h, [&](int64_t i, auto load, auto store) HWY_ATTR {
          const V in = load(kept + i), forget = load(kept + h + i), fresh = load(kept + 2 * h + i),
                  out = load(kept + 3 * h + i), flow = load(g + i), tanhC = Tanh()(d, load(c + i));
          const V dCell =
              hn::MulAdd(hn::Mul(flow, out), hn::NegMulAdd(tanhC, tanhC, one), load(gc + i));
          auto slope = [&](V s) HWY_ATTR { return hn::NegMulAdd(s, s, s); };  // of the sigmoid
          store(hn::Mul(hn::Mul(dCell, fresh), slope(in)), dx + i);
          store(hn::Mul(hn::Mul(dCell, load(oldCell + i)), slope(forget)), dx + h + i);
          store(hn::Mul(hn::Mul(dCell, in), hn::NegMulAdd(fresh, fresh, one)), dx + 2 * h + i);
          store(hn::Mul(hn::Mul(flow, tanhC), slope(out)), dx + 3 * h + i);
          V onward = hn::Mul(dCell, forget);
          if (dCells) onward = hn::Add(onward, load(dCells + slot + i));
          store(onward, gc + i);
        });
      } else if (r.mode == FB_GRU) {
        const T *kept = reserve + place * 4 * h, *old = states + slot;
        T *du = dHidden + place * width, *past = direct + row * h;
        ForLanes<T>(h, [&](int64_t i, auto load, auto store) HWY_ATTR {
          const V reset = load(kept + i), update = load(kept + h + i), fresh = load(kept + 2 * h + i),
                  share = load(kept + 3 * h + i), flow = load(g + i);
          const V dFresh = hn::Mul(hn::NegMulAdd(flow, update, flow), hn::NegMulAdd(fresh, fresh, one));
          const V dUpdate =
              hn::Mul(hn::Mul(flow, hn::Sub(load(old + i), fresh)), hn::NegMulAdd(update, update, update));
          const V dReset = hn::Mul(hn::Mul(dFresh, share), hn::NegMulAdd(reset, reset, reset));
          store(dReset, dx + i);
          store(dUpdate, dx + h + i);
          store(dFresh, dx + 2 * h + i);
          store(dReset, du + i);
          store(dUpdate, du + h + i);
          store(hn::Mul(dFresh, reset), du + 2 * h + i);
          store(hn::Mul(flow, update), past + i);
        });
      } else {
        const T *y = states + nextSlot;
        ForLanes<T>(h, [&](int64_t i, auto load, auto store) HWY_ATTR {
          const V out = load(y + i), flow = load(g + i);
          store(r.mode == FB_RNN_TANH ? hn::Mul(flow, hn::NegMulAdd(out, out, one))
                                      : hn::IfThenElseZero(hn::Gt(out, hn::Zero(d)), flow),
                dx + i);
        });
      }
    }
    const T *back = (r.mode == FB_GRU ? dHidden : dInput) + (t * r.batch + begin) * width;
    Multiply(rows, width, h, back, width, packed, product);
    const T *given = dStates ? dStates + (before * r.batch + begin) * h : nullptr;
    for (int64_t i = 0; i < rows * h; ++i) {
      T sum = product[i];
      if (r.mode == FB_GRU) sum += direct[i];
      if (given) sum += given[i];
      dh[i] = sum;
    }
  }
}

int64_t CountFloat(int64_t depth, int64_t columns) { return PackedCount<float>(depth, columns); }
int64_t CountDouble(int64_t depth, int64_t columns) { return PackedCount<double>(depth, columns); }
void PackFloat(const float *b, int64_t depth, int64_t columns, int64_t rowStride, int64_t step, float *packed) {
  Pack(b, depth, columns, rowStride, step, packed);
}
void PackDouble(const double *b, int64_t depth, int64_t columns, int64_t rowStride, int64_t step, double *packed) {
  Pack(b, depth, columns, rowStride, step, packed);
}
void ForwardFloat(const fb_recurrence &r, const float *x, const float *packed, const float *bias, float *states,
                  float *cells, float *reserve, int64_t begin, int64_t end) {
  Forward(r, x, packed, bias, states, cells, reserve, begin, end);
}
void ForwardDouble(const fb_recurrence &r, const double *x, const double *packed, const double *bias, double *states,
                   double *cells, double *reserve, int64_t begin, int64_t end) {
  Forward(r, x, packed, bias, states, cells, reserve, begin, end);
}
void BackwardFloat(const fb_recurrence &r, const float *ds, const float *dc, const float *packed, const float *states,
                   const float *cells, const float *reserve, float *dx, float *du, float *dh0, float *dc0,
                   int64_t begin, int64_t end) {
  Backward(r, ds, dc, packed, states, cells, reserve, dx, du, dh0, dc0, begin, end);
}
void BackwardDouble(const fb_recurrence &r, const double *ds, const double *dc, const double *packed,
                    const double *states, const double *cells, const double *reserve, double *dx, double *du,
                    double *dh0, double *dc0, int64_t begin, int64_t end) {
  Backward(r, ds, dc, packed, states, cells, reserve, dx, du, dh0, dc0, begin, end);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(CountFloat);
HWY_EXPORT(CountDouble);
HWY_EXPORT(PackFloat);
HWY_EXPORT(PackDouble);
HWY_EXPORT(ForwardFloat);
HWY_EXPORT(ForwardDouble);
HWY_EXPORT(BackwardFloat);
HWY_EXPORT(BackwardDouble);

// Forward multiplies by the weight transposed [hidden, gates * hidden], backward by the weight itself.
struct Matrix {
  int64_t depth, columns, rowStride, step;
  Matrix(const fb_recurrence &r, bool backward) {
    const int64_t gates = r.mode == FB_LSTM ? 4 : r.mode == FB_GRU ? 3 : 1;
    depth = backward ? gates * r.hidden : r.hidden;
    columns = backward ? r.hidden : gates * r.hidden;
    rowStride = backward ? r.hidden : 1;
    step = backward ? 1 : r.hidden;
  }
};
}  // namespace fb

using namespace fb;

extern "C" int64_t fb_recurrence_packed_count(const fb_recurrence *r, bool backward) {
  const Matrix m(*r, backward);
  return r->dtype == FB_F32 ? HWY_DYNAMIC_DISPATCH(CountFloat)(m.depth, m.columns)
                            : HWY_DYNAMIC_DISPATCH(CountDouble)(m.depth, m.columns);
}

extern "C" void fb_recurrence_pack(const fb_recurrence *r, const void *weight, bool backward, void *packed) {
  const Matrix m(*r, backward);
  if (r->dtype == FB_F32)
    HWY_DYNAMIC_DISPATCH(PackFloat)
    (static_cast<const float *>(weight), m.depth, m.columns, m.rowStride, m.step, static_cast<float *>(packed));
  else
    HWY_DYNAMIC_DISPATCH(PackDouble)
    (static_cast<const double *>(weight), m.depth, m.columns, m.rowStride, m.step, static_cast<double *>(packed));
}

extern "C" void fb_recurrence_forward(const fb_recurrence *r, const void *from_input, const void *packed,
                                      const void *bias, void *states, void *cells, void *reserve, int64_t begin,
                                      int64_t end) {
  auto run = [&](auto kernel, auto zero) {
    using T = decltype(zero);
    kernel(*r, static_cast<const T *>(from_input), static_cast<const T *>(packed), static_cast<const T *>(bias),
           static_cast<T *>(states), static_cast<T *>(cells), static_cast<T *>(reserve), begin, end);
  };
  if (r->dtype == FB_F32) run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(ForwardFloat)(args...); }, 0.f);
  else run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(ForwardDouble)(args...); }, 0.0);
}

extern "C" void fb_recurrence_backward(const fb_recurrence *r, const void *d_states, const void *d_cells,
                                       const void *packed, const void *states, const void *cells, const void *reserve,
                                       void *d_input, void *d_hidden, void *d_h0, void *d_c0, int64_t begin,
                                       int64_t end) {
  auto run = [&](auto kernel, auto zero) {
    using T = decltype(zero);
    kernel(*r, static_cast<const T *>(d_states), static_cast<const T *>(d_cells), static_cast<const T *>(packed),
           static_cast<const T *>(states), static_cast<const T *>(cells), static_cast<const T *>(reserve),
           static_cast<T *>(d_input), static_cast<T *>(d_hidden), static_cast<T *>(d_h0), static_cast<T *>(d_c0), begin,
           end);
  };
  if (r->dtype == FB_F32) run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(BackwardFloat)(args...); }, 0.f);
  else run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(BackwardDouble)(args...); }, 0.0);
}
#endif
