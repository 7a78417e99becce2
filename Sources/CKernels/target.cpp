#include <hwy/highway.h>
#include <hwy/targets.h>

#include "fb_debug.h"

const char *fb_vector_target(void) {
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(usable & -usable);  // the best one has the lowest bit
}
