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

// Sums of vectors f(i) that start at the elements i, in float over short stretches and in double over these; the rest
// by `one`. f and one give the same of a vector and of a number.
template <class F, class G> HWY_INLINE double FloatSum(size_t n, F f, G one) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), stretch = 4 * lanes * 32;
  double total = 0;
  size_t i = 0;
  while (i + 4 * lanes <= n) {
    const size_t end = i + HWY_MIN(stretch, (n - i) / (4 * lanes) * (4 * lanes));
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    for (; i < end; i += 4 * lanes) {
      s0 = hn::Add(s0, f(d, i));
      s1 = hn::Add(s1, f(d, i + lanes));
      s2 = hn::Add(s2, f(d, i + 2 * lanes));
      s3 = hn::Add(s3, f(d, i + 3 * lanes));
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)))));
  }
  for (; i < n; ++i) total += one(i);
  return total;
}

double FloatRowSum(const float *x, size_t n) {
  return FloatSum(n, [x](auto d, size_t i) HWY_ATTR { return hn::LoadU(d, x + i); }, [x](size_t i) { return x[i]; });
}

// Mean and squares about it. The float sum gives a number near the mean, the differences from that are small: what they
// add up to corrects both.
void FloatMoments(const float *x, size_t n, double *mean, double *squares) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), stretch = 2 * lanes * 32;
  const double count = static_cast<double>(n);
  const float middle = static_cast<float>(FloatRowSum(x, n) / count);
  const auto shift = hn::Set(d, middle);
  double first = 0, second = 0;
  size_t i = 0;
  while (i + 2 * lanes <= n) {
    const size_t end = i + HWY_MIN(stretch, (n - i) / (2 * lanes) * (2 * lanes));
    auto a0 = hn::Zero(d), a1 = a0, b0 = a0, b1 = a0;
    for (; i < end; i += 2 * lanes) {
      const auto v0 = hn::Sub(hn::LoadU(d, x + i), shift), v1 = hn::Sub(hn::LoadU(d, x + i + lanes), shift);
      a0 = hn::Add(a0, v0);
      a1 = hn::Add(a1, v1);
      b0 = hn::MulAdd(v0, v0, b0);
      b1 = hn::MulAdd(v1, v1, b1);
    }
    first += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(a0, a1))));
    second += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(b0, b1))));
  }
  for (; i < n; ++i) {
    const double v = static_cast<double>(x[i]) - middle;
    first += v;
    second += v * v;
  }
  *mean = middle + first / count;
  const double rest = second - first * first / count;
  *squares = rest < 0 ? 0 : rest;  // NaN stays
}

// Sums of h = g w and of h (x - mean); w may be null.
void FloatLayerProducts(const float *g, const float *x, const float *w, size_t n, double mean, double *sumH,
                        double *sumHX) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), stretch = 2 * lanes * 32;
  const auto middle = hn::Set(d, static_cast<float>(mean));
  const auto load = [&](size_t i) HWY_ATTR {
    return w == nullptr ? hn::LoadU(d, g + i) : hn::Mul(hn::LoadU(d, g + i), hn::LoadU(d, w + i));
  };
  double first = 0, second = 0;
  size_t i = 0;
  while (i + 2 * lanes <= n) {
    const size_t end = i + HWY_MIN(stretch, (n - i) / (2 * lanes) * (2 * lanes));
    auto h0 = hn::Zero(d), h1 = h0, p0 = h0, p1 = h0;
    for (; i < end; i += 2 * lanes) {
      const auto a = load(i), b = load(i + lanes);
      h0 = hn::Add(h0, a);
      h1 = hn::Add(h1, b);
      p0 = hn::MulAdd(a, hn::Sub(hn::LoadU(d, x + i), middle), p0);
      p1 = hn::MulAdd(b, hn::Sub(hn::LoadU(d, x + i + lanes), middle), p1);
    }
    first += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(h0, h1))));
    second += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(p0, p1))));
  }
  for (; i < n; ++i) {
    const double h = static_cast<double>(g[i]) * (w == nullptr ? 1 : w[i]);
    first += h;
    second += h * (x[i] - mean);
  }
  *sumH = first;
  *sumHX = second;
}

