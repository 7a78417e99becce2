// Which of its kernels OpenBLAS takes. It knows processors by their model numbers: on one that is newer than itself it falls
// back to kernels of 2004, a fifth as fast (0.3.21 on an Intel Emerald Rapids). Which instructions there are can be asked.
#include <cblas.h>
#include <hwy/targets.h>

#include <cstdlib>
#include <cstring>

#include "fb_debug.h"

// Of builds that choose at run time; others lack them.
extern "C" __attribute__((weak)) void gotoblas_dynamic_init(void);
extern "C" __attribute__((weak)) void gotoblas_dynamic_quit(void);

namespace {

// Before main, while nobody else computes.
__attribute__((constructor)) void chooseCore() {
#if HWY_ARCH_X86
  if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit || std::getenv("OPENBLAS_CORETYPE")) return;
  const char *fallback = "Prescott";
  if (std::strcmp(openblas_get_corename(), fallback) != 0) return;
  const int64_t targets = hwy::SupportedTargets();
  const char *core = targets & HWY_AVX3 ? "SKYLAKEX" : targets & HWY_AVX2 ? "HASWELL" : nullptr;
  if (!core) return;
  setenv("OPENBLAS_CORETYPE", core, 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv("OPENBLAS_CORETYPE");
#endif
}

}  // namespace

const char *fb_blas_core(void) { return openblas_get_corename(); }
