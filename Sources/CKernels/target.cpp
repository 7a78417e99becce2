// Which vector instructions this CPU has. Highway's library answers that too, but whoever loads it waits 2-4 ms for its
// benchmark's measurement of the clock; these are the three functions of it that its headers need.
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "fb_debug.h"
#include "target.hpp"

namespace hwy {

int64_t SupportedTargets() {
  static const int64_t supported = [] {
    int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                      __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt");
    if (avx2) targets |= HWY_AVX2;
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512cd");
    if (avx512) targets |= HWY_AVX3;
#endif
    return targets;
  }();
  return supported;
}

ChosenTarget &GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

// Where an assertion fails; debug builds have some.
void Abort(const char *file, int line, const char *format, ...) {
  std::fprintf(stderr, "%s:%d: ", file, line);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace hwy

bool fbd::hasFullRate512() {
#if HWY_ARCH_X86
  static const bool has = (hwy::SupportedTargets() & HWY_AVX3) && __builtin_cpu_is("intel");
  return has;
#else
  return false;
#endif
}

const char *fb_vector_target(void) {
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(usable & -usable);  // the best one has the lowest bit
}
