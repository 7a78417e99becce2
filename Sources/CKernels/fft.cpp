// Fourier transforms by pocketfft (M. Reinecke; BSD licence in its header).
#include "fb_fft.h"

#define POCKETFFT_NO_MULTITHREADING
#define POCKETFFT_CACHE_SIZE 16
#include "pocketfft_hdronly.h"

namespace {

using pocketfft::shape_t;
using pocketfft::stride_t;

stride_t packed(const shape_t &shape, size_t size) {
  stride_t result(shape.size());
  for (size_t d = shape.size(); d-- > 0; size *= shape[d]) result[d] = ptrdiff_t(size);
  return result;
}

template <class T>
void transform(fb_fft_kind kind, const shape_t &shape, const shape_t &axes, bool forward, T factor, const void *in,
               void *out) {
  using C = std::complex<T>;
  shape_t half = shape;
  if (kind != FB_FFT_C2C) half[axes.back()] = shape[axes.back()] / 2 + 1;
  switch (kind) {
    case FB_FFT_C2C: {
      const stride_t strides = packed(shape, sizeof(C));
      return pocketfft::c2c(shape, strides, strides, axes, forward, static_cast<const C *>(in), static_cast<C *>(out),
                            factor);
    }
    case FB_FFT_R2C:
      return pocketfft::r2c(shape, packed(shape, sizeof(T)), packed(half, sizeof(C)), axes, forward,
                            static_cast<const T *>(in), static_cast<C *>(out), factor);
    case FB_FFT_C2R:
      return pocketfft::c2r(shape, packed(half, sizeof(C)), packed(shape, sizeof(T)), axes, forward,
                            static_cast<const C *>(in), static_cast<T *>(out), factor);
  }
}

}  // namespace

bool fb_fft(fb_fft_kind kind, fb_dtype dtype, int32_t ndim, const int64_t *shape, int32_t n_axes, const int64_t *axes,
            bool forward, double factor, const void *in, void *out) {
  try {
    const shape_t sizes(shape, shape + ndim), along(axes, axes + n_axes);
    if (dtype == FB_F32)
      transform<float>(kind, sizes, along, forward, float(factor), in, out);
    else
      transform<double>(kind, sizes, along, forward, factor, in, out);
    return true;
  } catch (const std::exception &) {
    return false;
  }
}
