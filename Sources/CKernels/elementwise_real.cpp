// Arithmetic, comparisons and logic on float and double.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise_real.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "elementwise_table.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// A functor on vectors of a tag `d`; `T` is the element type.
#define FB_BODY(...)                  \
  using T = hn::TFromD<D>;            \
  (void)d, (void)a, (void)sizeof(T);         \
  return __VA_ARGS__;
#define FB_UNARY(Name, ...)                                                                              \
  struct Name {                                                                                          \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const { FB_BODY(__VA_ARGS__) } \
  };
#define FB_BINARY(Name, ...)                                                                                  \
  struct Name {                                                                                               \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a, V b) const { FB_BODY(__VA_ARGS__) } \
  };

template <class D> HWY_INLINE hn::Vec<D> One(D d) { return hn::Set(d, hn::TFromD<D>(1)); }
template <class D, class M> HWY_INLINE hn::Vec<D> Truth(D d, M mask) { return hn::IfThenElseZero(mask, One(d)); }
// Not Ne: on AVX-512 Highway 1.0 takes NaN for equal.
template <class D> HWY_INLINE hn::Mask<D> IsTrue(D d, hn::Vec<D> v) { return hn::Not(hn::Eq(v, hn::Zero(d))); }
template <class D> HWY_INLINE hn::Mask<D> Negative(D d, hn::Vec<D> v) {
  const hn::RebindToSigned<D> di;
  return hn::MaskFromVec(hn::BitCast(d, hn::BroadcastSignBit(hn::BitCast(di, v))));
}

// Rounding keeps the sign, which Highway's emulation of vectors loses for zeros.
template <class V> HWY_INLINE V WithSign(V rounded, V a) {
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
  return hn::CopySign(rounded, a);
#else
  (void)a;
  return rounded;
#endif
}

FB_BINARY(Add, hn::Add(a, b))
FB_BINARY(Sub, hn::Sub(a, b))
FB_BINARY(Mul, hn::Mul(a, b))
FB_BINARY(Div, hn::Div(a, b))
FB_BINARY(TruncDiv, WithSign(hn::Trunc(hn::Div(a, b)), hn::Div(a, b)))
FB_UNARY(Neg, hn::Neg(a))
FB_UNARY(Abs, hn::Abs(a))
FB_UNARY(Sgn, hn::Sub(Truth(d, hn::Gt(a, hn::Zero(d))), Truth(d, hn::Lt(a, hn::Zero(d)))))
FB_UNARY(Reciprocal, hn::Div(One(d), a))
FB_UNARY(Sqrt, hn::Sqrt(a))
FB_UNARY(Rsqrt, hn::Div(One(d), hn::Sqrt(a)))
FB_BINARY(FMin, hn::IfThenElse(hn::IsNaN(a), b, hn::IfThenElse(hn::IsNaN(b), a, hn::Min(a, b))))
FB_BINARY(FMax, hn::IfThenElse(hn::IsNaN(a), b, hn::IfThenElse(hn::IsNaN(b), a, hn::Max(a, b))))
FB_BINARY(Minimum, hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::IsNaN(b), b, hn::Min(a, b))))
FB_BINARY(Maximum, hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::IsNaN(b), b, hn::Max(a, b))))
FB_BINARY(CopySign, hn::CopySign(a, b))
FB_UNARY(Floor, WithSign(hn::Floor(a), a))
FB_UNARY(Ceil, WithSign(hn::Ceil(a), a))
FB_UNARY(Trunc, WithSign(hn::Trunc(a), a))
FB_UNARY(Round, WithSign(hn::Round(a), a))
FB_BINARY(Eq, Truth(d, hn::Eq(a, b)))
FB_BINARY(Ne, hn::IfThenZeroElse(hn::Eq(a, b), One(d)))
FB_BINARY(Lt, Truth(d, hn::Lt(a, b)))
FB_BINARY(Le, Truth(d, hn::Le(a, b)))
FB_BINARY(Gt, Truth(d, hn::Gt(a, b)))
FB_BINARY(Ge, Truth(d, hn::Ge(a, b)))
FB_BINARY(LogicalAnd, Truth(d, hn::And(IsTrue(d, a), IsTrue(d, b))))
FB_BINARY(LogicalOr, Truth(d, hn::Or(IsTrue(d, a), IsTrue(d, b))))
FB_BINARY(LogicalXor, Truth(d, hn::Xor(IsTrue(d, a), IsTrue(d, b))))
FB_UNARY(LogicalNot, Truth(d, hn::Eq(a, hn::Zero(d))))
FB_UNARY(IsNaN, Truth(d, hn::IsNaN(a)))
FB_UNARY(IsInf, Truth(d, hn::Eq(hn::Abs(a), hn::Set(d, std::numeric_limits<T>::infinity()))))
FB_UNARY(SignBit, Truth(d, Negative(d, a)))
FB_UNARY(Identity, a)
FB_UNARY(Zeros, hn::Zero(d))
FB_UNARY(Angle, hn::IfThenElse(hn::IsNaN(a), a,
                               hn::IfThenElseZero(hn::Lt(a, hn::Zero(d)), hn::Set(d, T(3.14159265358979323846)))))

