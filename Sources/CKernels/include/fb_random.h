// The float32 parts of PyTorch's random numbers that depend on how the vector unit rounds.
#ifndef FB_RANDOM_H
#define FB_RANDOM_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// data[i] = fma(data[i], scale, offset): one rounding where the CPU has FMA.
void fb_random_scale_f32(float *data, int64_t count, float scale, float offset);

// Box-Muller in place on blocks of 16 uniforms: element j pairs with j + 8.
void fb_random_normal_f32(float *data, int64_t blocks, float mean, float std);

#ifdef __cplusplus
}
#endif
#endif
