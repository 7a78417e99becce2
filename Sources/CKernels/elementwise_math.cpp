// Transcendental functions of float and double.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise_math.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "elementwise_table.h"
#include "float_math-inl.h"
#include "sleef-inl.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

FB_SLEEF1(Exp2, exp2, u10)
FB_SLEEF1(Expm1, expm1, u10)
FB_SLEEF1(LogBySleef, log, u10)
FB_SLEEF1(Log2, log2, u10)
FB_SLEEF1(Log10, log10, u10)
FB_SLEEF1(Log1pNear, log1p, u10)
FB_SLEEF1(Sin, sin, u10)
FB_SLEEF1(Cos, cos, u10)
FB_SLEEF1(Tan, tan, u10)
FB_SLEEF1(Asin, asin, u10)
FB_SLEEF1(Acos, acos, u10)
FB_SLEEF1(Atan, atan, u10)
FB_SLEEF1(SinhNear, sinh, u10)
FB_SLEEF1(CoshNear, cosh, u10)
FB_SLEEF1(AsinhNear, asinh, u10)
FB_SLEEF1(AcoshNear, acosh, u10)
FB_SLEEF1(Atanh, atanh, u10)
FB_SLEEF1(Erfc, erfc, u15)
FB_SLEEF1(LGamma, lgamma, u10)
FB_SLEEF2(Pow, pow, u10)
FB_SLEEF2(Atan2, atan2, u10)
FB_SLEEF2(Hypot, hypot, u05)
FB_SLEEF2(FModNear, fmod, )

// With x = 2^n (1 + f), |f| <= 1/3: n ln 2 + (f - f^2 / 2 + f^3 p(f)); p is a minimax fit. 0.9 ulp.
template <class D, class V = hn::Vec<D>> HWY_INLINE V LogOfNormalFloat(D d, V x) {
  constexpr float c[] = {-0.129122347f, 0.14004612f,   -0.121800043f, 0.140021279f,
                         -0.166807592f, 0.200106099f, -0.249997929f, 0.333332121f};
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(di, x);
  const auto n = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f2aaaab)));  // 2/3 is the least 1 + f
  const V f = hn::Sub(hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(n))), hn::Set(d, 1.f)), square = hn::Mul(f, f);
  const V rest = hn::MulAdd(Polynomial(d, f, c), f, hn::Set(d, -0.5f));
  return hn::MulAdd(hn::ConvertTo(d, n), hn::Set(d, 0.693147182f), hn::MulAdd(rest, square, f));
}

struct Log {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V x) const {
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      using Limits = std::numeric_limits<float>;
      const auto isNormal =
          hn::And(hn::Ge(x, hn::Set(d, Limits::min())), hn::Lt(x, hn::Set(d, Limits::infinity())));
      if (HWY_LIKELY(hn::AllTrue(d, isNormal))) return LogOfNormalFloat(d, x);
    }
    return LogBySleef()(d, x);
  }
};

// 1 / (1 + e^-x), from e^-|x| so that neither tail overflows.
struct Sigmoid {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const {
    const V one = hn::Set(d, hn::TFromD<D>(1));
    const V e = Exp()(d, hn::Neg(hn::Abs(a)));
    return hn::Div(hn::IfThenElse(hn::Lt(a, hn::Zero(d)), e, one), hn::Add(one, e));
  }
};

// Where SLEEF (3.5) gives up at large arguments, these go on.
template <class T> constexpr T large = sizeof(T) == 4 ? T(1e9) : T(1e100);
template <class T> constexpr T expLimit = sizeof(T) == 4 ? T(88) : T(709);

struct Log1p {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const {
    const auto far = hn::Gt(a, hn::Set(d, large<hn::TFromD<D>>));
    const V near = Log1pNear()(d, a);
    return HWY_LIKELY(hn::AllFalse(d, far)) ? near : hn::IfThenElse(far, Log()(d, a), near);
  }
};

// asinh(x) = log(2 x) there, acosh too.
template <class Near> struct AreaHyperbolic {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const {
    using T = hn::TFromD<D>;
    const auto far = hn::Gt(hn::Abs(a), hn::Set(d, large<T>));
    const V near = Near()(d, a);
    if (HWY_LIKELY(hn::AllFalse(d, far))) return near;
    const V result = hn::Add(Log()(d, hn::Abs(a)), hn::Set(d, T(0.693147180559945309417)));
    // acosh of a negative number stays NaN
    const auto positive = hn::And(far, hn::Gt(a, hn::Zero(d)));
    if constexpr (std::is_same_v<Near, AcoshNear>) return hn::IfThenElse(positive, result, near);
    else return hn::IfThenElse(far, hn::CopySign(result, a), near);
  }
};

// sinh(x) = cosh(x) = e^x / 2 there, with e^x in two halves that do not overflow.
template <class Near> struct Hyperbolic {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const {
    using T = hn::TFromD<D>;
    const auto far = hn::Gt(hn::Abs(a), hn::Set(d, expLimit<T>));
    const V near = Near()(d, a);
    if (HWY_LIKELY(hn::AllFalse(d, far))) return near;
    const V half = hn::Set(d, T(0.5)), root = Exp()(d, hn::Mul(half, hn::Abs(a)));
    const V result = hn::Mul(hn::Mul(half, root), root);
    if constexpr (std::is_same_v<Near, CoshNear>) return hn::IfThenElse(far, result, near);
    else return hn::IfThenElse(far, hn::CopySign(result, a), near);
  }
};

