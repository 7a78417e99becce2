// Copies: what makes a view contiguous, and what writes into one.
#include <algorithm>
#include <cstring>

#include "cursor.h"
#include "elementwise_table.h"

namespace fb {
namespace {

struct Bytes16 {
  uint64_t low, high;
};

// Copies out of a strided view whose last dimension has gaps while another one, `near`, has none: a transposition.
// Blocks of a cache line by a cache line are read along `near` and written along the last dimension.
template <class T> class Transposition {
 public:
  Transposition(const fb_operand &in, int32_t ndim, const int64_t *shape)
      : from(static_cast<const T *>(in.data)), ndim(ndim), shape(shape), strides(in.strides),
        dims(shape, in.strides, ndim, 0) {
    last = dims.dimensions() - 1;
    while (near < last && dims.strideOf(near) != 1) ++near;
    for (int32_t d = near + 1; d <= last; ++d) rowLength *= dims.sizeOf(d);
  }

  bool pays() const { return near < last && dims.sizeOf(near) >= side / 2 && dims.sizeOf(last) >= side / 2; }

  void copy(T *to, int64_t begin, int64_t end) const {
    const int64_t firstRow = (begin + rowLength - 1) / rowLength, endRow = end / rowLength;
    if (firstRow >= endRow) return copyRuns(to, begin, end);
    copyRuns(to, begin, firstRow * rowLength);
    for (int64_t row = firstRow; row < endRow;) {  // rows: positions along `near`, as far as they are neighbours
      const int64_t rows = std::min({side, endRow - row, dims.sizeOf(near) - row % dims.sizeOf(near)});
      copyRows(to + row * rowLength, row * rowLength, rows);
      row += rows;
    }
    copyRuns(to, endRow * rowLength, end);
  }

 private:
  static constexpr int64_t side = sizeof(T) >= 16 ? 4 : 64 / sizeof(T);
  const T *from;
  int32_t ndim;
  const int64_t *shape, *strides;
  Cursor dims;
  int32_t near = 0, last;
  int64_t rowLength = 1;

  // Elements begin..<end one after the other; `to` is the start of the output.
  void copyRuns(T *to, int64_t begin, int64_t end) const {
    if (begin >= end) return;
    Cursor cursor(shape, strides, ndim, begin);
    cursor.forRuns(static_cast<size_t>(end - begin), [&](int64_t offset, int64_t stride, size_t count, size_t done) {
      T *out = to + begin + done;
      for (size_t i = 0; i < count; ++i) out[i] = from[offset + static_cast<int64_t>(i) * stride];
    });
  }

  // `rows` neighbouring rows from element `begin` on.
  void copyRows(T *to, int64_t begin, int64_t rows) const {
    const int64_t columns = dims.sizeOf(last), step = dims.strideOf(last);
    for (int64_t first = 0; first < rowLength; first += columns) {
      const T *in = from + Cursor(shape, strides, ndim, begin + first).position();
      T *out = to + first;
      for (int64_t column = 0; column < columns; column += side) {
        T block[side * side];
        const int64_t count = std::min(side, columns - column);
        for (int64_t j = 0; j < count; ++j) {
          std::memcpy(block + j * side, in + (column + j) * step, static_cast<size_t>(rows) * sizeof(T));
        }
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j < count; ++j) out[i * rowLength + column + j] = block[j * side + i];
        }
      }
    }
  }
};

template <class T>
bool transpose(const fb_operand &in, void *to, int32_t ndim, const int64_t *shape, int64_t begin, int64_t end) {
  const Transposition<T> transposition(in, ndim, shape);
  if (!transposition.pays()) return false;
  transposition.copy(static_cast<T *>(to), begin, end);
  return true;
}

bool transposeBySize(size_t size, const fb_operand &in, void *to, int32_t ndim, const int64_t *shape, int64_t begin,
                     int64_t end) {
  switch (size) {
    case 1: return transpose<uint8_t>(in, to, ndim, shape, begin, end);
    case 2: return transpose<uint16_t>(in, to, ndim, shape, begin, end);
    case 4: return transpose<uint32_t>(in, to, ndim, shape, begin, end);
    case 8: return transpose<uint64_t>(in, to, ndim, shape, begin, end);
    default: return transpose<Bytes16>(in, to, ndim, shape, begin, end);
  }
}

}  // namespace

bool copyElements(const fb_operand &in, const fb_operand &out, int32_t ndim, const int64_t *shape, int64_t begin,
                  int64_t end) {
  if (in.dtype != out.dtype || (in.kind == FB_STRIDED && out.kind == FB_STRIDED)) return false;
  const size_t size = dtypeSize[in.dtype], n = static_cast<size_t>(end - begin);
  const int log2 = __builtin_ctzll(size);
  const int64_t element = static_cast<int64_t>(size);
  char *to = static_cast<char *>(out.data);
  const char *from = static_cast<const char *>(in.data);
  if (out.kind == FB_STRIDED) {
    const Store copyOut = conversions().copyOut[log2];
    Cursor cursor(shape, out.strides, ndim, begin);
    cursor.forRuns(n, [&](int64_t offset, int64_t stride, size_t count, size_t done) {
      if (in.kind == FB_LINEAR) {
        copyOut(from + (begin + static_cast<int64_t>(done)) * element, to + offset * element, stride, count);
        return;
      }
      for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) {
        std::memcpy(to + (offset + i * stride) * element, from, size);
      }
    });
  } else if (in.kind == FB_LINEAR) {
    std::memmove(to + begin * element, from + begin * element, n * size);
  } else if (in.kind == FB_SINGLE) {
    conversions().copyIn[log2](from, 0, to + begin * element, n);
  } else if (!transposeBySize(size, in, to, ndim, shape, begin, end)) {
    const Load copyIn = conversions().copyIn[log2];
    Cursor cursor(shape, in.strides, ndim, begin);
    cursor.forRuns(n, [&](int64_t offset, int64_t stride, size_t count, size_t done) {
      copyIn(from + offset * element, stride, to + (begin + static_cast<int64_t>(done)) * element, count);
    });
  }
  return true;
}

}  // namespace fb
