// Complex kernels. Products are vectorised; functions come from the C++ library.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise_complex.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
#include <complex>

#include "elementwise_table.h"

#pragma clang diagnostic ignored "-Wpass-failed"

#ifndef FB_COMPLEX_ONCE
#define FB_COMPLEX_ONCE
namespace fb {
template <class R> using Z = std::complex<R>;

template <class R> Z<R> sgn(Z<R> z) {
  const R size = std::hypot(z.real(), z.imag());
  return size == 0 ? Z<R>(0) : Z<R>(z.real() / size, z.imag() / size);
}

// log(1 + z) without losing a small z: log|1 + z| from log1p of x (2 + x) + y^2.
template <class R> Z<R> log1p(Z<R> z) {
  const R x = z.real(), y = z.imag();
  if (std::isnan(x) || std::isnan(y)) return std::log(Z<R>(1 + x, y));
  const R size = std::hypot(x, y);
  const R re = size < R(0.5) ? std::log1p(x * (2 + x) + y * y) / 2 : std::log(std::hypot(1 + x, y));
  return Z<R>(re, std::atan2(y, 1 + x));
}

// e^x cos y - 1 = expm1(x) cos y + (cos y - 1), with cos y - 1 = -2 sin^2(y/2).
template <class R> Z<R> expm1(Z<R> z) {
  if (z.imag() == 0) return Z<R>(std::expm1(z.real()), z.imag());
  const R s = std::sin(z.imag() / 2), e = std::exp(z.real());
  return Z<R>(std::expm1(z.real()) * std::cos(z.imag()) - 2 * s * s, e * std::sin(z.imag()));
}

template <class R> constexpr R ln2 = R(0.693147180559945309417);
template <class R> constexpr R invLn2 = R(1.44269504088896340736);
}  // namespace fb
#endif

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

template <class R, class F>
void Complex1(const void *pa, const void *, const void *, void *pout, size_t n, int32_t *) {
  const Z<R> *a = static_cast<const Z<R> *>(pa);
  Z<R> *out = static_cast<Z<R> *>(pout);
  const F f;
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = f(a[i]);
}

template <class R, class F>
void Complex2(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *) {
  const Z<R> *a = static_cast<const Z<R> *>(pa);
  const Z<R> *b = static_cast<const Z<R> *>(pb);
  Z<R> *out = static_cast<Z<R> *>(pout);
  const F f;
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}

// The plain formula in vectors; where it gives NaN + NaN i the library decides, as C's Annex G asks (inf * z = inf).
template <class R> void Mul(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *) {
#pragma clang fp contract(off)
  constexpr size_t chunk = 64;
  Z<R> product[chunk];
  for (size_t start = 0; start < n; start += chunk) {
    const size_t m = n - start < chunk ? n - start : chunk;
    const Z<R> *a = static_cast<const Z<R> *>(pa) + start;
    const Z<R> *b = static_cast<const Z<R> *>(pb) + start;
    int unordered = 0;
    FB_VECTORIZE for (size_t i = 0; i < m; ++i) {
      const R ar = a[i].real(), ai = a[i].imag(), br = b[i].real(), bi = b[i].imag();
      const R re = ar * br - ai * bi, im = ar * bi + ai * br;
      product[i] = Z<R>(re, im);
      unordered |= (re != re) & (im != im);
    }
    for (size_t i = 0; unordered && i < m; ++i) product[i] = a[i] * b[i];
    Z<R> *out = static_cast<Z<R> *>(pout) + start;
    FB_VECTORIZE for (size_t i = 0; i < m; ++i) out[i] = product[i];
  }
}

template <class R> void Select(const void *pc, const void *pa, const void *pb, void *pout, size_t n, int32_t *) {
  const Z<R> *c = static_cast<const Z<R> *>(pc);
  const Z<R> *a = static_cast<const Z<R> *>(pa);
  const Z<R> *b = static_cast<const Z<R> *>(pb);
  Z<R> *out = static_cast<Z<R> *>(pout);
  for (size_t i = 0; i < n; ++i) out[i] = c[i] != R(0) ? a[i] : b[i];
}

