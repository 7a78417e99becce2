// Walks a strided operand in row-major order, in runs of constant stride.
#ifndef FB_CURSOR_H
#define FB_CURSOR_H
#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace fb {

class Cursor {
 public:
  static constexpr int maxRank = 64;

  // Starts at element `begin`. Neighbouring dimensions that lie one behind the other count as one.
  Cursor(const int64_t *shape, const int64_t *strides, int32_t ndim, int64_t begin) {
    rank = 0;
    for (int32_t d = 0; d < ndim; ++d) {
      if (shape[d] == 1) continue;
      if (rank > 0 && stride[rank - 1] == strides[d] * shape[d]) {
        sizes[rank - 1] *= shape[d];
        stride[rank - 1] = strides[d];
      } else {
        sizes[rank] = shape[d];
        stride[rank] = strides[d];
        ++rank;
      }
    }
    if (rank == 0) {
      sizes[0] = 1;
      stride[0] = 1;
      rank = 1;
    }
    offset = 0;
    for (int32_t d = rank - 1; d >= 0; --d) {
      index[d] = begin == 0 ? 0 : begin % sizes[d];
      begin = begin == 0 ? 0 : begin / sizes[d];
      offset += index[d] * stride[d];
    }
  }

  // Calls body(offset, stride, count, done) for each run of the next n elements, `done` of which lie before it.
  template <class Body> void forRuns(size_t n, Body body) {
    const int32_t last = rank - 1;
    size_t done = 0;
    while (done < n) {
      const size_t run = std::min(n - done, static_cast<size_t>(sizes[last] - index[last]));
      body(offset, stride[last], run, done);
      done += run;
      index[last] += static_cast<int64_t>(run);
      offset += static_cast<int64_t>(run) * stride[last];
      for (int32_t d = last; index[d] == sizes[d];) {
        offset -= sizes[d] * stride[d];
        index[d] = 0;
        if (--d < 0) break;
        ++index[d];
        offset += stride[d];
      }
    }
  }

  // After how many elements the operand repeats for ever, if at most `limit`; otherwise 0.
  int64_t period(int64_t limit) const {
    return rank == 2 && stride[0] == 0 && sizes[1] <= limit ? sizes[1] : 0;
  }

  // The coalesced dimensions.
  int32_t dimensions() const { return rank; }
  int64_t sizeOf(int32_t d) const { return sizes[d]; }
  int64_t strideOf(int32_t d) const { return stride[d]; }
  int64_t position() const { return offset; }

 private:
  int32_t rank;
  int64_t offset;  // of the next element
  int64_t sizes[maxRank], stride[maxRank], index[maxRank];
};

}  // namespace fb
#endif
