// Group norm: each group of neighbouring channels of a sample by its own mean and deviation.
#include <algorithm>
#include <cmath>

#include "failure.hpp"
#include "include/fb_norm.h"
#include "norm_kernels.h"

namespace fb {
namespace {

// How groups lie in [samples, channels, inner].
struct Groups {
  int64_t channels, groups, inner;

  int64_t width() const { return channels / groups; }  // channels of a group
  int64_t size() const { return width() * inner; }
  int64_t channel(int64_t group) const { return group % groups * width(); }  // the first one
};

template <class T> class Parameters {
 public:
  Parameters(const void *data, fb_dtype dtype, int64_t n, T otherwise)
      : scratch(static_cast<size_t>(n) * sizeof(T)), values(scratch.as<T>()) {
    if (data == nullptr) std::fill(values, values + n, otherwise);
    else std::copy_n(static_cast<const T *>(Elements(data, dtype).load(0, static_cast<size_t>(n), values)), n, values);
  }
  T operator[](int64_t channel) const { return values[channel]; }

 private:
  fbd::Scratch scratch;
  T *values;
};

template <class T>
void forward(const Groups &of, const void *px, const void *weight, const void *bias, void *py, void *pmean,
             void *prstd, fb_dtype dtype, double eps, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements xs(px, dtype), ys(py, dtype);
  const Rows<T> rows(xs.isDirect(), of.size(), 1);
  const Parameters<T> weights(weight, dtype, of.channels, 1), biases(bias, dtype, of.channels, 0);
  const size_t size = static_cast<size_t>(of.size()), inner = static_cast<size_t>(of.inner);
  for (int64_t group = begin; group < end; ++group) {
    const T *x = static_cast<const T *>(xs.load(group * of.size(), size, rows[0]));
    double mean, squares;
    kernels.moments(x, size, &mean, &squares);
    const double rstd = 1 / std::sqrt(squares / static_cast<double>(size) + eps);
    static_cast<T *>(pmean)[group] = static_cast<T>(mean);
    static_cast<T *>(prstd)[group] = static_cast<T>(rstd);
    T *y = static_cast<T *>(ys.place(group * of.size(), rows[0]));
    for (int64_t c = 0; c < of.width(); ++c) {
      const int64_t channel = of.channel(group) + c;
      kernels.affine(x + c * of.inner, y + c * of.inner, inner, static_cast<T>(mean),
                     static_cast<T>(rstd * weights[channel]), biases[channel]);
    }
    ys.store(y, group * of.size(), size);
  }
}

// With s and t the sums of g and of g (x - mean) over a channel, S and T the sums of weight s and of weight t over the m
// elements of a group: dx = rstd (weight g - S / m - (x - mean) rstd^2 T / m).
template <class T>
void backward(const Groups &of, const void *pg, const void *px, const void *weight, const void *pmean,
              const void *prstd, void *pdx, double *sums, fb_dtype dtype, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements gs(pg, dtype), xs(px, dtype), ds(pdx, dtype);
  const Rows<T> rows(xs.isDirect(), of.size(), 2);
  const Parameters<T> weights(weight, dtype, of.channels, 1);
  const size_t size = static_cast<size_t>(of.size()), inner = static_cast<size_t>(of.inner);
  for (int64_t group = begin; group < end; ++group) {
    const int64_t sample = group / of.groups, first = of.channel(group);
    const T *g = static_cast<const T *>(gs.load(group * of.size(), size, rows[0]));
    const T *x = static_cast<const T *>(xs.load(group * of.size(), size, rows[1]));
    const T mean = static_cast<const T *>(pmean)[group], rstd = static_cast<const T *>(prstd)[group];
    double all = 0, allX = 0;
    for (int64_t c = 0; c < of.width(); ++c) {
      const int64_t channel = first + c;
      double s, t;
      kernels.products(g + c * of.inner, x + c * of.inner, inner, mean, &s, &t);
      all += weights[channel] * s;
      allX += weights[channel] * t;
      double *part = sums + sample * 2 * of.channels + channel;
      part[0] = s;
      part[of.channels] = t * rstd;
    }
    if (pdx == nullptr) continue;
    const double m = static_cast<double>(size), r = rstd;
    T *dx = static_cast<T *>(ds.place(group * of.size(), rows[0]));
    for (int64_t c = 0; c < of.width(); ++c)
      kernels.gradient(g + c * of.inner, x + c * of.inner, dx + c * of.inner, inner, mean,
                       rstd * weights[first + c], static_cast<T>(-r * all / m), static_cast<T>(-r * r * r * allX / m));
    ds.store(dx, group * of.size(), size);
  }
}

}  // namespace
}  // namespace fb

void fb_group_norm(const void *x, const void *weight, const void *bias, void *y, void *mean, void *rstd,
                   fb_dtype dtype, double eps, int64_t channels, int64_t groups, int64_t inner, int64_t begin,
                   int64_t end) try {
  const auto run = dtype == FB_F64 ? fb::forward<double> : fb::forward<float>;
  run({channels, groups, inner}, x, weight, bias, y, mean, rstd, dtype, eps, begin, end);
} FBD_NOTES_FAILURE()

void fb_group_norm_backward(const void *g, const void *x, const void *weight, const void *mean, const void *rstd,
                            void *dx, double *sums, fb_dtype dtype, int64_t channels, int64_t groups, int64_t inner,
                            int64_t begin, int64_t end) try {
  const auto run = dtype == FB_F64 ? fb::backward<double> : fb::backward<float>;
  run({channels, groups, inner}, g, x, weight, mean, rstd, dx, sums, dtype, begin, end);
} FBD_NOTES_FAILURE()