#define FB_C1(Name, ...)                                                            \
  template <class R> struct Name {                                                  \
    HWY_INLINE Z<R> operator()(Z<R> a) const { (void)a; return Z<R>(__VA_ARGS__); } \
  };
#define FB_C2(Name, ...) \
  template <class R> struct Name { HWY_INLINE Z<R> operator()(Z<R> a, Z<R> b) const { return Z<R>(__VA_ARGS__); } };

FB_C2(Add, a.real() + b.real(), a.imag() + b.imag())
FB_C2(Sub, a.real() - b.real(), a.imag() - b.imag())
FB_C2(Div, a / b)
FB_C2(Pow, std::pow(a, b))
FB_C1(Neg, -a.real(), -a.imag())
FB_C1(Abs, std::hypot(a.real(), a.imag()))
FB_C1(Sgn, sgn(a))
FB_C1(Reciprocal, Z<R>(1) / a)
FB_C1(Sqrt, std::sqrt(a))
FB_C1(Rsqrt, Z<R>(1) / std::sqrt(a))
FB_C1(Exp, std::exp(a))
FB_C1(Exp2, std::exp(Z<R>(a.real() * ln2<R>, a.imag() * ln2<R>)))
FB_C1(Expm1, fb::expm1(a))
FB_C1(Log, std::log(a))
FB_C1(Log2, std::log(a) * invLn2<R>)
FB_C1(Log10, std::log10(a))
FB_C1(Log1p, fb::log1p(a))
FB_C1(Sin, std::sin(a))
FB_C1(Cos, std::cos(a))
FB_C1(Tan, std::tan(a))
FB_C1(Asin, std::asin(a))
FB_C1(Acos, std::acos(a))
FB_C1(Atan, std::atan(a))
FB_C1(Sinh, std::sinh(a))
FB_C1(Cosh, std::cosh(a))
FB_C1(Tanh, std::tanh(a))
FB_C1(Asinh, std::asinh(a))
FB_C1(Acosh, std::acosh(a))
FB_C1(Atanh, std::atanh(a))
// Whichever of e^-z and e^z is bounded.
FB_C1(Sigmoid, a.real() < 0 ? std::exp(a) / (R(1) + std::exp(a)) : R(1) / (R(1) + std::exp(-a)))
FB_C2(Eq, a == b ? R(1) : R(0))
FB_C2(Ne, a == b ? R(0) : R(1))
// Order is that of the real parts: complex programs compare only what is real.
FB_C2(Lt, a.real() < b.real() ? R(1) : R(0))
FB_C2(Le, a.real() <= b.real() ? R(1) : R(0))
FB_C2(Gt, a.real() > b.real() ? R(1) : R(0))
FB_C2(Ge, a.real() >= b.real() ? R(1) : R(0))
FB_C2(LogicalAnd, a != R(0) && b != R(0) ? R(1) : R(0))
FB_C2(LogicalOr, a != R(0) || b != R(0) ? R(1) : R(0))
FB_C2(LogicalXor, (a != R(0)) != (b != R(0)) ? R(1) : R(0))
FB_C1(LogicalNot, a == R(0) ? R(1) : R(0))
FB_C1(IsNaN, std::isnan(a.real()) || std::isnan(a.imag()) ? R(1) : R(0))
FB_C1(IsInf, std::isinf(a.real()) || std::isinf(a.imag()) ? R(1) : R(0))
FB_C1(Conj, a.real(), -a.imag())
FB_C1(Real, a.real())
FB_C1(Imag, a.imag())
FB_C1(Angle, std::atan2(a.imag(), a.real()))
FB_C2(MakeComplex, a.real(), b.real())

