// Layer norm and RMS norm: each row by its own mean and deviation.
#include <algorithm>
#include <cmath>

#include "failure.hpp"
#include "include/fb_norm.h"
#include "norm_kernels.h"

namespace fb {
namespace {

template <class T>
void forward(const void *px, const void *weight, const void *bias, void *py, void *pmean, void *prstd, fb_dtype dtype,
             bool rms, double eps, int64_t n, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements xs(px, dtype), ys(py, dtype);
  const Rows<T> rows(xs.isDirect(), n, 3);
  const T *w = optional(weight, dtype, n, rows[1]);
  const T *b = rms ? nullptr : optional(bias, dtype, n, rows[2]);
  const size_t count = static_cast<size_t>(n);
  for (int64_t row = begin; row < end; ++row) {
    const T *x = static_cast<const T *>(xs.load(row * n, count, rows[0]));
    double mean = 0, squares;
    if (rms) squares = kernels.squares(x, count, 0);
    else kernels.moments(x, count, &mean, &squares);
    const double rstd = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
    if (pmean != nullptr) static_cast<T *>(pmean)[row] = static_cast<T>(mean);
    if (prstd != nullptr) static_cast<T *>(prstd)[row] = static_cast<T>(rstd);
    T *y = static_cast<T *>(ys.place(row * n, rows[0]));
    kernels.layer(x, w, b, y, count, static_cast<T>(mean), static_cast<T>(rstd));
    ys.store(y, row * n, count);
  }
}

// With h = g w and xhat = (x - mean) rstd: dx = rstd (h - mean(h) - xhat mean(h xhat)); rms: without mean(h).
// The sums for the parameters are taken from blocks of rows that are in the cache for dx anyway.
template <class T>
void backward(const void *pg, const void *px, const void *weight, const void *pmean, const void *prstd, void *pdx,
              double *sums, fb_dtype dtype, bool rms, int64_t n, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements gs(pg, dtype), xs(px, dtype), ds(pdx, dtype);
  const Rows<T> rows(xs.isDirect(), n, 3);
  const T *w = optional(weight, dtype, n, rows[2]);
  const T *means = rms ? nullptr : static_cast<const T *>(pmean), *rstds = static_cast<const T *>(prstd);
  const size_t count = static_cast<size_t>(n);
  const int64_t block = xs.isDirect() ? std::clamp<int64_t>(16384 / n, 1, 32) : 1;
  if (sums != nullptr) std::fill(sums, sums + 2 * n, 0.0);
  for (int64_t first = begin; first < end; first += block) {
    const int64_t behind = std::min(end, first + block);
    const T *g = static_cast<const T *>(gs.load(first * n, count, rows[0]));
    const T *x = static_cast<const T *>(xs.load(first * n, count, rows[1]));
    if (sums != nullptr)
      kernels.addScaledRows(g, x, n, behind - first, rms ? nullptr : means + first, rstds + first, sums, sums + n,
                            count);
    for (int64_t row = first; pdx != nullptr && row < behind; ++row, g += n, x += n) {
      const T mean = rms ? T(0) : means[row], rstd = rstds[row];
      double sumH, sumHX;
      kernels.layerProducts(g, x, w, count, mean, &sumH, &sumHX);
      const double meanH = rms ? 0 : sumH / static_cast<double>(n), meanHX = sumHX * rstd / static_cast<double>(n);
      T *dx = static_cast<T *>(ds.place(row * n, rows[0]));
      kernels.layerGradient(g, x, w, dx, count, mean, rstd, static_cast<T>(meanH), static_cast<T>(meanHX));
      ds.store(dx, row * n, count);
    }
  }
}

}  // namespace
}  // namespace fb

void fb_layer_norm(const void *x, const void *weight, const void *bias, void *y, void *mean, void *rstd,
                   fb_dtype dtype, bool rms, double eps, int64_t n, int64_t begin, int64_t end) try {
  const auto run = dtype == FB_F64 ? fb::forward<double> : fb::forward<float>;
  if (n > 0) run(x, weight, bias, y, mean, rstd, dtype, rms, eps, n, begin, end);
} FBD_NOTES_FAILURE()

void fb_layer_norm_backward(const void *g, const void *x, const void *weight, const void *mean, const void *rstd,
                            void *dx, double *sums, fb_dtype dtype, bool rms, int64_t n, int64_t begin, int64_t end) try {
  const auto run = dtype == FB_F64 ? fb::backward<double> : fb::backward<float>;
  if (n > 0) run(g, x, weight, mean, rstd, dx, sums, dtype, rms, n, begin, end);
} FBD_NOTES_FAILURE()

void fb_norm_parameters(double *sums, int64_t parts, int64_t n, void *dweight, void *dbias, fb_dtype dtype) try {
  for (int64_t part = 1; part < parts; ++part)
    for (int64_t i = 0; i < 2 * n; ++i) sums[i] += sums[part * 2 * n + i];
  const fb::Store store = fb::storeOf(FB_COMPUTE_F64, dtype);
  if (dbias != nullptr) store(sums, dbias, 1, static_cast<size_t>(n));
  if (dweight != nullptr) store(sums + n, dweight, 1, static_cast<size_t>(n));
} FBD_NOTES_FAILURE()
