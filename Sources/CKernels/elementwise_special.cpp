// Special functions of float and double, one element at a time; float goes through double.
#include "elementwise_table.h"
#include "special.h"

namespace fb {
namespace {

template <class T, double (*f)(double)>
void map(const void *pa, const void *, const void *, void *pout, size_t n, int32_t *) {
  const T *a = static_cast<const T *>(pa);
  T *out = static_cast<T *>(pout);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<T>(f(a[i]));
}

template <class T> void polygamma(const void *pn, const void *px, const void *, void *pout, size_t n, int32_t *) {
  const T *order = static_cast<const T *>(pn);
  const T *x = static_cast<const T *>(px);
  T *out = static_cast<T *>(pout);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<T>(special::polygamma(order[i], x[i]));
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
  k[FB_OP_POLYGAMMA] = polygamma<T>;
  k[FB_OP_I0] = map<T, special::i0>;
  k[FB_OP_I0E] = map<T, special::i0e>;
  k[FB_OP_I1] = map<T, special::i1>;
  k[FB_OP_I1E] = map<T, special::i1e>;
  k[FB_OP_NEXTAFTER] = nextAfter<T>;
}

}  // namespace

void fillSpecial(KernelTable &table) {
  fill<float>(table.at[FB_COMPUTE_F32]);
  fill<double>(table.at[FB_COMPUTE_F64]);
}

}  // namespace fb
