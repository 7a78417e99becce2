// Private to the normalisation layers: loops over rows and over columns, for float and double.
#ifndef FB_NORM_KERNELS_H
#define FB_NORM_KERNELS_H
#include "elements.h"
#include "scratch.hpp"

namespace fb {

// Pointers are to T = float or double; sums are double.
template <class T> struct NormKernels {
  double (*sum)(const T *x, size_t n);
  double (*squares)(const T *x, size_t n, double mean);  // sum (x - mean)^2
  void (*moments)(const T *x, size_t n, double *mean, double *squares);
  void (*products)(const T *g, const T *x, size_t n, double mean, double *sumG, double *sumGX);  // g, g (x - mean)
  void (*affine)(const T *x, T *y, size_t n, T mean, T scale, T shift);             // (x - mean) scale + shift
  void (*gradient)(const T *g, const T *x, T *dx, size_t n, T mean, T a, T b, T c);  // a g + b + c (x - mean)

  // w, b [n] may be null
  void (*layer)(const T *x, const T *w, const T *b, T *y, size_t n, T mean, T rstd);
  void (*layerProducts)(const T *g, const T *x, const T *w, size_t n, double mean, double *sumH, double *sumHX);
  void (*layerGradient)(const T *g, const T *x, const T *w, T *dx, size_t n, T mean, T rstd, T meanH, T meanHX);

  // The same for one element of each of n columns
  void (*addColumns)(const T *x, double *sum, size_t n);
  void (*addSquares)(const T *x, const double *mean, double *sum, size_t n);
  void (*addProducts)(const T *g, const T *x, const double *mean, double *sumG, double *sumGX, size_t n);
  // sum of g and of g (x - mean) rstd over rows `step` apart; mean may be null
  void (*addScaledRows)(const T *g, const T *x, int64_t step, int64_t rows, const T *mean, const T *rstd, double *sumG,
                        double *sumGX, size_t n);
  void (*affineColumns)(const T *x, T *y, size_t n, const T *mean, const T *scale, const T *shift);
  void (*gradientColumns)(const T *g, const T *x, T *dx, size_t n, const T *mean, const T *a, const T *b, const T *c);
};

void fillNorm(NormKernels<float> &f, NormKernels<double> &d);

template <class T> const NormKernels<T> &normKernels() {
  struct Tables {
    NormKernels<float> f;
    NormKernels<double> d;
  };
  static const Tables tables = [] {
    Tables t;
    fillNorm(t.f, t.d);
    return t;
  }();
  if constexpr (sizeof(T) == sizeof(float)) return tables.f;
  else return tables.d;
}

// Working memory for rows of n elements; none is needed where tensors are used as they are.
template <class T> class Rows {
 public:
  Rows(bool isDirect, int64_t n, size_t count)
      : n(isDirect ? 0 : static_cast<size_t>(n)), memory(this->n * count * sizeof(T)) {}
  T *operator[](int k) const { return memory.template as<T>() + static_cast<size_t>(k) * n; }

 private:
  size_t n;
  fbd::Scratch memory;
};

template <class T> const T *optional(const void *data, fb_dtype dtype, int64_t n, T *packed) {
  if (data == nullptr) return nullptr;
  return static_cast<const T *>(Elements(data, dtype).load(0, static_cast<size_t>(n), packed));
}

}  // namespace fb
#endif
