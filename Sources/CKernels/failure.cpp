#include "failure.hpp"

#include <atomic>

#include "include/fb_memory.h"

namespace fbd {

struct Starvation {
  std::atomic<int64_t> left;  // allocations up to the one that fails
};

namespace {

thread_local int64_t failedBytes = 0;
thread_local Starvation *current = nullptr;

}  // namespace

Starvation *&starvation() noexcept { return current; }

bool mayAllocate() noexcept {
  return current == nullptr || current->left.fetch_sub(1, std::memory_order_relaxed) != 1;
}

void noteFailure() noexcept {
  int64_t bytes = -1;
  try {
    throw;
  } catch (const NoMemory &failure) {
    bytes = static_cast<int64_t>(failure.bytes);
  } catch (...) {  // of a library that does not say how much it wanted
  }
  fb_note_failure(bytes);
}

}  // namespace fbd

extern "C" void fb_note_failure(int64_t bytes) {
  if (fbd::failedBytes == 0) fbd::failedBytes = bytes ? bytes : -1;
}

extern "C" int64_t fb_take_failure(void) {
  const int64_t bytes = fbd::failedBytes;
  fbd::failedBytes = 0;
  return bytes;
}

extern "C" bool fb_may_allocate(void) { return fbd::mayAllocate(); }

extern "C" bool fb_starve(int64_t n, void (*body)(void *), void *context) {
  fbd::Starvation starvation{{n}};
  fbd::Starvation *const outer = fbd::current;
  fbd::current = &starvation;
  body(context);
  fbd::current = outer;
  return starvation.left.load(std::memory_order_relaxed) <= 0;
}
