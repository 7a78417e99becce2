#include "scratch.hpp"

#include <sys/resource.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "include/fb_memory.h"

namespace fbd {
namespace {

constexpr int kSlots = 32;
struct Slot { void *memory; size_t capacity; };
Slot slots[kSlots];
std::mutex slotsLock;

}  // namespace

Scratch::Scratch(size_t bytes) {
  if (bytes == 0) return;
  if (!mayAllocate()) throw NoMemory(bytes);
  {
    std::lock_guard<std::mutex> guard(slotsLock);
    Slot *best = nullptr;
    for (Slot &slot : slots)
      if (slot.memory && slot.capacity >= bytes && (!best || slot.capacity < best->capacity)) best = &slot;
    if (best) {
      memory = best->memory;
      capacity = best->capacity;
      *best = {};
      return;
    }
  }
  if (bytes > SIZE_MAX / 2) throw NoMemory(bytes);
  capacity = (bytes + 4095) / 4096 * 4096;
  memory = std::aligned_alloc(64, capacity);
  if (!memory) {
    fb_release_scratch();
    memory = std::aligned_alloc(64, capacity);
  }
  if (!memory) throw NoMemory(bytes);
}

Scratch::~Scratch() {
  if (!memory) return;
  {
    std::lock_guard<std::mutex> guard(slotsLock);
    Slot *smallest = &slots[0];
    for (Slot &slot : slots) {
      if (!slot.memory) {
        slot = {memory, capacity};
        return;
      }
      if (slot.capacity < smallest->capacity) smallest = &slot;
    }
    if (smallest->capacity < capacity) {  // keep the larger block
      std::swap(smallest->memory, memory);
      std::swap(smallest->capacity, capacity);
    }
  }
  std::free(memory);
}

}  // namespace fbd

extern "C" void fb_release_scratch(void) {
  std::lock_guard<std::mutex> guard(fbd::slotsLock);
  for (fbd::Slot &slot : fbd::slots) {
    std::free(slot.memory);
    slot = {};
  }
}

extern "C" void fb_trim_heap(void) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

extern "C" int64_t fb_memory_limit(void) {
  int64_t least = INT64_MAX;
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit;
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur < static_cast<rlim_t>(INT64_MAX))
      least = std::min(least, static_cast<int64_t>(limit.rlim_cur));
  }
  return least;
}
