// Steps of optimizers in registers: each array is read and written once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "update.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "include/fb_update.h"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

template <bool penalizes, class T>
void AdamOf(void *const *targets, const void *const *sources, const double *numbers, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  T *parameter = static_cast<T *>(targets[0]) + begin, *mean = static_cast<T *>(targets[1]) + begin,
    *square = static_cast<T *>(targets[2]) + begin;
  const T *gradient = static_cast<const T *>(sources[0]) + begin;
  const auto number = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const auto step = number(numbers[0]), fresh = number(numbers[1]), keep = number(numbers[2]),
             ofRoot = number(1 / numbers[3]), eps = number(numbers[4]), penalty = number(numbers[5]),
             decay = number(numbers[6]), sign = number(numbers[7]), freshSquare = number(numbers[8]);
  ForLanes<T>(end - begin, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const auto p = load(parameter + i), m = load(mean + i);
    auto g = hn::Mul(sign, load(gradient + i));
    if constexpr (penalizes) g = hn::MulAdd(penalty, p, g);
    const auto newMean = hn::MulAdd(fresh, hn::Sub(g, m), m);
    const auto newSquare = hn::MulAdd(keep, load(square + i), hn::Mul(freshSquare, hn::Mul(g, g)));
    const auto scale = hn::MulAdd(hn::Sqrt(newSquare), ofRoot, eps);
    store(hn::NegMulAdd(step, hn::Div(newMean, scale), hn::Mul(decay, p)), parameter + i);
    store(newMean, mean + i);
    store(newSquare, square + i);
  });
}

void Adam(fb_dtype dtype, void *const *targets, const void *const *sources, const double *numbers, int64_t begin,
          int64_t end) {
  const bool isDouble = dtype == FB_F64, penalizes = numbers[5] != 0;
  const auto run = isDouble ? (penalizes ? AdamOf<true, double> : AdamOf<false, double>)
                            : (penalizes ? AdamOf<true, float> : AdamOf<false, float>);
  run(targets, sources, numbers, begin, end);
}

enum class Velocity { none, heavy, nesterov };

template <bool penalizes, Velocity velocity, class T>
void DescendOf(void *const *targets, const void *const *sources, const double *numbers, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  T *parameter = static_cast<T *>(targets[0]) + begin;
  T *speed = velocity == Velocity::none ? nullptr : static_cast<T *>(targets[1]) + begin;
  const T *gradient = static_cast<const T *>(sources[0]) + begin;
  const auto number = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const auto step = number(numbers[0]), penalty = number(numbers[1]), sign = number(numbers[2]),
             momentum = number(numbers[3]), fresh = number(numbers[4]);
  ForLanes<T>(end - begin, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const auto p = load(parameter + i);
    auto g = hn::Mul(sign, load(gradient + i));
    if constexpr (penalizes) g = hn::MulAdd(penalty, p, g);
    if constexpr (velocity != Velocity::none) {
      const auto v = hn::MulAdd(momentum, load(speed + i), hn::Mul(fresh, g));
      store(v, speed + i);
      g = velocity == Velocity::nesterov ? hn::MulAdd(momentum, v, g) : v;
    }
    store(hn::NegMulAdd(step, g, p), parameter + i);
  });
}

template <bool penalizes, class T> auto DescentOf(const double *numbers) {
  if (numbers[3] == 0) return DescendOf<penalizes, Velocity::none, T>;
  return numbers[5] == 0 ? DescendOf<penalizes, Velocity::heavy, T> : DescendOf<penalizes, Velocity::nesterov, T>;
}

void Descend(fb_dtype dtype, void *const *targets, const void *const *sources, const double *numbers, int64_t begin,
             int64_t end) {
  const bool isDouble = dtype == FB_F64, penalizes = numbers[1] != 0;
  const auto run = isDouble ? (penalizes ? DescentOf<true, double>(numbers) : DescentOf<false, double>(numbers))
                            : (penalizes ? DescentOf<true, float>(numbers) : DescentOf<false, float>(numbers));
  run(targets, sources, numbers, begin, end);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(Adam);
HWY_EXPORT(Descend);
}  // namespace fb

using namespace fb;

extern "C" void fb_update_adam(fb_dtype dtype, void *const *targets, const void *const *sources, const double *numbers,
                               int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(Adam)(dtype, targets, sources, numbers, begin, end);
}

extern "C" void fb_update_sgd(fb_dtype dtype, void *const *targets, const void *const *sources, const double *numbers,
                              int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(Descend)(dtype, targets, sources, numbers, begin, end);
}
#endif
