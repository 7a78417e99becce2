// Loops of the normalisation layers.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "norm_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "norm_kernels.h"
#include "vector_map-inl.h"

#pragma clang diagnostic ignored "-Wpass-failed"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {

struct AsDouble { HWY_INLINE double operator()(double x) const { return x; } };
struct SquareFrom {
  double mean;
  HWY_INLINE double operator()(double x) const { return (x - mean) * (x - mean); }
};

template <class T> double RowSum(const T *x, size_t n) { return SumOf(x, n, AsDouble()); }
template <class T> double RowSquares(const T *x, size_t n, double mean) { return SumOf(x, n, SquareFrom{mean}); }

template <class T>
void Products(const T *g, const T *x, size_t n, double mean, double *sumG, double *sumGX) {
#pragma clang fp reassociate(on)
  double first = 0, second = 0;
  for (size_t i = 0; i < n; ++i) {
    const double v = g[i];
    first += v;
    second += v * (x[i] - mean);
  }
  *sumG = first;
  *sumGX = second;
}

template <class T> void Affine(const T *x, T *y, size_t n, T mean, T scale, T shift) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale + shift;
}

template <class T> void RowGradient(const T *g, const T *x, T *dx, size_t n, T mean, T a, T b, T c) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) dx[i] = a * g[i] + (b + c * (x[i] - mean));
}

template <class T> void Layer(const T *x, const T *w, const T *b, T *y, size_t n, T mean, T rstd) {
  if (w != nullptr && b != nullptr) {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * w[i] + b[i];
  } else if (w != nullptr) {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * w[i];
  } else if (b != nullptr) {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd + b[i];
  } else {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd;
  }
}

template <class T>
void LayerProducts(const T *g, const T *x, const T *w, size_t n, double mean, double *sumH, double *sumHX) {
#pragma clang fp reassociate(on)
  if (w == nullptr) return Products(g, x, n, mean, sumH, sumHX);
  double first = 0, second = 0;
  for (size_t i = 0; i < n; ++i) {
    const double h = static_cast<double>(g[i]) * w[i];
    first += h;
    second += h * (x[i] - mean);
  }
  *sumH = first;
  *sumHX = second;
}

template <class T>
void LayerGradient(const T *g, const T *x, const T *w, T *dx, size_t n, T mean, T rstd, T meanH, T meanHX) {
  if (w != nullptr) {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) {
      dx[i] = rstd * (g[i] * w[i] - meanH - (x[i] - mean) * rstd * meanHX);
    }
  } else {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) dx[i] = rstd * (g[i] - meanH - (x[i] - mean) * rstd * meanHX);
  }
}

template <class T> void AddColumns(const T *x, double *sum, size_t n) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) sum[i] += x[i];
}

template <class T> void AddSquares(const T *x, const double *mean, double *sum, size_t n) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) sum[i] += (x[i] - mean[i]) * (x[i] - mean[i]);
}

template <class T>
void AddProducts(const T *g, const T *x, const double *mean, double *sumG, double *sumGX, size_t n) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) {
    sumG[i] += g[i];
    sumGX[i] += g[i] * (x[i] - mean[i]);
  }
}

template <class T>
void AddScaled(const T *g, const T *x, double mean, double rstd, double *sumG, double *sumGX, size_t n) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) {
    sumG[i] += g[i];
    sumGX[i] += g[i] * ((x[i] - mean) * rstd);
  }
}

template <class T>
void AffineColumns(const T *x, T *y, size_t n, const T *mean, const T *scale, const T *shift) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean[i]) * scale[i] + shift[i];
}

template <class T>
void GradientColumns(const T *g, const T *x, T *dx, size_t n, const T *mean, const T *a, const T *b, const T *c) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) dx[i] = a[i] * g[i] + (b[i] + c[i] * (x[i] - mean[i]));
}

template <class T> void Fill(NormKernels<T> &k) {
  k = {RowSum<T>, RowSquares<T>, Products<T>, Affine<T>, RowGradient<T>, Layer<T>, LayerProducts<T>, LayerGradient<T>,
       AddColumns<T>, AddSquares<T>, AddProducts<T>, AddScaled<T>, AffineColumns<T>, GradientColumns<T>};
}

void FillNorm(NormKernels<float> &f, NormKernels<double> &d) {
  Fill(f);
  Fill(d);
}

}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillNorm);
void fillNorm(NormKernels<float> &f, NormKernels<double> &d) { HWY_DYNAMIC_DISPATCH(FillNorm)(f, d); }
}  // namespace fb
#endif
