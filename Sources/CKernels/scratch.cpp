#include "scratch.hpp"

#include <cstdlib>
#include <mutex>
#include <utility>

#include "include/fb_gemm.h"

namespace fbd {
namespace {

constexpr int kSlots = 32;
struct Slot { void *memory; size_t capacity; };
Slot slots[kSlots];
std::mutex slotsLock;

}  // namespace

Scratch::Scratch(size_t bytes) {
  if (bytes == 0) return;
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
  capacity = (bytes + 4095) / 4096 * 4096;
  memory = std::aligned_alloc(64, capacity);
  if (!memory) {
    fb_release_scratch();
    memory = std::aligned_alloc(64, capacity);
  }
  if (!memory) std::abort();
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
