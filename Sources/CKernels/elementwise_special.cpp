// Special functions of float and double, one element at a time; float goes through double.
#include "elementwise_table.h"
#include "special_bessel.h"
#include "special_gamma.h"
#include "special_polynomials.h"

namespace fb {
namespace {

template <class T, double (*f)(double)>
void map(const void *pa, const void *, const void *, void *pout, size_t n, int32_t *) {
  const T *a = static_cast<const T *>(pa);
  T *out = static_cast<T *>(pout);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<T>(f(a[i]));
}

template <class T, double (*f)(double, double)>
void map(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *) {
  const T *a = static_cast<const T *>(pa);
  const T *b = static_cast<const T *>(pb);
  T *out = static_cast<T *>(pout);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<T>(f(a[i], b[i]));
}

template <class T> void nextAfter(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *) {
  const T *a = static_cast<const T *>(pa);
  const T *b = static_cast<const T *>(pb);
  T *out = static_cast<T *>(pout);
  for (size_t i = 0; i < n; ++i) out[i] = std::nextafter(a[i], b[i]);
}

template <class T> void fill(Kernel *k) {
  k[FB_OP_ERFINV] = map<T, special::erfinv>;
  k[FB_OP_DIGAMMA] = map<T, special::digamma>;
  k[FB_OP_POLYGAMMA] = map<T, special::polygamma>;
  k[FB_OP_I0] = map<T, special::i0>;
  k[FB_OP_I0E] = map<T, special::i0e>;
  k[FB_OP_I1] = map<T, special::i1>;
  k[FB_OP_I1E] = map<T, special::i1e>;
  k[FB_OP_ERFCX] = map<T, special::erfcx>;
  k[FB_OP_NDTRI] = map<T, special::ndtri>;
  k[FB_OP_ZETA] = map<T, special::zeta>;
  k[FB_OP_IGAMMA] = map<T, special::igamma>;
  k[FB_OP_IGAMMAC] = map<T, special::igammac>;
  k[FB_OP_BESSEL_J0] = map<T, special::besselJ0>;
  k[FB_OP_BESSEL_J1] = map<T, special::besselJ1>;
  k[FB_OP_BESSEL_Y0] = map<T, special::besselY0>;
  k[FB_OP_BESSEL_Y1] = map<T, special::besselY1>;
  k[FB_OP_K0] = map<T, special::k0>;
  k[FB_OP_K1] = map<T, special::k1>;
  k[FB_OP_K0E] = map<T, special::k0e>;
  k[FB_OP_K1E] = map<T, special::k1e>;
  k[FB_OP_AIRY_AI] = map<T, special::airyAi>;
  k[FB_OP_SPHERICAL_J0] = map<T, special::sphericalJ0>;
  k[FB_OP_CHEBYSHEV_T] = map<T, special::chebyshevT>;
  k[FB_OP_CHEBYSHEV_U] = map<T, special::chebyshevU>;
  k[FB_OP_CHEBYSHEV_V] = map<T, special::chebyshevV>;
  k[FB_OP_CHEBYSHEV_W] = map<T, special::chebyshevW>;
  k[FB_OP_HERMITE_H] = map<T, special::hermiteH>;
  k[FB_OP_HERMITE_HE] = map<T, special::hermiteHe>;
  k[FB_OP_LAGUERRE_L] = map<T, special::laguerreL>;
  k[FB_OP_LEGENDRE_P] = map<T, special::legendreP>;
  k[FB_OP_NEXTAFTER] = nextAfter<T>;
}

}  // namespace

void fillSpecial(KernelTable &table) {
  fill<float>(table.at[FB_COMPUTE_F32]);
  fill<double>(table.at[FB_COMPUTE_F64]);
}

}  // namespace fb
