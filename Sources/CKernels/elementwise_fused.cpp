// Whole functions and gradients that expressions also say, for speed: one pass, all of it in registers.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise_fused.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "elementwise_table.h"
#include "float_math-inl.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// Limits beyond which the tails of the normal distribution are nothing; NaN stays.
template <class D, class V = hn::Vec<D>> HWY_INLINE V Clamped(D d, V x) {
  return hn::Max(hn::Set(d, -13.f), hn::Min(hn::Set(d, 13.f), x));
}

// 1/2 + x P(x^2) / Q(x^2): 0.21 ulp of the odd part up to |x| = 5.4, where that is 1/2 in float; it grows further out.
template <class D, class V = hn::Vec<D>> HWY_INLINE V NormalCDFOfFloat(D d, V clamped) {
  constexpr float p[] = {2.35912368e-8f, 6.32368428e-6f, 1.60691211e-4f,
                         4.62894035e-3f, 3.30290092e-2f, 3.98942275e-1f};
  constexpr float q[] = {1.21982831e-6f, 7.11716457e-5f, 1.83863315e-3f, 2.81798864e-2f, 2.49457912e-1f, 1};
  const V half = hn::Set(d, 0.5f), square = hn::Mul(clamped, clamped);
  const V odd = hn::Mul(clamped, hn::Div(Polynomial(d, square, p), Polynomial(d, square, q)));
  return hn::Add(half, hn::Max(hn::Neg(half), hn::Min(half, odd)));
}

template <class D, class V = hn::Vec<D>> HWY_INLINE V Constant(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}
template <class D> HWY_INLINE hn::Vec<D> One(D d) { return Constant(d, 1); }

struct Gelu {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V x) const {
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      return hn::Mul(x, NormalCDFOfFloat(d, Clamped(d, x)));
    } else {
      const V erf = Erf()(d, hn::Mul(x, Constant(d, 0.7071067811865476)));
      return hn::Mul(hn::Mul(Constant(d, 0.5), x), hn::Add(One(d), erf));
    }
  }
};

// Phi(x) + x phi(x)
struct GeluGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V x) const {
    const V scale = Constant(d, 0.3989422804014327);
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      const V c = Clamped(d, x), power = hn::Mul(c, hn::Mul(c, Constant(d, -0.5)));
      const V density = hn::Mul(NormalExpOfFloat(d, power), scale);
      return hn::Mul(g, hn::MulAdd(c, density, NormalCDFOfFloat(d, c)));
    } else {
      const V density = hn::Mul(Exp()(d, hn::Mul(x, hn::Mul(x, Constant(d, -0.5)))), scale);
      const V cdf = hn::Mul(Constant(d, 0.5), hn::Add(One(d), Erf()(d, hn::Mul(x, Constant(d, 0.7071067811865476)))));
      return hn::Mul(g, hn::MulAdd(x, density, cdf));
    }
  }
};

// With u = sqrt(2 / pi) (x + 0.044715 x^3): (1 + tanh u) / 2 = 1 / (1 + e^-2u); this is -2u.
template <class D, class V = hn::Vec<D>> HWY_INLINE V TanhArgument(D d, V x) {
  return hn::Mul(x, hn::MulAdd(hn::Mul(x, x), Constant(d, -0.07135481627260025), Constant(d, -1.5957691216057308)));
}

struct GeluTanh {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V x) const {
    return hn::Div(x, hn::Add(One(d), Exp()(d, TanhArgument(d, x))));
  }
};

// With s = 1 / (1 + e^-2u): s + x s (1 - s) 2u'.
struct GeluTanhGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V x) const {
    const V s = hn::Div(One(d), hn::Add(One(d), Exp()(d, TanhArgument(d, x))));
    const V slope = hn::MulAdd(hn::Mul(x, x), Constant(d, 0.21406444881780076), Constant(d, 1.5957691216057308));
    return hn::Mul(g, hn::MulAdd(hn::Mul(hn::Mul(x, slope), hn::Sub(One(d), s)), s, s));
  }
};

