// SLEEF's functions for the vectors of one SIMD target (libsleef, which PyTorch's CPU kernels use as well).
// A name with its accuracy gives a functor: FB_SLEEF1(Exp, exp, u10) -> Exp()(d, v).
#if defined(FB_SLEEF_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_SLEEF_INL_H
#undef FB_SLEEF_INL_H
#else
#define FB_SLEEF_INL_H
#endif

#include <hwy/highway.h>

#include <cmath>

#undef FB_SLEEF_F
#undef FB_SLEEF_D
#undef FB_REGISTER
#undef FB_SLEEF1
#undef FB_SLEEF2

#if HWY_ARCH_X86_64 && defined(__ELF__) && HWY_TARGET <= HWY_AVX3
#define FB_SLEEF_F(name, precision) "Sleef_" #name "f16_" #precision "avx512f"
#define FB_SLEEF_D(name, precision) "Sleef_" #name "d8_" #precision "avx512f"
#define FB_REGISTER "%zmm"
#elif HWY_ARCH_X86_64 && defined(__ELF__) && HWY_TARGET <= HWY_AVX2
#define FB_SLEEF_F(name, precision) "Sleef_" #name "f8_" #precision "avx2"
#define FB_SLEEF_D(name, precision) "Sleef_" #name "d4_" #precision "avx2"
#define FB_REGISTER "%ymm"
#endif

#ifdef FB_REGISTER
// SLEEF takes vectors in registers, but without -mavx clang passes them on the stack, whatever the target of the
// function. So each function has a stub in assembly: operands and result through memory.
#define FB_STUB1(symbol)                                                                                  \
  __asm__("pushq %rbx\n movq %rsi, %rbx\n vmovups (%rdi), " FB_REGISTER "0\n call " symbol "@PLT\n" \
          "vmovups " FB_REGISTER "0, (%rbx)\n popq %rbx\n ret");
#define FB_STUB2(symbol)                                                                                             \
  __asm__("pushq %rbx\n movq %rdx, %rbx\n vmovups (%rdi), " FB_REGISTER "0\n vmovups (%rsi), " FB_REGISTER "1\n call " \
          symbol "@PLT\n vmovups " FB_REGISTER "0, (%rbx)\n popq %rbx\n ret");

#define FB_SLEEF1(Name, name, precision)                                                                              \
  struct Name {                                                                                                       \
    __attribute__((naked)) static void OnFloat(const void *, void *) { FB_STUB1(FB_SLEEF_F(name, precision)) }        \
    __attribute__((naked)) static void OnDouble(const void *, void *) { FB_STUB1(FB_SLEEF_D(name, precision)) }       \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const {                                \
      HWY_ALIGN hn::TFromD<D> x[hn::MaxLanes(D())];                                                                   \
      hn::Store(a, d, x);                                                                                             \
      if constexpr (sizeof(x[0]) == 4) OnFloat(x, x);                                                                 \
      else OnDouble(x, x);                                                                                            \
      return hn::Load(d, x);                                                                                          \
    }                                                                                                                 \
  };
#define FB_SLEEF2(Name, name, precision)                                                                              \
  struct Name {                                                                                                       \
    __attribute__((naked)) static void OnFloat(const void *, const void *, void *) {                                  \
      FB_STUB2(FB_SLEEF_F(name, precision))                                                                           \
    }                                                                                                                 \
    __attribute__((naked)) static void OnDouble(const void *, const void *, void *) {                                 \
      FB_STUB2(FB_SLEEF_D(name, precision))                                                                           \
    }                                                                                                                 \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a, V b) const {                           \
      HWY_ALIGN hn::TFromD<D> x[hn::MaxLanes(D())];                                                                   \
      HWY_ALIGN hn::TFromD<D> y[hn::MaxLanes(D())];                                                                   \
      hn::Store(a, d, x);                                                                                             \
      hn::Store(b, d, y);                                                                                             \
      if constexpr (sizeof(x[0]) == 4) OnFloat(x, y, x);                                                              \
      else OnDouble(x, y, x);                                                                                         \
      return hn::Load(d, x);                                                                                          \
    }                                                                                                                 \
  };
#else  // older and other machines: the C library, lane by lane
#define FB_SLEEF1(Name, name, precision)                                                  \
  struct Name {                                                                           \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const {    \
      HWY_ALIGN hn::TFromD<D> x[hn::MaxLanes(D())];                                       \
      hn::Store(a, d, x);                                                                 \
      for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = std::name(x[i]);                   \
      return hn::Load(d, x);                                                              \
    }                                                                                     \
  };
#define FB_SLEEF2(Name, name, precision)                                                    \
  struct Name {                                                                             \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a, V b) const { \
      HWY_ALIGN hn::TFromD<D> x[hn::MaxLanes(D())];                                         \
      HWY_ALIGN hn::TFromD<D> y[hn::MaxLanes(D())];                                         \
      hn::Store(a, d, x);                                                                   \
      hn::Store(b, d, y);                                                                   \
      for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = std::name(x[i], y[i]);               \
      return hn::Load(d, x);                                                                \
    }                                                                                       \
  };
#endif

#endif
