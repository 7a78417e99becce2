// Batch norm: each channel by its mean and deviation over samples and places.
#include <algorithm>
#include <cmath>

#include "failure.hpp"
#include "include/fb_norm.h"
#include "norm_kernels.h"

namespace fb {
namespace {

constexpr int64_t chunk = static_cast<int64_t>(tileSize);

// The elements of channels of a [count, channels, inner] tensor.
struct Extent {
  fb_dtype dtype;
  int64_t count, channels, inner;

  double size() const { return static_cast<double>(count * inner); }

  // Calls body(first element, elements) for the runs of one channel; whole runs if `whole`, else chunks.
  template <class Body> void forRuns(int64_t channel, bool whole, Body body) const {
    const int64_t step = whole ? 8 * chunk : chunk;
    for (int64_t sample = 0; sample < count; ++sample) {
      const int64_t first = (sample * channels + channel) * inner;
      for (int64_t k = 0; k < inner; k += step) body(first + k, static_cast<size_t>(std::min(step, inner - k)));
    }
  }

  // With inner = 1 neighbouring channels lie side by side: body(first channel, channels) for tiles of them.
  template <class Body> static void forTiles(int64_t begin, int64_t end, Body body) {
    for (int64_t first = begin; first < end; first += chunk) {
      body(first, static_cast<size_t>(std::min(chunk, end - first)));
    }
  }
};

template <class T>
void statistics(const Extent &e, const void *px, void *pmean, void *pvar, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements xs(px, e.dtype);
  T *means = static_cast<T *>(pmean);
  T *vars = static_cast<T *>(pvar);
  alignas(64) T tile[tileSize];
  if (e.inner == 1) {
    Extent::forTiles(begin, end, [&](int64_t first, size_t n) {
      alignas(64) double mean[tileSize] = {}, squares[tileSize] = {};
      const auto row = [&](int64_t sample) {
        return static_cast<const T *>(xs.load(sample * e.channels + first, n, tile));
      };
      for (int64_t sample = 0; sample < e.count; ++sample) kernels.addColumns(row(sample), mean, n);
      for (size_t k = 0; k < n; ++k) mean[k] /= e.size();
      for (int64_t sample = 0; sample < e.count; ++sample) kernels.addSquares(row(sample), mean, squares, n);
      for (size_t k = 0; k < n; ++k) {
        means[first + static_cast<int64_t>(k)] = static_cast<T>(mean[k]);
        vars[first + static_cast<int64_t>(k)] = static_cast<T>(squares[k] / e.size());
      }
    });
    return;
  }
  for (int64_t channel = begin; channel < end; ++channel) {
    double mean = 0, squares = 0, seen = 0;  // of the runs so far: Chan, Golub, LeVeque
    e.forRuns(channel, xs.isDirect(), [&](int64_t first, size_t n) {
      const T *x = static_cast<const T *>(xs.load(first, n, tile));
      const double size = static_cast<double>(n), runMean = kernels.sum(x, n) / size, apart = runMean - mean;
      squares += kernels.squares(x, n, runMean) + apart * apart * seen * size / (seen + size);
      seen += size;
      mean += apart * size / seen;
    });
    means[channel] = static_cast<T>(seen > 0 ? mean : NAN);
    vars[channel] = static_cast<T>(squares / seen);
  }
}

// A channel's parameters, in double.
template <class T> struct Channel {
  double mean, rstd, weight, bias;
  Channel(const void *means, const void *vars, const void *weights, const void *biases, fb_dtype dtype, double eps,
          int64_t k)
      : mean(static_cast<const T *>(means)[k]), rstd(1 / std::sqrt(static_cast<const T *>(vars)[k] + eps)),
        weight(value(weights, dtype, k, 1)), bias(value(biases, dtype, k, 0)) {}

  static double value(const void *data, fb_dtype dtype, int64_t k, double otherwise) {
    if (data == nullptr) return otherwise;
    double result;
    loadOf(dtype, FB_COMPUTE_F64)(Elements(data, dtype).at(k), 1, &result, 1);
    return result;
  }
};

template <class T>
void normalize(const Extent &e, const void *px, const void *pmean, const void *pvar, const void *weight,
               const void *bias, void *py, double eps, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements xs(px, e.dtype), ys(py, e.dtype);
  alignas(64) T tile[tileSize];
  if (e.inner == 1) {
    Extent::forTiles(begin, end, [&](int64_t first, size_t n) {
      alignas(64) T mean[tileSize], scale[tileSize], shift[tileSize];
      for (size_t k = 0; k < n; ++k) {
        const Channel<T> c(pmean, pvar, weight, bias, e.dtype, eps, first + static_cast<int64_t>(k));
        mean[k] = static_cast<T>(c.mean);
        scale[k] = static_cast<T>(c.rstd * c.weight);
        shift[k] = static_cast<T>(c.bias);
      }
      for (int64_t sample = 0; sample < e.count; ++sample) {
        const int64_t at = sample * e.channels + first;
        T *y = static_cast<T *>(ys.place(at, tile));
        kernels.affineColumns(static_cast<const T *>(xs.load(at, n, tile)), y, n, mean, scale, shift);
        ys.store(y, at, n);
      }
    });
    return;
  }
  for (int64_t channel = begin; channel < end; ++channel) {
    const Channel<T> c(pmean, pvar, weight, bias, e.dtype, eps, channel);
    e.forRuns(channel, xs.isDirect(), [&](int64_t first, size_t n) {
      T *y = static_cast<T *>(ys.place(first, tile));
      kernels.affine(static_cast<const T *>(xs.load(first, n, tile)), y, n, static_cast<T>(c.mean),
                     static_cast<T>(c.rstd * c.weight), static_cast<T>(c.bias));
      ys.store(y, first, n);
    });
  }
}

// With s = sum g and t = sum g (x - mean) over the m elements of a channel: dbias = s, dweight = t rstd, and
// dx = weight rstd (g - s / m - (x - mean) rstd^2 t / m), or weight rstd g if the statistics are constants.
template <class T>
void backward(const Extent &e, const void *pg, const void *px, const void *pmean, const void *pvar,
              const void *weight, void *pdx, void *dweight, void *dbias, bool training, double eps, int64_t begin,
              int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements gs(pg, e.dtype), xs(px, e.dtype), ds(pdx, e.dtype);
  alignas(64) T gTile[tileSize], xTile[tileSize];
  const auto load = [&](const Elements &from, int64_t at, size_t n, T *tile) {
    return static_cast<const T *>(from.load(at, n, tile));
  };
  const auto finish = [&](const Channel<T> &c, int64_t channel, double s, double t, double *a, double *b, double *k) {
    const double dw = t * c.rstd;
    const Store store = storeOf(FB_COMPUTE_F64, e.dtype);
    if (dweight != nullptr) store(&dw, Elements(dweight, e.dtype).at(channel), 1, 1);
    if (dbias != nullptr) store(&s, Elements(dbias, e.dtype).at(channel), 1, 1);
    *a = c.weight * c.rstd;
    *b = training ? -*a * s / e.size() : 0;
    *k = training ? -*a * c.rstd * c.rstd * t / e.size() : 0;
  };
  if (e.inner == 1) {
    Extent::forTiles(begin, end, [&](int64_t first, size_t n) {
      alignas(64) double sumG[tileSize] = {}, sumGX[tileSize] = {}, means[tileSize];
      alignas(64) T mean[tileSize], as[tileSize], bs[tileSize], cs[tileSize];
      for (size_t k = 0; k < n; ++k) {
        means[k] = mean[k] = static_cast<const T *>(pmean)[first + static_cast<int64_t>(k)];
      }
      for (int64_t sample = 0; sample < e.count; ++sample) {
        const int64_t at = sample * e.channels + first;
        kernels.addProducts(load(gs, at, n, gTile), load(xs, at, n, xTile), means, sumG, sumGX, n);
      }
      for (size_t k = 0; k < n; ++k) {
        const int64_t channel = first + static_cast<int64_t>(k);
        double a, b, c;
        finish(Channel<T>(pmean, pvar, weight, nullptr, e.dtype, eps, channel), channel, sumG[k], sumGX[k], &a, &b, &c);
        as[k] = static_cast<T>(a);
        bs[k] = static_cast<T>(b);
        cs[k] = static_cast<T>(c);
      }
      for (int64_t sample = 0; pdx != nullptr && sample < e.count; ++sample) {
        const int64_t at = sample * e.channels + first;
        T *dx = static_cast<T *>(ds.place(at, gTile));
        kernels.gradientColumns(load(gs, at, n, gTile), load(xs, at, n, xTile), dx, n, mean, as, bs, cs);
        ds.store(dx, at, n);
      }
    });
    return;
  }
  for (int64_t channel = begin; channel < end; ++channel) {
    const Channel<T> p(pmean, pvar, weight, nullptr, e.dtype, eps, channel);
    double s = 0, t = 0, a, b, c;
    e.forRuns(channel, xs.isDirect(), [&](int64_t first, size_t n) {
      double runS, runT;
      kernels.products(load(gs, first, n, gTile), load(xs, first, n, xTile), n, p.mean, &runS, &runT);
      s += runS;
      t += runT;
    });
    finish(p, channel, s, t, &a, &b, &c);
    if (pdx == nullptr) continue;
    e.forRuns(channel, xs.isDirect(), [&](int64_t first, size_t n) {
      T *dx = static_cast<T *>(ds.place(first, gTile));
      kernels.gradient(load(gs, first, n, gTile), load(xs, first, n, xTile), dx, n, static_cast<T>(p.mean),
                       static_cast<T>(a), static_cast<T>(b), static_cast<T>(c));
      ds.store(dx, first, n);
    });
  }
}

}  // namespace
}  // namespace fb

