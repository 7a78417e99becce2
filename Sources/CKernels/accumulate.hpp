// A buffer to add into: the result itself, or for halves a float copy that is rounded once at the end.
#ifndef FBD_ACCUMULATE_HPP
#define FBD_ACCUMULATE_HPP
#include "numeric.hpp"
#include "scratch.hpp"

namespace fbd {

template <class T>
class Accumulated {
 public:
  explicit Accumulated(int64_t count) : count(count), scratch(isHalf<T> ? size_t(count) * sizeof(float) : 0) {}

  // Cleared memory standing for result[0..<count]; store(result) when done.
  Compute<T> *start(T *result) {
    Compute<T> *sums;
    if constexpr (isHalf<T>) sums = scratch.template as<float>();
    else sums = result;
    std::fill(sums, sums + count, Compute<T>(0));
    return sums;
  }
  void store(T *result) {
    if constexpr (isHalf<T>) std::copy(scratch.template as<float>(), scratch.template as<float>() + count, result);
  }

 private:
  int64_t count;
  Scratch scratch;
};

}  // namespace fbd
#endif
