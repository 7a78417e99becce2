// Discrete Fourier transforms along some axes of packed row-major arrays, multiplied by `factor`.
#ifndef FB_FFT_H
#define FB_FFT_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum { FB_FFT_C2C, FB_FFT_R2C, FB_FFT_C2R } fb_fft_kind;

// `shape` is that of the longer side: the input for R2C, the output for C2R; on the other side axes[n_axes - 1] has
// shape / 2 + 1 elements. `dtype` is that of the real numbers, F32 or F64.
void fb_fft(fb_fft_kind kind, fb_dtype dtype, int32_t ndim, const int64_t *shape, int32_t n_axes, const int64_t *axes,
            bool forward, double factor, const void *in, void *out);

#ifdef __cplusplus
}
#endif
#endif