struct Silu {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V x) const {
    return hn::Div(x, hn::Add(One(d), Exp()(d, hn::Neg(x))));
  }
};

// With s = sigmoid(x): s (1 + x (1 - s)).
struct SiluGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V x) const {
    const V one = One(d), s = hn::Div(one, hn::Add(one, Exp()(d, hn::Neg(x))));
    return hn::Mul(g, hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one)));
  }
};

struct TanhGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V y) const {
    return hn::Mul(g, hn::NegMulAdd(y, y, One(d)));
  }
};
struct SigmoidGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V y) const {
    return hn::Mul(g, hn::Mul(hn::Sub(One(d), y), y));
  }
};

// NaN passes.
struct Relu {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V x) const {
    return hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x);
  }
};
struct ReluGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V y) const {
    return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), g);
  }
};

struct LeakyRelu {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V x, V slope) const {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(x, slope));
  }
};
struct LeakyReluGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V x, V slope) const {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), g, hn::Mul(g, slope));
  }
};

struct AbsGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V x) const {
    const V zero = hn::Zero(d), one = One(d);
    return hn::Mul(g, hn::Sub(hn::IfThenElseZero(hn::Gt(x, zero), one), hn::IfThenElseZero(hn::Lt(x, zero), one)));
  }
};
struct SqrtGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D, V g, V y) const {
    return hn::Div(g, hn::Add(y, y));
  }
};
struct ErfGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V x) const {
    return hn::Mul(g, hn::Mul(Constant(d, 1.128379167095512574), Exp()(d, hn::Neg(hn::Mul(x, x)))));
  }
};
// Of the divisor b, with y = a / b.
struct DivisorGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D, V g, V b, V y) const {
    return hn::Neg(hn::Mul(g, hn::Div(y, b)));
  }
};
// Of a in max(a, b); of b with the arguments exchanged. Equal ones share.
struct MaximumGradient {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V a, V b) const {
    const V loser = hn::IfThenZeroElse(hn::Lt(a, b), g);
    return hn::IfThenElse(hn::Eq(a, b), hn::Mul(g, Constant(d, 0.5)), loser);
  }
};
struct MaximumGradientOfSecond {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V g, V a, V b) const {
    return MaximumGradient()(d, g, b, a);
  }
};

struct ScaleShift {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D, V x, V scale, V shift) const {
    return hn::MulAdd(x, scale, shift);
  }
};

template <class T> void Fill(Kernel *k) {
  k[FB_OP_GELU] = Map1<T, Gelu>;
  k[FB_OP_GELU_GRAD] = Map2<T, GeluGradient>;
  k[FB_OP_GELU_TANH] = Map1<T, GeluTanh>;
  k[FB_OP_GELU_TANH_GRAD] = Map2<T, GeluTanhGradient>;
  k[FB_OP_SILU] = Map1<T, Silu>;
  k[FB_OP_SILU_GRAD] = Map2<T, SiluGradient>;
  k[FB_OP_TANH_GRAD] = Map2<T, TanhGradient>;
  k[FB_OP_SIGMOID_GRAD] = Map2<T, SigmoidGradient>;
  k[FB_OP_RELU] = Map1<T, Relu>;
  k[FB_OP_RELU_GRAD] = Map2<T, ReluGradient>;
  k[FB_OP_LEAKY_RELU] = Map2<T, LeakyRelu>;
  k[FB_OP_LEAKY_RELU_GRAD] = Map3<T, LeakyReluGradient>;
  k[FB_OP_ABS_GRAD] = Map2<T, AbsGradient>;
  k[FB_OP_SQRT_GRAD] = Map2<T, SqrtGradient>;
  k[FB_OP_ERF_GRAD] = Map2<T, ErfGradient>;
  k[FB_OP_DIVISOR_GRAD] = Map3<T, DivisorGradient>;
  k[FB_OP_MAXIMUM_GRAD] = Map3<T, MaximumGradient>;
  k[FB_OP_SCALE_SHIFT] = Map3<T, ScaleShift>;
  k[FB_OP_MAXIMUM_GRAD_OF_SECOND] = Map3<T, MaximumGradientOfSecond>;
}

