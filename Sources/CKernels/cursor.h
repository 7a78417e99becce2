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
      carry();
    }
  }

  // Each number comes several times in a row, `limit` at most.
  bool repeatsNumbers(int64_t limit) const { return rank > 1 && stride[rank - 1] == 0 && sizes[rank - 1] <= limit; }

  // The next n elements of such an operand; may write three more.
  template <class T> void spread(const T *data, size_t n, T *to) {
    const size_t run = static_cast<size_t>(sizes[rank - 1]);
    const int32_t rows = rank - 2;
    for (size_t done = 0; done < n;) {
      if (index[rank - 1] > 0 || n - done < run) {  // a part of a row
        const size_t count = std::min(n - done, run - static_cast<size_t>(index[rank - 1]));
        forRuns(count, [&](int64_t offset, int64_t, size_t count, size_t) { std::fill_n(to + done, count, data[offset]); });
        done += count;
        continue;
      }
      const int64_t left = sizes[rows] - index[rows], whole = std::min(static_cast<int64_t>((n - done) / run), left);
      for (int64_t r = 0; r < whole; ++r, done += run) {
        const T value = data[offset + r * stride[rows]];
        for (size_t k = 0; k < run; k += 4)
          for (size_t j = 0; j < 4; ++j) to[done + k + j] = value;
      }
      index[rows] += whole - 1;
      offset += (whole - 1) * stride[rows];
      index[rank - 1] = sizes[rank - 1];
      carry();
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
  // At the end of a dimension on to the next element of the one outside it.
  void carry() {
    for (int32_t d = rank - 1; index[d] == sizes[d];) {
      offset -= sizes[d] * stride[d];
      index[d] = 0;
      if (--d < 0) break;
      ++index[d];
      offset += stride[d];
    }
  }

  int32_t rank;
  int64_t offset;  // of the next element
  int64_t sizes[maxRank], stride[maxRank], index[maxRank];
};

}  // namespace fb
#endif