template <class R> void Fill(Kernel *k) {
  k[FB_OP_ADD] = Complex2<R, Add<R>>;
  k[FB_OP_SUB] = Complex2<R, Sub<R>>;
  k[FB_OP_MUL] = Mul<R>;
  k[FB_OP_DIV] = Complex2<R, Div<R>>;
  k[FB_OP_POW] = Complex2<R, Pow<R>>;
  k[FB_OP_NEG] = Complex1<R, Neg<R>>;
  k[FB_OP_ABS] = Complex1<R, Abs<R>>;
  k[FB_OP_SGN] = Complex1<R, Sgn<R>>;
  k[FB_OP_RECIPROCAL] = Complex1<R, Reciprocal<R>>;
  k[FB_OP_SQRT] = Complex1<R, Sqrt<R>>;
  k[FB_OP_RSQRT] = Complex1<R, Rsqrt<R>>;
  k[FB_OP_EXP] = Complex1<R, Exp<R>>;
  k[FB_OP_EXP2] = Complex1<R, Exp2<R>>;
  k[FB_OP_EXPM1] = Complex1<R, Expm1<R>>;
  k[FB_OP_LOG] = Complex1<R, Log<R>>;
  k[FB_OP_LOG2] = Complex1<R, Log2<R>>;
  k[FB_OP_LOG10] = Complex1<R, Log10<R>>;
  k[FB_OP_LOG1P] = Complex1<R, Log1p<R>>;
  k[FB_OP_SIN] = Complex1<R, Sin<R>>;
  k[FB_OP_COS] = Complex1<R, Cos<R>>;
  k[FB_OP_TAN] = Complex1<R, Tan<R>>;
  k[FB_OP_ASIN] = Complex1<R, Asin<R>>;
  k[FB_OP_ACOS] = Complex1<R, Acos<R>>;
  k[FB_OP_ATAN] = Complex1<R, Atan<R>>;
  k[FB_OP_SINH] = Complex1<R, Sinh<R>>;
  k[FB_OP_COSH] = Complex1<R, Cosh<R>>;
  k[FB_OP_TANH] = Complex1<R, Tanh<R>>;
  k[FB_OP_ASINH] = Complex1<R, Asinh<R>>;
  k[FB_OP_ACOSH] = Complex1<R, Acosh<R>>;
  k[FB_OP_ATANH] = Complex1<R, Atanh<R>>;
  k[FB_OP_SIGMOID] = Complex1<R, Sigmoid<R>>;
  k[FB_OP_EQ] = Complex2<R, Eq<R>>;
  k[FB_OP_NE] = Complex2<R, Ne<R>>;
  k[FB_OP_LT] = Complex2<R, Lt<R>>;
  k[FB_OP_LE] = Complex2<R, Le<R>>;
  k[FB_OP_GT] = Complex2<R, Gt<R>>;
  k[FB_OP_GE] = Complex2<R, Ge<R>>;
  k[FB_OP_LOGICAL_AND] = Complex2<R, LogicalAnd<R>>;
  k[FB_OP_LOGICAL_OR] = Complex2<R, LogicalOr<R>>;
  k[FB_OP_LOGICAL_XOR] = Complex2<R, LogicalXor<R>>;
  k[FB_OP_LOGICAL_NOT] = Complex1<R, LogicalNot<R>>;
  k[FB_OP_ISNAN] = Complex1<R, IsNaN<R>>;
  k[FB_OP_ISINF] = Complex1<R, IsInf<R>>;
  k[FB_OP_SELECT] = Select<R>;
  k[FB_OP_CONJ] = Complex1<R, Conj<R>>;
  k[FB_OP_REAL] = Complex1<R, Real<R>>;
  k[FB_OP_IMAG] = Complex1<R, Imag<R>>;
  k[FB_OP_ANGLE] = Complex1<R, Angle<R>>;
  k[FB_OP_COMPLEX] = Complex2<R, MakeComplex<R>>;
}

void FillComplex(KernelTable &t) {
  Fill<float>(t.at[FB_COMPUTE_C64]);
  Fill<double>(t.at[FB_COMPUTE_C128]);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillComplex);
void fillComplex(KernelTable &table) { HWY_DYNAMIC_DISPATCH(FillComplex)(table); }
}  // namespace fb
#endif
