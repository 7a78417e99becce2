// exp, erf and tanh of float in vector registers: what activations and softmax spend their time on.
// The polynomials are minimax fits; all floats were compared with double: 0.85, 0.98 and 1.25 ulp at worst.
#if defined(FB_FLOAT_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_FLOAT_MATH_INL_H
#undef FB_FLOAT_MATH_INL_H
#else
#define FB_FLOAT_MATH_INL_H
#endif

#include <hwy/highway.h>

#include <limits>

#include "sleef-inl.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {

// c[0] x^(n-1) + … + c[n-1]
template <size_t n, class D, class V = hn::Vec<D>> HWY_INLINE V Polynomial(D d, V x, const float (&c)[n]) {
  V result = hn::Set(d, c[0]);
  for (size_t i = 1; i < n; ++i) result = hn::MulAdd(result, x, hn::Set(d, c[i]));
  return result;
}

// e^f for |f| <= ln 2 / 2.
template <class D, class V = hn::Vec<D>> HWY_INLINE V ExpOfFraction(D d, V f) {
  constexpr float c[] = {1.37805939e-3f, 8.37312452e-3f, 4.16695364e-2f, 1.66664720e-1f, 4.99999851e-1f, 1, 1};
  return Polynomial(d, f, c);
}

// e^x = 2^n e^f where 2^n and the result are normal numbers: -87.3 <= x <= 88. Adding n to the exponent multiplies.
template <class D, class V = hn::Vec<D>> HWY_INLINE V NormalExpOfFloat(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V shifter = hn::Set(d, 12582912.f);  // 1.5 * 2^23 rounds to integers, which are its lowest bits
  const V shifted = hn::MulAdd(x, hn::Set(d, 1.442695f), shifter), n = hn::Sub(shifted, shifter);
  const V f = hn::MulAdd(n, hn::Set(d, -1.42860677e-6f), hn::MulAdd(n, hn::Set(d, -6.93145752e-1f), x));
  return hn::BitCast(
      d, hn::Add(hn::BitCast(di, ExpOfFraction(d, f)), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

// Everywhere; 2^n in two factors, so that results may be denormal.
template <class D, class V = hn::Vec<D>> HWY_NOINLINE V ExtremeExpOfFloat(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V shifter = hn::Set(d, 12582912.f);
  const V n = hn::Sub(hn::MulAdd(x, hn::Set(d, 1.442695f), shifter), shifter);
  const V f = hn::MulAdd(n, hn::Set(d, -1.42860677e-6f), hn::MulAdd(n, hn::Set(d, -6.93145752e-1f), x));
  const V r = ExpOfFraction(d, f);
  const auto whole = hn::ConvertTo(di, n), half = hn::ShiftRight<1>(whole), bias = hn::Set(di, 127);
  const V first = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(whole, half), bias)));
  const V result = hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -104.f)), hn::Mul(hn::Mul(r, first), second));
  return hn::IfThenElse(hn::Gt(x, hn::Set(d, 89.f)), hn::Set(d, std::numeric_limits<float>::infinity()), result);
}

template <class D, class V = hn::Vec<D>> HWY_INLINE V ExpOfFloat(D d, V x) {
  if (HWY_LIKELY(hn::AllTrue(d, hn::Le(hn::Abs(x), hn::Set(d, 87.f))))) return NormalExpOfFloat(d, x);
  return ExtremeExpOfFloat(d, x);
}

// x + x p(x^2) near 0, 1 - e^(p(|x|) - |x|) further out; NaN takes the first way.
template <class D, class V = hn::Vec<D>> HWY_INLINE V ErfOfFloat(D d, V x) {
  constexpr float near[] = {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f,
                            1.12819925e-1f,  -3.76125336e-1f, 1.28379166e-1f};
  constexpr float far[] = {-1.72853470e-5f, 3.83197126e-4f,  -3.88396438e-3f, 2.42546219e-2f,
                           -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f};
  const V t = hn::Min(hn::Abs(x), hn::Set(d, 4.f));
  const V power = hn::MulAdd(Polynomial(d, t, far), t, hn::Neg(t));
  const V outer = hn::CopySign(hn::Sub(hn::Set(d, 1.f), NormalExpOfFloat(d, power)), x);
  const V inner = hn::MulAdd(Polynomial(d, hn::Mul(x, x), near), x, x);
  return hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Set(d, 0.927734375f)), outer, inner);
}

// x + x p(x^2) near 0, 1 - 2 / (e^2|x| + 1) further out; NaN takes the first way.
template <class D, class V = hn::Vec<D>> HWY_INLINE V TanhOfFloat(D d, V x) {
  constexpr float near[] = {-0.005577822113f, 0.02059587038f, -0.05375529643f, 0.1333205563f, -0.3333332086f};
  const V one = hn::Set(d, 1.f), two = hn::Set(d, 2.f), square = hn::Mul(x, x);
  const V e = NormalExpOfFloat(d, hn::Mul(two, hn::Min(hn::Abs(x), hn::Set(d, 10.f))));
  const V outer = hn::Sub(one, hn::Div(two, hn::Add(e, one)));
  const V inner = hn::MulAdd(hn::Mul(Polynomial(d, square, near), square), x, x);
  return hn::CopySign(hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Set(d, 0.7f)), outer, inner), x);  // -0 too
}

FB_SLEEF1(ExpBySleef, exp, u10)
FB_SLEEF1(ErfBySleef, erf, u10)
FB_SLEEF1(TanhBySleef, tanh, u10)

#define FB_BY_TYPE(Name)                                                               \
  struct Name {                                                                        \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V x) const { \
      if constexpr (sizeof(hn::TFromD<D>) == 4) return Name##OfFloat(d, x);            \
      else return Name##BySleef()(d, x);                                               \
    }                                                                                  \
  };
FB_BY_TYPE(Exp)
FB_BY_TYPE(Erf)
FB_BY_TYPE(Tanh)
#undef FB_BY_TYPE

}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#endif
