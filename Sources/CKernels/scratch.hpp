// Reusable 64-byte aligned working memory: taken from a free list, given back at the end of the scope.
#ifndef FBD_SCRATCH_HPP
#define FBD_SCRATCH_HPP
#include <cstddef>

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

}  // namespace fbd
#endif