void fb_batch_norm_statistics(const void *x, void *mean, void *var, fb_dtype dtype, int64_t count, int64_t channels,
                              int64_t inner, int64_t begin, int64_t end) try {
  const auto run = dtype == FB_F64 ? fb::statistics<double> : fb::statistics<float>;
  run({dtype, count, channels, inner}, x, mean, var, begin, end);
} FBD_NOTES_FAILURE()

void fb_batch_norm(const void *x, const void *mean, const void *var, const void *weight, const void *bias, void *y,
                   fb_dtype dtype, double eps, int64_t count, int64_t channels, int64_t inner, int64_t begin,
                   int64_t end) try {
  const auto run = dtype == FB_F64 ? fb::normalize<double> : fb::normalize<float>;
  run({dtype, count, channels, inner}, x, mean, var, weight, bias, y, eps, begin, end);
} FBD_NOTES_FAILURE()

void fb_batch_norm_backward(const void *g, const void *x, const void *mean, const void *var, const void *weight,
                            void *dx, void *dweight, void *dbias, fb_dtype dtype, bool training, double eps,
                            int64_t count, int64_t channels, int64_t inner, int64_t begin, int64_t end) try {
  const auto run = dtype == FB_F64 ? fb::backward<double> : fb::backward<float>;
  run({dtype, count, channels, inner}, g, x, mean, var, weight, dx, dweight, dbias, training, eps, begin, end);
} FBD_NOTES_FAILURE()
