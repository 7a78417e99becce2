// Recurrent networks: for each step a product with the packed weight, then the gates in vectors.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "recurrent.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "failure.hpp"
#include "float_math-inl.h"
#include "include/fb_recurrent.h"
#include "scratch.hpp"
#include "strips-inl.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T> int64_t PanelWidth() { return 2 * int64_t(hn::Lanes(hn::ScalableTag<T>())); }

template <class T> int64_t PackedCount(int64_t depth, int64_t columns) {
  const int64_t width = PanelWidth<T>();
  return (columns + width - 1) / width * width * depth;
}

// The weight [rows, columns], or its transpose, in panels.
template <class T> void Pack(const T *weight, int64_t rows, int64_t columns, bool transposes, T *packed) {
  const hn::ScalableTag<T> d;
  if (transposes) packTransposed(d, weight, columns, rows, columns, packed);
  else packPanels(d, weight, columns, rows, columns, packed);
}

// out [rows, columns] = a [rows, depth] B + start, which may be null.
template <class T>
void Multiply(int64_t rows, int64_t depth, int64_t columns, const T *a, const T *packed, const T *start, T *out) {
  const hn::ScalableTag<T> d;
  multiplyPanels(d, rows, depth, Left<T, false>{a, depth}, packed, depth * PanelWidth<T>(), T(1), start, columns, out,
                 columns, columns);
}

// Beyond 87, where e^x is no normal float, a sigmoid is as good as 0 or 1; NaN stays.
template <class D, class V = hn::Vec<D>> HWY_INLINE V Sigmoid(D d, V x) {
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const V clamped = hn::Max(hn::Set(d, -87.f), hn::Min(hn::Set(d, 87.f), hn::Neg(x)));
    return hn::Div(one, hn::Add(one, NormalExpOfFloat(d, clamped)));
  } else {
    return hn::Div(one, hn::Add(one, Exp()(d, hn::Neg(x))));
  }
}

