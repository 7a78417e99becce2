// SLEEF's functions for the vectors of one SIMD target (libsleef, as PyTorch's own CPU kernels use it).
// A name with its accuracy gives a functor: FB_SLEEF1(Exp, exp, u10) -> Exp()(d, v).
#if defined(FB_SLEEF_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_SLEEF_INL_H
#undef FB_SLEEF_INL_H
#else
#define FB_SLEEF_INL_H
#endif

#include <hwy/highway.h>

#include <cmath>

#undef FB_VF
#undef FB_VD
#undef FB_SF
#undef FB_SD
#undef FB_SLEEF1
#undef FB_SLEEF2

// The names that sleef.h declares depend on compiler flags, so the functions are declared here.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
#define FB_VF __m512
#define FB_VD __m512d
#define FB_SF(name, precision) Sleef_##name##f16_##precision##avx512f
#define FB_SD(name, precision) Sleef_##name##d8_##precision##avx512f
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
#define FB_VF __m256
#define FB_VD __m256d
#define FB_SF(name, precision) Sleef_##name##f8_##precision##avx2
#define FB_SD(name, precision) Sleef_##name##d4_##precision##avx2
#endif

#ifdef FB_VF
#define FB_SLEEF1(Name, name, precision)                                                        \
  extern "C" FB_VF FB_SF(name, precision)(FB_VF);                                               \
  extern "C" FB_VD FB_SD(name, precision)(FB_VD);                                               \
  struct Name {                                                                                 \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D, V a) const {            \
      if constexpr (sizeof(hn::TFromD<D>) == 4) return V{FB_SF(name, precision)(a.raw)};        \
      else return V{FB_SD(name, precision)(a.raw)};                                             \
    }                                                                                           \
  };
#define FB_SLEEF2(Name, name, precision)                                                        \
  extern "C" FB_VF FB_SF(name, precision)(FB_VF, FB_VF);                                        \
  extern "C" FB_VD FB_SD(name, precision)(FB_VD, FB_VD);                                        \
  struct Name {                                                                                 \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D, V a, V b) const {       \
      if constexpr (sizeof(hn::TFromD<D>) == 4) return V{FB_SF(name, precision)(a.raw, b.raw)}; \
      else return V{FB_SD(name, precision)(a.raw, b.raw)};                                      \
    }                                                                                           \
  };
#else  // older and other machines: the C library, lane by lane
#define FB_SLEEF1(Name, name, precision)                                               \
  struct Name {                                                                        \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a) const { \
      HWY_ALIGN hn::TFromD<D> x[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];                \
      hn::Store(a, d, x);                                                              \
      for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = std::name(x[i]);                \
      return hn::Load(d, x);                                                           \
    }                                                                                  \
  };
#define FB_SLEEF2(Name, name, precision)                                                    \
  struct Name {                                                                             \
    template <class D, class V = hn::Vec<D>> HWY_INLINE V operator()(D d, V a, V b) const { \
      HWY_ALIGN hn::TFromD<D> x[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];                     \
      HWY_ALIGN hn::TFromD<D> y[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];                     \
      hn::Store(a, d, x);                                                                   \
      hn::Store(b, d, y);                                                                   \
      for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = std::name(x[i], y[i]);               \
      return hn::Load(d, x);                                                                \
    }                                                                                       \
  };
#endif

#endif