// SLEEF gives NaN where the quotient is out of range.
struct FMod {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a, V b) const {
    using T = hn::TFromD<D>;
    const V near = FModNear()(d, a, b), top = hn::Set(d, std::numeric_limits<T>::max());
    const auto valid = hn::And(hn::Le(hn::Abs(a), top), hn::Gt(hn::Abs(b), hn::Zero(d)));
    if (HWY_LIKELY(hn::AllFalse(d, hn::And(hn::IsNaN(near), valid)))) return near;
    HWY_ALIGN T x[hn::MaxLanes(D())];
    HWY_ALIGN T y[hn::MaxLanes(D())];
    hn::Store(a, d, x);
    hn::Store(b, d, y);
    for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = std::fmod(x[i], y[i]);
    return hn::Load(d, x);
  }
};

// Python's modulo: the sign of the divisor.
struct Remainder {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a, V b) const {
    const V mod = FMod()(d, a, b), zero = hn::Zero(d);
    const auto fix = hn::And(hn::Ne(mod, zero), hn::Xor(hn::Lt(b, zero), hn::Lt(mod, zero)));
    return hn::IfThenElse(fix, hn::Add(mod, b), mod);
  }
};

// floor(a / b) by way of fmod, as Python's floats and c10::div_floor_floating have it.
struct FloorDiv {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a, V b) const {
    using T = hn::TFromD<D>;
    const V zero = hn::Zero(d), one = hn::Set(d, T(1)), quotient = hn::Div(a, b);
    const V mod = FMod()(d, a, b);
    V div = hn::Div(hn::Sub(a, mod), b);
    const auto fix = hn::And(hn::Ne(mod, zero), hn::Xor(hn::Lt(b, zero), hn::Lt(mod, zero)));
    div = hn::IfThenElse(fix, hn::Sub(div, one), div);
    const V down = hn::Floor(div);
    const V near = hn::IfThenElse(hn::Gt(hn::Sub(div, down), hn::Set(d, T(0.5))), hn::Add(down, one), down);
    const V result = hn::IfThenElse(hn::Eq(div, zero), hn::CopySign(zero, quotient), near);
    return hn::IfThenElse(hn::Eq(b, zero), quotient, result);
  }
};

template <class T> void Fill(Kernel *k) {
  k[FB_OP_EXP] = Map1<T, Exp>;
  k[FB_OP_EXP2] = Map1<T, Exp2>;
  k[FB_OP_EXPM1] = Map1<T, Expm1>;
  k[FB_OP_LOG] = Map1<T, Log>;
  k[FB_OP_LOG2] = Map1<T, Log2>;
  k[FB_OP_LOG10] = Map1<T, Log10>;
  k[FB_OP_LOG1P] = Map1<T, Log1p>;
  k[FB_OP_SIN] = Map1<T, Sin>;
  k[FB_OP_COS] = Map1<T, Cos>;
  k[FB_OP_TAN] = Map1<T, Tan>;
  k[FB_OP_ASIN] = Map1<T, Asin>;
  k[FB_OP_ACOS] = Map1<T, Acos>;
  k[FB_OP_ATAN] = Map1<T, Atan>;
  k[FB_OP_SINH] = Map1<T, Hyperbolic<SinhNear>>;
  k[FB_OP_COSH] = Map1<T, Hyperbolic<CoshNear>>;
  k[FB_OP_TANH] = Map1<T, Tanh>;
  k[FB_OP_ASINH] = Map1<T, AreaHyperbolic<AsinhNear>>;
  k[FB_OP_ACOSH] = Map1<T, AreaHyperbolic<AcoshNear>>;
  k[FB_OP_ATANH] = Map1<T, Atanh>;
  k[FB_OP_ERF] = Map1<T, Erf>;
  k[FB_OP_ERFC] = Map1<T, Erfc>;
  k[FB_OP_LGAMMA] = Map1<T, LGamma>;
  k[FB_OP_POW] = Map2<T, Pow>;
  k[FB_OP_ATAN2] = Map2<T, Atan2>;
  k[FB_OP_HYPOT] = Map2<T, Hypot>;
  k[FB_OP_FMOD] = Map2<T, FMod>;
  k[FB_OP_REMAINDER] = Map2<T, Remainder>;
  k[FB_OP_FLOORDIV] = Map2<T, FloorDiv>;
  k[FB_OP_SIGMOID] = Map1<T, Sigmoid>;
}

void FillMath(KernelTable &t) {
  Fill<float>(t.at[FB_COMPUTE_F32]);
  Fill<double>(t.at[FB_COMPUTE_F64]);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillMath);
void fillMath(KernelTable &table) { HWY_DYNAMIC_DISPATCH(FillMath)(table); }
}  // namespace fb
#endif
