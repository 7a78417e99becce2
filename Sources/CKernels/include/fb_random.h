// Random numbers: mt19937's words, and the float32 parts of PyTorch's numbers that depend on how the vector unit rounds.
#ifndef FB_RANDOM_H
#define FB_RANDOM_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// The next 624 words of mt19937 in place.
void fb_random_regenerate(uint32_t *words);

// The outputs that words of the state give.
void fb_random_temper(const uint32_t *words, int64_t count, uint32_t *out);

// out[i] = whether the low 53 bits of (words[2 i] << 32 | words[2 i + 1]) are less than limit <= 2^53.
void fb_random_below(const uint32_t *words, int64_t count, uint64_t limit, uint8_t *out);

// data[i] = fma(data[i], scale, offset): one rounding where the CPU has FMA.
void fb_random_scale_f32(float *data, int64_t count, float scale, float offset);

// Box-Muller in place on blocks of 16 uniforms: element j pairs with j + 8.
void fb_random_normal_f32(float *data, int64_t blocks, float mean, float std);

#ifdef __cplusplus
}
#endif
#endif
