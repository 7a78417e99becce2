// Reusable 64-byte aligned working memory: taken from a free list, given back at the end of the scope. Throws NoMemory.
#ifndef FBD_SCRATCH_HPP
#define FBD_SCRATCH_HPP
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "failure.hpp"

namespace fbd {

class Scratch {
 public:
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;
  template <class T> T *as() const { return static_cast<T *>(memory); }

 private:
  void *memory = nullptr;
  size_t capacity = 0;
};

// What vectors of kernels get their memory from.
template <class T> struct KernelAllocator {
  using value_type = T;
  KernelAllocator() = default;
  template <class U> KernelAllocator(const KernelAllocator<U> &) {}
  T *allocate(size_t count) {
    void *memory = count <= SIZE_MAX / sizeof(T) && mayAllocate() ? std::malloc(count * sizeof(T)) : nullptr;
    if (!memory) throw NoMemory(count * sizeof(T));
    return static_cast<T *>(memory);
  }
  void deallocate(T *memory, size_t) { std::free(memory); }
  template <class U> bool operator==(const KernelAllocator<U> &) const { return true; }
  template <class U> bool operator!=(const KernelAllocator<U> &) const { return false; }
};

template <class T> using Vector = std::vector<T, KernelAllocator<T>>;

}  // namespace fbd
#endif