// Columns of `rows` rows, `step` apart, each with its own mean and 1 / deviation.
template <class T>
void AddScaledRows(const T *g, const T *x, int64_t step, int64_t rows, const T *mean, const T *rstd, double *sumG,
                   double *sumGX, size_t n) {
  constexpr int64_t stretch = 32;
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  for (int64_t first = 0; first < rows; first += stretch) {
    const int64_t end = HWY_MIN(rows, first + stretch);
    size_t k = 0;
    for (; k + 2 * lanes <= n; k += 2 * lanes) {
      auto a0 = hn::Zero(d), a1 = a0, b0 = a0, b1 = a0;
      for (int64_t r = first; r < end; ++r) {
        const T *gs = g + r * step + k, *xs = x + r * step + k;
        const auto g0 = hn::LoadU(d, gs), g1 = hn::LoadU(d, gs + lanes);
        const auto m = hn::Set(d, mean == nullptr ? T(0) : mean[r]), s = hn::Set(d, rstd[r]);
        a0 = hn::Add(a0, g0);
        a1 = hn::Add(a1, g1);
        b0 = hn::MulAdd(g0, hn::Mul(hn::Sub(hn::LoadU(d, xs), m), s), b0);
        b1 = hn::MulAdd(g1, hn::Mul(hn::Sub(hn::LoadU(d, xs + lanes), m), s), b1);
      }
      HWY_ALIGN T part[4 * hn::MaxLanes(hn::ScalableTag<T>())];
      hn::Store(a0, d, part);
      hn::Store(a1, d, part + lanes);
      hn::Store(b0, d, part + 2 * lanes);
      hn::Store(b1, d, part + 3 * lanes);
      for (size_t i = 0; i < 2 * lanes; ++i) {
        sumG[k + i] += part[i];
        sumGX[k + i] += part[2 * lanes + i];
      }
    }
    for (; k < n; ++k) {
      for (int64_t r = first; r < end; ++r) {
        const double m = mean == nullptr ? T(0) : mean[r], v = g[r * step + k];
        sumG[k] += v;
        sumGX[k] += v * ((x[r * step + k] - m) * rstd[r]);
      }
    }
  }
}

struct AsDouble { HWY_INLINE double operator()(double x) const { return x; } };
struct SquareFrom {
  double mean;
  HWY_INLINE double operator()(double x) const { return (x - mean) * (x - mean); }
};

template <class T> double RowSum(const T *x, size_t n) { return SumOf(x, n, AsDouble()); }
template <class T> double RowSquares(const T *x, size_t n, double mean) { return SumOf(x, n, SquareFrom{mean}); }
template <class T> void Moments(const T *x, size_t n, double *mean, double *squares) {
  if constexpr (sizeof(T) == sizeof(float)) {
    FloatMoments(x, n, mean, squares);
  } else {
    *mean = RowSum(x, n) / static_cast<double>(n);
    *squares = RowSquares(x, n, *mean);
  }
}

template <class T>
void Products(const T *g, const T *x, size_t n, double mean, double *sumG, double *sumGX) {
  if constexpr (sizeof(T) == sizeof(float)) {
    FloatLayerProducts(g, x, nullptr, n, mean, sumG, sumGX);
  } else {
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
  if constexpr (sizeof(T) == sizeof(float)) {
    FloatLayerProducts(g, x, w, n, mean, sumH, sumHX);
  } else {
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
void AffineColumns(const T *x, T *y, size_t n, const T *mean, const T *scale, const T *shift) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean[i]) * scale[i] + shift[i];
}

template <class T>
void GradientColumns(const T *g, const T *x, T *dx, size_t n, const T *mean, const T *a, const T *b, const T *c) {
  FB_VECTORIZE for (size_t i = 0; i < n; ++i) dx[i] = a[i] * g[i] + (b[i] + c[i] * (x[i] - mean[i]));
}

template <class T> void Fill(NormKernels<T> &k) {
  k = {RowSum<T>, RowSquares<T>, Moments<T>, Products<T>, Affine<T>, RowGradient<T>, Layer<T>, LayerProducts<T>,
       LayerGradient<T>, AddColumns<T>, AddSquares<T>, AddProducts<T>, AddScaledRows<T>, AffineColumns<T>, GradientColumns<T>};
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
