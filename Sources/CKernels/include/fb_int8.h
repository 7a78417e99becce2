// Products of 8-bit integers.
#ifndef FB_INT8_H
#define FB_INT8_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// y = x weight^T + bias of floats, computed with x in 7 bits and the weight in 8: scale and zero point of x are chosen
// from its smallest and largest number (and 0), as PyTorch's ChooseQuantizationParams does with reduced range. (7 bits:
// AVX2 adds two products of bytes in 16 bits.)
// x [rows, in], weight [out, in] times weight_scale, sums [out] the sums of the weight's rows, bias [out] or null,
// y [rows, out].
void fb_int8_linear(const float *x, int64_t rows, int64_t in, const int8_t *weight, float weight_scale,
                    const int32_t *sums, const float *bias, int64_t out, float *y);

#ifdef __cplusplus
}
#endif
#endif
