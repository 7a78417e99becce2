// Layer norm and RMS norm: each row by its own mean and deviation.
#include <algorithm>
#include <cmath>

#include "include/fb_norm.h"
#include "norm_kernels.h"
#include "scratch.hpp"

namespace fb {
namespace {

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
template <class T>
void backward(const void *pg, const void *px, const void *weight, const void *pmean, const void *prstd, void *pdx,
              fb_dtype dtype, bool rms, int64_t n, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements gs(pg, dtype), xs(px, dtype), ds(pdx, dtype);
  const Rows<T> rows(xs.isDirect(), n, 3);
  const T *w = optional(weight, dtype, n, rows[2]);
  const size_t count = static_cast<size_t>(n);
  for (int64_t row = begin; row < end; ++row) {
    const T *g = static_cast<const T *>(gs.load(row * n, count, rows[0]));
    const T *x = static_cast<const T *>(xs.load(row * n, count, rows[1]));
    const T mean = rms ? T(0) : static_cast<const T *>(pmean)[row], rstd = static_cast<const T *>(prstd)[row];
    double sumH, sumHX;
    kernels.layerProducts(g, x, w, count, mean, &sumH, &sumHX);
    const double meanH = rms ? 0 : sumH / static_cast<double>(n), meanHX = sumHX * rstd / static_cast<double>(n);
    T *dx = static_cast<T *>(ds.place(row * n, rows[0]));
    kernels.layerGradient(g, x, w, dx, count, mean, rstd, static_cast<T>(meanH), static_cast<T>(meanHX));
    ds.store(dx, row * n, count);
  }
}

template <class T>
void backwardWeight(const void *pg, const void *px, const void *pmean, const void *prstd, void *dweight, void *dbias,
                    fb_dtype dtype, bool rms, int64_t rows, int64_t n, int64_t begin, int64_t end) {
  const NormKernels<T> &kernels = normKernels<T>();
  const Elements gs(pg, dtype), xs(px, dtype);
  alignas(64) T gTile[tileSize], xTile[tileSize];
  alignas(64) double sumG[tileSize], sumGX[tileSize];
  const Store store = conversions().store[FB_COMPUTE_F64][dtype];
  for (int64_t column = begin; column < end; column += static_cast<int64_t>(tileSize)) {
    const size_t count = static_cast<size_t>(std::min(static_cast<int64_t>(tileSize), end - column));
    std::fill(sumG, sumG + count, 0.0);
    std::fill(sumGX, sumGX + count, 0.0);
    const T *means = rms ? nullptr : static_cast<const T *>(pmean), *rstds = static_cast<const T *>(prstd);
    if (gs.isDirect()) {
      const T *g = static_cast<const T *>(gs.place(column, nullptr));
      const T *x = static_cast<const T *>(xs.place(column, nullptr));
      kernels.addScaledRows(g, x, n, rows, means, rstds, sumG, sumGX, count);
    }
    for (int64_t row = 0; !gs.isDirect() && row < rows; ++row) {
      const T *g = static_cast<const T *>(gs.load(row * n + column, count, gTile));
      const T *x = static_cast<const T *>(xs.load(row * n + column, count, xTile));
      kernels.addScaledRows(g, x, 0, 1, rms ? nullptr : means + row, rstds + row, sumG, sumGX, count);
    }
    if (dweight != nullptr) store(sumGX, Elements(dweight, dtype).at(column), 1, count);
    if (dbias != nullptr) store(sumG, Elements(dbias, dtype).at(column), 1, count);
  }
}

}  // namespace
}  // namespace fb

void fb_layer_norm(const void *x, const void *weight, const void *bias, void *y, void *mean, void *rstd,
                   fb_dtype dtype, bool rms, double eps, int64_t n, int64_t begin, int64_t end) {
  const auto run = dtype == FB_F64 ? fb::forward<double> : fb::forward<float>;
  if (n > 0) run(x, weight, bias, y, mean, rstd, dtype, rms, eps, n, begin, end);
}

void fb_layer_norm_backward(const void *g, const void *x, const void *weight, const void *mean, const void *rstd,
                            void *dx, fb_dtype dtype, bool rms, int64_t n, int64_t begin, int64_t end) {
  const auto run = dtype == FB_F64 ? fb::backward<double> : fb::backward<float>;
  if (n > 0) run(g, x, weight, mean, rstd, dx, dtype, rms, n, begin, end);
}

void fb_layer_norm_backward_weight(const void *g, const void *x, const void *mean, const void *rstd, void *dweight,
                                   void *dbias, fb_dtype dtype, bool rms, int64_t rows, int64_t n, int64_t begin,
                                   int64_t end) {
  const auto run = dtype == FB_F64 ? fb::backwardWeight<double> : fb::backwardWeight<float>;
  run(g, x, mean, rstd, dweight, dbias, dtype, rms, rows, n, begin, end);
}