template <class T>
void Forward(const fb_recurrence &r, const T *fromInput, const T *packed, const T *bias, T *states, T *cells,
             T *reserve, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t h = r.hidden, gates = fb_gate_count(&r), width = gates * h, rows = end - begin;
  fbd::Scratch scratch(size_t(rows * width) * sizeof(T) + size_t(width) * sizeof(T));
  T *zeros = scratch.as<T>() + rows * width;
  if (!bias) {
    std::fill(zeros, zeros + width, T(0));
    bias = zeros;
  }
  for (int64_t step = 0; step < r.time; ++step) {
    const int64_t t = r.reverse ? r.time - 1 - step : step;
    const int64_t before = r.reverse ? t + 1 : t, after = r.reverse ? t : t + 1;
    const T *previous = states + (before * r.batch + begin) * h;
    const T *inputs = fromInput + (t * r.batch + begin) * width;
    // Of a GRU the hidden state's share is needed alone; an LSTM's sums turn into the gates that are kept.
    T *sums = r.mode == FB_LSTM && reserve ? reserve + (t * r.batch + begin) * width : scratch.as<T>();
    Multiply(rows, h, width, previous, packed, r.mode == FB_GRU ? nullptr : inputs, sums);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t place = t * r.batch + begin + row;
      const T *x = inputs + row * width, *u = sums + row * width;
      const T *old = previous + row * h;
      T *next = states + (after * r.batch + begin + row) * h;
      if (r.mode == FB_LSTM) {
        const T *oldCell = cells + (before * r.batch + begin + row) * h;
        T *cell = cells + (after * r.batch + begin + row) * h;
        T *kept = reserve ? reserve + place * width : nullptr;
        ForLanes<T>(h, [&](int64_t i, auto load, auto store) HWY_ATTR {
          auto gate = [&](int64_t k) HWY_ATTR {
            return hn::Add(load(u + k * h + i), load(bias + k * h + i));
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
          const V sum = hn::Add(load(u + i), load(bias + i));
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
  const int64_t h = r.hidden, gates = fb_gate_count(&r), width = gates * h, rows = end - begin;
  fbd::Scratch scratch(r.mode == FB_GRU ? size_t(rows * h) * sizeof(T) : 0);
  T *past = scratch.as<T>();  // of dh, what does not go through the weight
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
        T *du = dHidden + place * width;
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
          store(hn::Mul(flow, update), past + row * h + i);
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
    Multiply(rows, width, h, back, packed, dStates ? dStates + (before * r.batch + begin) * h : nullptr, dh);
    if (r.mode == FB_GRU)
      for (int64_t i = 0; i < rows * h; ++i) dh[i] += past[i];
  }
}

int64_t CountFloat(int64_t depth, int64_t columns) { return PackedCount<float>(depth, columns); }
int64_t CountDouble(int64_t depth, int64_t columns) { return PackedCount<double>(depth, columns); }
void PackFloat(const float *weight, int64_t rows, int64_t columns, bool transposes, float *packed) {
  Pack(weight, rows, columns, transposes, packed);
}
void PackDouble(const double *weight, int64_t rows, int64_t columns, bool transposes, double *packed) {
  Pack(weight, rows, columns, transposes, packed);
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

}  // namespace fb

using namespace fb;

// Forward multiplies by the weight transposed [hidden, gates * hidden], backward by the weight itself.
extern "C" int64_t fb_recurrence_packed_count(const fb_recurrence *r, bool backward) {
  const int64_t width = fb_gate_count(r) * r->hidden;
  const int64_t depth = backward ? width : r->hidden, columns = backward ? r->hidden : width;
  return r->dtype == FB_F32 ? HWY_DYNAMIC_DISPATCH(CountFloat)(depth, columns)
                            : HWY_DYNAMIC_DISPATCH(CountDouble)(depth, columns);
}

extern "C" void fb_recurrence_pack(const fb_recurrence *r, const void *weight, bool backward, void *packed) try {
  const int64_t width = fb_gate_count(r) * r->hidden;
  if (r->dtype == FB_F32)
    HWY_DYNAMIC_DISPATCH(PackFloat)
    (static_cast<const float *>(weight), width, r->hidden, !backward, static_cast<float *>(packed));
  else
    HWY_DYNAMIC_DISPATCH(PackDouble)
    (static_cast<const double *>(weight), width, r->hidden, !backward, static_cast<double *>(packed));
} FBD_NOTES_FAILURE()

extern "C" void fb_recurrence_forward(const fb_recurrence *r, const void *from_input, const void *packed,
                                      const void *bias, void *states, void *cells, void *reserve, int64_t begin,
                                      int64_t end) try {
  auto run = [&](auto kernel, auto zero) {
    using T = decltype(zero);
    kernel(*r, static_cast<const T *>(from_input), static_cast<const T *>(packed), static_cast<const T *>(bias),
           static_cast<T *>(states), static_cast<T *>(cells), static_cast<T *>(reserve), begin, end);
  };
  if (r->dtype == FB_F32) run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(ForwardFloat)(args...); }, 0.f);
  else run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(ForwardDouble)(args...); }, 0.0);
} FBD_NOTES_FAILURE()

extern "C" void fb_recurrence_backward(const fb_recurrence *r, const void *d_states, const void *d_cells,
                                       const void *packed, const void *states, const void *cells, const void *reserve,
                                       void *d_input, void *d_hidden, void *d_h0, void *d_c0, int64_t begin,
                                       int64_t end) try {
  auto run = [&](auto kernel, auto zero) {
    using T = decltype(zero);
    kernel(*r, static_cast<const T *>(d_states), static_cast<const T *>(d_cells), static_cast<const T *>(packed),
           static_cast<const T *>(states), static_cast<const T *>(cells), static_cast<const T *>(reserve),
           static_cast<T *>(d_input), static_cast<T *>(d_hidden), static_cast<T *>(d_h0), static_cast<T *>(d_c0), begin,
           end);
  };
  if (r->dtype == FB_F32) run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(BackwardFloat)(args...); }, 0.f);
  else run([](auto &&...args) { HWY_DYNAMIC_DISPATCH(BackwardDouble)(args...); }, 0.0);
} FBD_NOTES_FAILURE()
#endif
