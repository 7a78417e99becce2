// Steps of optimizers over the memory of a parameter and its moments, float32 or float64, packed.
#ifndef FB_UPDATE_H
#define FB_UPDATE_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// Overwrites elements begin..<end of the targets.
typedef void (*fb_update)(fb_dtype dtype, void *const *targets, const void *const *sources, const double *numbers,
                          int64_t begin, int64_t end);

// Adam: targets parameter p, mean m, square s; source gradient; numbers (step, fresh, keep, root, eps, penalty, decay,
// sign, freshSquare). g = sign gradient + penalty p, m += fresh (g - m), s = keep s + freshSquare g^2,
// p = decay p - step m / (sqrt(s) / root + eps). The penalty is left out if it is 0.
void fb_update_adam(fb_dtype dtype, void *const *targets, const void *const *sources, const double *numbers,
                    int64_t begin, int64_t end);

// Gradient descent: targets parameter p and, if the momentum is not 0, velocity v; source gradient; numbers (step, penalty,
// sign, momentum, fresh, nesterov). g = sign gradient + penalty p, v = momentum v + fresh g, p -= step v, or
// step (g + momentum v) if `nesterov` is not 0.
void fb_update_sgd(fb_dtype dtype, void *const *targets, const void *const *sources, const double *numbers,
                   int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