struct Add { template <class D, class V> HWY_INLINE V operator()(D, V a, V b) const { return hn::Add(a, b); } };
struct Sub { template <class D, class V> HWY_INLINE V operator()(D, V a, V b) const { return hn::Sub(a, b); } };
struct Mul { template <class D, class V> HWY_INLINE V operator()(D, V a, V b) const { return hn::Mul(a, b); } };
struct Div { template <class D, class V> HWY_INLINE V operator()(D, V a, V b) const { return hn::Div(a, b); } };

template <class T, class F>
void ByNumber(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const T *a = static_cast<const T *>(pa);
  T *out = static_cast<T *>(pout);
  const auto b = hn::Set(d, *static_cast<const T *>(pb));
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(F()(d, hn::LoadU(d, a + i), b), d, out + i);
  if (i < n) StorePart(F()(d, LoadPart(d, a + i, n - i), b), d, out + i, n - i);
}

template <class T, class F>
void ByNumbers(const void *pa, const void *pb, int64_t step, void *pout, int64_t rows, size_t n) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const T *a = static_cast<const T *>(pa), *b = static_cast<const T *>(pb);
  T *out = static_cast<T *>(pout);
  for (int64_t r = 0; r < rows; ++r, a += n, out += n) {
    const auto number = hn::Set(d, b[r * step]);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(F()(d, hn::LoadU(d, a + i), number), d, out + i);
    if (i < n) StorePart(F()(d, LoadPart(d, a + i, n - i), number), d, out + i, n - i);
  }
}

template <class T>
void ScaleShiftByNumbers(const void *pa, const void *pb, const void *pc, void *out, size_t n, int32_t *) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const T *a = static_cast<const T *>(pa);
  T *to = static_cast<T *>(out);
  const auto b = hn::Set(d, *static_cast<const T *>(pb)), c = hn::Set(d, *static_cast<const T *>(pc));
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::MulAdd(hn::LoadU(d, a + i), b, c), d, to + i);
  if (i < n) StorePart(hn::MulAdd(LoadPart(d, a + i, n - i), b, c), d, to + i, n - i);
}

template <class T> void FillByNumber(Kernel *k, RowsKernel *rows) {
  rows[FB_OP_ADD] = ByNumbers<T, Add>;
  rows[FB_OP_SUB] = ByNumbers<T, Sub>;
  rows[FB_OP_MUL] = ByNumbers<T, Mul>;
  rows[FB_OP_DIV] = ByNumbers<T, Div>;
  k[FB_OP_ADD] = ByNumber<T, Add>;
  k[FB_OP_SUB] = ByNumber<T, Sub>;
  k[FB_OP_MUL] = ByNumber<T, Mul>;
  k[FB_OP_DIV] = ByNumber<T, Div>;
  k[FB_OP_SCALE_SHIFT] = ScaleShiftByNumbers<T>;
}

void FillFused(KernelTable &t) {
  FillByNumber<float>(t.byNumber[FB_COMPUTE_F32], t.byNumbers[FB_COMPUTE_F32]);
  FillByNumber<double>(t.byNumber[FB_COMPUTE_F64], t.byNumbers[FB_COMPUTE_F64]);
  Fill<float>(t.at[FB_COMPUTE_F32]);
  Fill<double>(t.at[FB_COMPUTE_F64]);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillFused);
void fillFused(KernelTable &table) { HWY_DYNAMIC_DISPATCH(FillFused)(table); }
}  // namespace fb
#endif
