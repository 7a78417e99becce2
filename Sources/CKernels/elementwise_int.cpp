// Integer kernels: everything on int64, narrower types wrap when they are stored; uint64 where that differs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise_int.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "elementwise_table.h"

#pragma clang diagnostic ignored "-Wpass-failed"

#ifndef FB_INTEGER_ONCE
#define FB_INTEGER_ONCE
namespace fb {
using I = int64_t;
using U = uint64_t;

// Two's complement without undefined overflow.
inline I wrapNeg(I a) { return static_cast<I>(U(0) - static_cast<U>(a)); }
inline I wrapMul(I a, I b) { return static_cast<I>(static_cast<U>(a) * static_cast<U>(b)); }

inline I truncDiv(I a, I b) { return b == -1 ? wrapNeg(a) : a / b; }
inline I truncRem(I a, I b) { return b == -1 ? 0 : a % b; }
inline I floorDiv(I a, I b) {
  if (b == -1) return wrapNeg(a);
  const I q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}
inline I floorRem(I a, I b) {
  const I r = truncRem(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

inline I power(I a, I b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  I result = 1;
  for (; b != 0; b >>= 1, a = wrapMul(a, a)) {
    if (b & 1) result = wrapMul(result, a);
  }
  return result;
}

inline I gcd(I a, I b) {
  while (a != 0) {
    const I r = truncRem(b, a);
    b = a;
    a = r;
  }
  return b < 0 ? wrapNeg(b) : b;
}
inline I lcm(I a, I b) {
  const I g = gcd(a, b);
  if (g == 0) return 0;
  const I m = wrapMul(truncDiv(a, g), b);
  return m < 0 ? wrapNeg(m) : m;
}

inline U power(U a, U b) {
  U result = 1;
  for (; b != 0; b >>= 1, a *= a) {
    if (b & 1) result *= a;
  }
  return result;
}
inline U gcd(U a, U b) {
  while (a != 0) {
    const U r = b % a;
    b = a;
    a = r;
  }
  return b;
}
inline U lcm(U a, U b) {
  const U g = gcd(a, b);
  return g == 0 ? 0 : a / g * b;
}
}  // namespace fb
#endif

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

template <class F, class T = I> void Int1(const void *pa, const void *, const void *, void *pout, size_t n, int32_t *) {
  const T *a = static_cast<const T *>(pa);
  T *out = static_cast<T *>(pout);
  const F f;
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = f(a[i]);
}

template <class F, class T = I> void Int2(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *) {
  const T *a = static_cast<const T *>(pa);
  const T *b = static_cast<const T *>(pb);
  T *out = static_cast<T *>(pout);
  const F f;
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}

// Division: a zero divisor gives 0 and is reported.
template <class F, class T = I> void IntDiv(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *flags) {
  const T *a = static_cast<const T *>(pa);
  const T *b = static_cast<const T *>(pb);
  T *out = static_cast<T *>(pout);
  const F f;
  bool zero = false;
  for (size_t i = 0; i < n; ++i) {
    zero |= b[i] == 0;
    out[i] = b[i] == 0 ? 0 : f(a[i], b[i]);
  }
  if (zero) *flags |= FB_ERROR_DIVISION_BY_ZERO;
}

void Select(const void *pc, const void *pa, const void *pb, void *pout, size_t n, int32_t *) {
  const I *c = static_cast<const I *>(pc);
  const I *a = static_cast<const I *>(pa);
  const I *b = static_cast<const I *>(pb);
  I *out = static_cast<I *>(pout);
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = c[i] != 0 ? a[i] : b[i];
}

#define FB_INT1(Name, ...) struct Name { HWY_INLINE I operator()(I a) const { (void)a; return __VA_ARGS__; } };
#define FB_INT2(Name, ...) struct Name { HWY_INLINE I operator()(I a, I b) const { return __VA_ARGS__; } };

FB_INT2(Add, static_cast<I>(static_cast<U>(a) + static_cast<U>(b)))
FB_INT2(Sub, static_cast<I>(static_cast<U>(a) - static_cast<U>(b)))
FB_INT2(Mul, wrapMul(a, b))
FB_INT2(FloorDiv, floorDiv(a, b))
FB_INT2(TruncDiv, truncDiv(a, b))
FB_INT2(Remainder, floorRem(a, b))
FB_INT2(FMod, truncRem(a, b))
FB_INT2(Pow, power(a, b))
FB_INT1(Neg, wrapNeg(a))
FB_INT1(Abs, a < 0 ? wrapNeg(a) : a)
FB_INT1(Sgn, (a > 0) - (a < 0))
FB_INT2(Minimum, a < b ? a : b)
FB_INT2(Maximum, a > b ? a : b)
FB_INT1(Identity, a)
FB_INT1(Zero, 0)
FB_INT2(Eq, a == b)
FB_INT2(Ne, a != b)
FB_INT2(Lt, a < b)
FB_INT2(Le, a <= b)
FB_INT2(Gt, a > b)
FB_INT2(Ge, a >= b)
FB_INT2(LogicalAnd, (a != 0) & (b != 0))
FB_INT2(LogicalOr, (a != 0) | (b != 0))
FB_INT2(LogicalXor, (a != 0) ^ (b != 0))
FB_INT1(LogicalNot, a == 0)
FB_INT1(SignBit, a < 0)
FB_INT2(And, a & b)
FB_INT2(Or, a | b)
FB_INT2(Xor, a ^ b)
FB_INT1(Not, ~a)
FB_INT2(ShiftLeft, static_cast<U>(b) >= 64 ? 0 : static_cast<I>(static_cast<U>(a) << (b & 63)))
FB_INT2(ShiftRight, a >> (static_cast<U>(b) >= 64 ? 63 : b))
FB_INT2(Gcd, gcd(a, b))
FB_INT2(Lcm, lcm(a, b))

#define FB_UNSIGNED2(Name, ...) struct Name { HWY_INLINE U operator()(U a, U b) const { return __VA_ARGS__; } };
FB_UNSIGNED2(UnsignedDiv, a / b)
FB_UNSIGNED2(UnsignedRem, a % b)
FB_UNSIGNED2(UnsignedPow, power(a, b))
FB_UNSIGNED2(UnsignedMinimum, a < b ? a : b)
FB_UNSIGNED2(UnsignedMaximum, a > b ? a : b)
FB_UNSIGNED2(UnsignedLt, a < b)
FB_UNSIGNED2(UnsignedLe, a <= b)
FB_UNSIGNED2(UnsignedGt, a > b)
FB_UNSIGNED2(UnsignedGe, a >= b)
FB_UNSIGNED2(UnsignedShiftRight, b >= 64 ? 0 : a >> b)
FB_UNSIGNED2(UnsignedGcd, gcd(a, b))
FB_UNSIGNED2(UnsignedLcm, lcm(a, b))
FB_INT1(IsNotZero, a != 0)

void FillInteger(KernelTable &t) {
  Kernel *k = t.at[FB_COMPUTE_I64];
  k[FB_OP_ADD] = Int2<Add>;
  k[FB_OP_SUB] = Int2<Sub>;
  k[FB_OP_MUL] = Int2<Mul>;
  k[FB_OP_FLOORDIV] = IntDiv<FloorDiv>;
  k[FB_OP_TRUNCDIV] = IntDiv<TruncDiv>;
  k[FB_OP_REMAINDER] = IntDiv<Remainder>;
  k[FB_OP_FMOD] = IntDiv<FMod>;
  k[FB_OP_POW] = Int2<Pow>;
  k[FB_OP_NEG] = Int1<Neg>;
  k[FB_OP_ABS] = Int1<Abs>;
  k[FB_OP_SGN] = Int1<Sgn>;
  k[FB_OP_MINIMUM] = k[FB_OP_FMIN] = Int2<Minimum>;
  k[FB_OP_MAXIMUM] = k[FB_OP_FMAX] = Int2<Maximum>;
  k[FB_OP_FLOOR] = k[FB_OP_CEIL] = k[FB_OP_TRUNC] = k[FB_OP_ROUND] = Int1<Identity>;
  k[FB_OP_CONJ] = k[FB_OP_REAL] = Int1<Identity>;
  k[FB_OP_IMAG] = k[FB_OP_ISNAN] = k[FB_OP_ISINF] = Int1<Zero>;
  k[FB_OP_EQ] = Int2<Eq>;
  k[FB_OP_NE] = Int2<Ne>;
  k[FB_OP_LT] = Int2<Lt>;
  k[FB_OP_LE] = Int2<Le>;
  k[FB_OP_GT] = Int2<Gt>;
  k[FB_OP_GE] = Int2<Ge>;
  k[FB_OP_LOGICAL_AND] = Int2<LogicalAnd>;
  k[FB_OP_LOGICAL_OR] = Int2<LogicalOr>;
  k[FB_OP_LOGICAL_XOR] = Int2<LogicalXor>;
  k[FB_OP_LOGICAL_NOT] = Int1<LogicalNot>;
  k[FB_OP_SIGNBIT] = Int1<SignBit>;
  k[FB_OP_BITWISE_AND] = Int2<And>;
  k[FB_OP_BITWISE_OR] = Int2<Or>;
  k[FB_OP_BITWISE_XOR] = Int2<Xor>;
  k[FB_OP_BITWISE_NOT] = Int1<Not>;
  k[FB_OP_SHIFT_LEFT] = Int2<ShiftLeft>;
  k[FB_OP_SHIFT_RIGHT] = Int2<ShiftRight>;
  k[FB_OP_GCD] = Int2<Gcd>;
  k[FB_OP_LCM] = Int2<Lcm>;
  k[FB_OP_SELECT] = Select;
}

// After FillInteger: what does not depend on the sign is the same.
void FillUnsigned(KernelTable &t) {
  Kernel *k = t.at[FB_COMPUTE_U64];
  for (int op = 0; op < FB_OP_COUNT; ++op) k[op] = t.at[FB_COMPUTE_I64][op];
  k[FB_OP_FLOORDIV] = k[FB_OP_TRUNCDIV] = IntDiv<UnsignedDiv, U>;
  k[FB_OP_REMAINDER] = k[FB_OP_FMOD] = IntDiv<UnsignedRem, U>;
  k[FB_OP_POW] = Int2<UnsignedPow, U>;
  k[FB_OP_ABS] = Int1<Identity>;
  k[FB_OP_SGN] = Int1<IsNotZero>;
  k[FB_OP_MINIMUM] = k[FB_OP_FMIN] = Int2<UnsignedMinimum, U>;
  k[FB_OP_MAXIMUM] = k[FB_OP_FMAX] = Int2<UnsignedMaximum, U>;
  k[FB_OP_LT] = Int2<UnsignedLt, U>;
  k[FB_OP_LE] = Int2<UnsignedLe, U>;
  k[FB_OP_GT] = Int2<UnsignedGt, U>;
  k[FB_OP_GE] = Int2<UnsignedGe, U>;
  k[FB_OP_SIGNBIT] = Int1<Zero>;
  k[FB_OP_SHIFT_RIGHT] = Int2<UnsignedShiftRight, U>;
  k[FB_OP_GCD] = Int2<UnsignedGcd, U>;
  k[FB_OP_LCM] = Int2<UnsignedLcm, U>;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillInteger);
HWY_EXPORT(FillUnsigned);
void fillInteger(KernelTable &table) { HWY_DYNAMIC_DISPATCH(FillInteger)(table); }
void fillUnsigned(KernelTable &table) { HWY_DYNAMIC_DISPATCH(FillUnsigned)(table); }
}  // namespace fb
#endif