struct Select {
  template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V c, V a, V b) const {
    return hn::IfThenElse(IsTrue(d, c), a, b);
  }
};

template <class T> void Fill(Kernel *k) {
  k[FB_OP_ADD] = Map2<T, Add>;
  k[FB_OP_SUB] = Map2<T, Sub>;
  k[FB_OP_MUL] = Map2<T, Mul>;
  k[FB_OP_DIV] = Map2<T, Div>;
  k[FB_OP_TRUNCDIV] = Map2<T, TruncDiv>;
  k[FB_OP_NEG] = Map1<T, Neg>;
  k[FB_OP_ABS] = Map1<T, Abs>;
  k[FB_OP_SGN] = Map1<T, Sgn>;
  k[FB_OP_RECIPROCAL] = Map1<T, Reciprocal>;
  k[FB_OP_SQRT] = Map1<T, Sqrt>;
  k[FB_OP_RSQRT] = Map1<T, Rsqrt>;
  k[FB_OP_MINIMUM] = Map2<T, Minimum>;
  k[FB_OP_MAXIMUM] = Map2<T, Maximum>;
  k[FB_OP_FMIN] = Map2<T, FMin>;
  k[FB_OP_FMAX] = Map2<T, FMax>;
  k[FB_OP_COPYSIGN] = Map2<T, CopySign>;
  k[FB_OP_FLOOR] = Map1<T, Floor>;
  k[FB_OP_CEIL] = Map1<T, Ceil>;
  k[FB_OP_TRUNC] = Map1<T, Trunc>;
  k[FB_OP_ROUND] = Map1<T, Round>;
  k[FB_OP_EQ] = Map2<T, Eq>;
  k[FB_OP_NE] = Map2<T, Ne>;
  k[FB_OP_LT] = Map2<T, Lt>;
  k[FB_OP_LE] = Map2<T, Le>;
  k[FB_OP_GT] = Map2<T, Gt>;
  k[FB_OP_GE] = Map2<T, Ge>;
  k[FB_OP_LOGICAL_AND] = Map2<T, LogicalAnd>;
  k[FB_OP_LOGICAL_OR] = Map2<T, LogicalOr>;
  k[FB_OP_LOGICAL_XOR] = Map2<T, LogicalXor>;
  k[FB_OP_LOGICAL_NOT] = Map1<T, LogicalNot>;
  k[FB_OP_ISNAN] = Map1<T, IsNaN>;
  k[FB_OP_ISINF] = Map1<T, IsInf>;
  k[FB_OP_SIGNBIT] = Map1<T, SignBit>;
  k[FB_OP_SELECT] = Map3<T, Select>;
  k[FB_OP_CONJ] = Map1<T, Identity>;
  k[FB_OP_REAL] = Map1<T, Identity>;
  k[FB_OP_IMAG] = Map1<T, Zeros>;
  k[FB_OP_ANGLE] = Map1<T, Angle>;
}

void FillReal(KernelTable &t) {
  Fill<float>(t.at[FB_COMPUTE_F32]);
  Fill<double>(t.at[FB_COMPUTE_F64]);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillReal);
void fillReal(KernelTable &table) { HWY_DYNAMIC_DISPATCH(FillReal)(table); }
}  // namespace fb
#endif
