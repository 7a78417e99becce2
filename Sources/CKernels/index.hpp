// What reading and writing at indices share.
#ifndef FBD_INDEX_HPP
#define FBD_INDEX_HPP
#include "include/fb_index.h"
#include "numeric.hpp"

namespace fbd {

// Two kinds of indices, as PyTorch has them: advanced indexing, take, put and index_fill count negative ones from the
// end, everything else refuses them.
inline int64_t wrapIndex(int64_t index, int64_t size) { return index < 0 ? index + size : index; }
inline bool isOutOfRange(int64_t index, int64_t size) { return uint64_t(wrapIndex(index, size)) >= uint64_t(size); }
inline bool isNoPlace(int64_t index, int64_t size) { return uint64_t(index) >= uint64_t(size); }

// The position of the first of count indices that is out of range, or -1.
inline int64_t firstBadIndex(const int64_t *index, int64_t count, int64_t size, bool fromEnd) {
  const int64_t least = fromEnd ? -size : 0;
  bool anyBad = false;
  for (int64_t i = 0; i < count; ++i) anyBad |= index[i] >= size || index[i] < least;
  if (!anyBad) return -1;
  for (int64_t i = 0; i < count; ++i)
    if (index[i] >= size || index[i] < least) return i;
  return -1;
}

// The lines along one dimension of a contiguous index array, and of strided operands beside it. Neighbouring lines are
// visited together, so that memory is walked in order.
struct Lines {
  int32_t ndim, dim;
  const int64_t *shape;
  const int64_t *strides[2];  // of the operands; may be null

  // body(place of the first line in the index array, offsets of the operands, number of lines)
  template <class Body>
  void forEach(int64_t begin, int64_t end, Body &&body) const {
    const bool innermost = dim == ndim - 1;
    const int32_t run = innermost ? ndim - 2 : ndim - 1;  // the dimension of neighbouring lines
    for (int64_t line = begin; line < end;) {
      int64_t rest = line, place = 0, offsets[2] = {0, 0}, step = 1, together = 1;
      for (int32_t d = ndim - 1; d >= 0; step *= shape[d], --d) {
        if (d == dim) continue;
        const int64_t position = rest % shape[d];
        rest /= shape[d];
        if (d == run) together = std::min(shape[d] - position, end - line);
        place += position * step;
        for (int i = 0; i < 2; ++i)
          if (strides[i]) offsets[i] += position * strides[i][d];
      }
      if (!innermost) body(place, offsets, together);
      else
        for (int64_t j = 0; j < together; ++j) {
          body(place + j * shape[dim], offsets, 1);
          for (int i = 0; i < 2; ++i)
            if (strides[i] && run >= 0) offsets[i] += strides[i][run];
        }
      line += together;
    }
  }

  int64_t indexStep() const {  // from one index of a line to the next
    int64_t step = 1;
    for (int32_t d = dim + 1; d < ndim; ++d) step *= shape[d];
    return step;
  }
  int64_t stride(int operand) const { return strides[operand][dim]; }
  int64_t lineStride(int operand) const { return strides[operand][ndim - 1]; }
};

// target = combine(target, source) for the reductions of scatter; MEAN adds here and divides later.
template <int mode, class T>
inline T combine(T target, T source) {
  if constexpr (mode == FB_SCATTER_ASSIGN) return source;
  else if constexpr (mode == FB_SCATTER_SUM || mode == FB_SCATTER_MEAN) return wrappingAdd(target, source);
  else if constexpr (mode == FB_SCATTER_PROD) return wrappingMul(target, source);
  else if constexpr (isComplex<T>) std::abort();
  else if constexpr (mode == FB_SCATTER_AMAX)
    return isNaN(target) || !(isNaN(source) || source > target) ? target : source;
  else return isNaN(target) || !(isNaN(source) || source < target) ? target : source;
}

template <int mode, class T>
inline T identity() {
  if constexpr (mode == FB_SCATTER_PROD) return T(1);
  else if constexpr (isComplex<T> || mode <= FB_SCATTER_MEAN) return T(0);
  else {
    constexpr bool largest = mode == FB_SCATTER_AMIN;
    using C = Compute<T>;
    using Limits = std::numeric_limits<C>;
    if constexpr (Limits::has_infinity) return T(largest ? Limits::infinity() : -Limits::infinity());
    else return T(largest ? Limits::max() : Limits::lowest());
  }
}

// A sum divided by a count: integers round down, as PyTorch's mean reductions do.
template <class T>
inline T meanOf(T sum, int64_t count) {
  if constexpr (std::is_same_v<T, bool>) return sum;
  else if constexpr (std::is_integral_v<T>) {
    const int64_t wide = int64_t(sum), quotient = wide / count;
    return T(quotient - (wide % count < 0));
  } else if constexpr (isComplex<T>) return sum / typename T::value_type(count);
  else return T(Compute<T>(sum) / Compute<T>(count));
}

// Calls body(std::integral_constant<int, mode>, Tag<T>).
template <class Body>
inline void dispatchReduce(fb_dtype dtype, int32_t mode, Body &&body) {
  if (mode == FB_SCATTER_ASSIGN)
    return dispatchSize(itemSize(dtype),
                        [&](auto tag) { body(std::integral_constant<int, FB_SCATTER_ASSIGN>{}, tag); });
  dispatch<kAll | kUnsigned>(dtype, [&](auto tag) {
    switch (mode) {
      case FB_SCATTER_SUM: return body(std::integral_constant<int, FB_SCATTER_SUM>{}, tag);
      case FB_SCATTER_PROD: return body(std::integral_constant<int, FB_SCATTER_PROD>{}, tag);
      case FB_SCATTER_MEAN: return body(std::integral_constant<int, FB_SCATTER_MEAN>{}, tag);
      case FB_SCATTER_AMAX: return body(std::integral_constant<int, FB_SCATTER_AMAX>{}, tag);
      case FB_SCATTER_AMIN: return body(std::integral_constant<int, FB_SCATTER_AMIN>{}, tag);
    }
    std::abort();
  });
}

}  // namespace fbd
#endif
