// Copies: what makes a view contiguous, and what writes into one.
#include <algorithm>
#include <cstring>

#include "copy_rows.hpp"
#include "cursor.h"
#include "elementwise_table.h"
#include "transpose_square.h"

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

  bool pays() const { return near < last && dims.sizeOf(near) >= 4; }

  void copy(T *to, int64_t begin, int64_t end) const {
    const int64_t firstRow = (begin + rowLength - 1) / rowLength, endRow = end / rowLength;
    if (firstRow >= endRow) return copyRuns(to, begin, end);
    copyRuns(to, begin, firstRow * rowLength);
    for (int64_t row = firstRow; row < endRow;) {  // rows: positions along `near`, as far as they are neighbours
      const int64_t most = dims.sizeOf(last) < side / 2 ? 1024 : side;
      const int64_t rows = std::min({most, endRow - row, dims.sizeOf(near) - row % dims.sizeOf(near)});
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

  int64_t offsetOf(int64_t element) const {
    int64_t offset = 0;
    for (int32_t d = last; d >= 0 && element != 0; --d) {
      offset += element % dims.sizeOf(d) * dims.strideOf(d);
      element /= dims.sizeOf(d);
    }
    return offset;
  }

  // `rows` neighbouring rows from element `begin` on.
  void copyRows(T *to, int64_t begin, int64_t rows) const {
    const int64_t columns = dims.sizeOf(last), step = dims.strideOf(last);
    for (int64_t first = 0; first < rowLength; first += columns) {
      const T *in = from + offsetOf(begin + first);
      T *out = to + first;
      for (int64_t column = 0; column < columns; column += side) {
        const int64_t count = std::min(side, columns - column);
        if (rows == side && count == side) copyBlock(in + column * step, step, out + column, columns - column - side);
        else copyPart(in + column * step, step, out + column, rows, count);  // more than `side` rows: one part
      }
    }
  }

  template <int count> void copyFew(const T *in, int64_t step, T *out, int64_t rows) const {
    for (int64_t i = 0; i < rows; ++i) {
      for (int j = 0; j < count; ++j) out[i * rowLength + j] = in[j * step + i];
    }
  }

  void copyPart(const T *in, int64_t step, T *out, int64_t rows, int64_t count) const {
    if (count == 2) return copyFew<2>(in, step, out, rows);
    if (count == 3) return copyFew<3>(in, step, out, rows);
    if (count == 4) return copyFew<4>(in, step, out, rows);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < count; ++j) out[i * rowLength + j] = in[j * step + i];
    }
  }

  // Whole lines are read, whole lines written: lines a power of two apart push each other out of the cache.
  void copyBlock(const T *in, int64_t step, T *out, int64_t more) const {
    if constexpr (sizeof(T) >= 16) {
      copyPart(in, step, out, side, side);
    } else {
      constexpr int64_t n = SmallSquare<T>::n;
      alignas(64) T block[side * side];
      for (int64_t j = 0; j < side; j += n) {
        for (int64_t i = 0; i < side; i += n) SmallSquare<T>::transpose(in + j * step + i, step, block + i * side + j, side);
      }
      for (int64_t j = 0; j < std::min(more, side); ++j) __builtin_prefetch(in + (side + j) * step);
      for (int64_t i = 0; i < side; ++i) std::memcpy(out + i * rowLength, block + i * side, 64);
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

// Copies out of a strided view whose last dimension has no gaps, all rows of a dimension at once.
bool copyPackedRows(int64_t size, const fb_operand &in, char *to, int32_t ndim, const int64_t *shape, int64_t begin,
                    int64_t end) {
  const Cursor dims(shape, in.strides, ndim, 0);
  const int32_t last = dims.dimensions() - 1;
  const int64_t row = dims.sizeOf(last), firstRow = (begin + row - 1) / row, endRow = end / row;
  if (last == 0 || dims.strideOf(last) != 1 || firstRow >= endRow) return false;
  const char *from = static_cast<const char *>(in.data);
  const auto copyPart = [&](int64_t first, int64_t behind) {  // less than a row
    if (first >= behind) return;
    const Cursor part(shape, in.strides, ndim, first);
    std::memcpy(to + first * size, from + part.position() * size, static_cast<size_t>((behind - first) * size));
  };
  copyPart(begin, firstRow * row);
  int64_t sizes[Cursor::maxRank], strides[Cursor::maxRank];
  for (int32_t d = 0; d < last; ++d) sizes[d] = dims.sizeOf(d), strides[d] = dims.strideOf(d);
  Cursor rows(sizes, strides, last, firstRow);
  rows.forRuns(static_cast<size_t>(endRow - firstRow), [&](int64_t offset, int64_t stride, size_t count, size_t done) {
    char *out = to + (firstRow + static_cast<int64_t>(done)) * row * size;
    fb_copy_rows(from + offset * size, stride * size, out, row * size, static_cast<int64_t>(count), row * size);
  });
  copyPart(endRow * row, end);
  return true;
}

}  // namespace

// Small pieces by hand: a call of memcpy takes longer than the copy.
template <size_t size> void copySmallRows(const char *from, int64_t fromStep, char *to, int64_t toStep, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) std::memcpy(to + r * toStep, from + r * fromStep, size);
}

bool copyElements(const fb_operand &in, const fb_operand &out, int32_t ndim, const int64_t *shape, int64_t begin,
                  int64_t end) {
  if (in.dtype != out.dtype || (in.kind == FB_STRIDED && out.kind == FB_STRIDED)) return false;
  const size_t size = sizeOf(in.dtype), n = static_cast<size_t>(end - begin);
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
  } else if (!transposeBySize(size, in, to, ndim, shape, begin, end) &&
             !copyPackedRows(element, in, to, ndim, shape, begin, end)) {
    const Load copyIn = conversions().copyIn[log2];
    Cursor cursor(shape, in.strides, ndim, begin);
    cursor.forRuns(n, [&](int64_t offset, int64_t stride, size_t count, size_t done) {
      copyIn(from + offset * element, stride, to + (begin + static_cast<int64_t>(done)) * element, count);
    });
  }
  return true;
}

}  // namespace fb

void fb_copy_rows(const void *from, int64_t from_step, void *to, int64_t to_step, int64_t rows, int64_t bytes) {
  const char *source = static_cast<const char *>(from);
  char *target = static_cast<char *>(to);
  switch (bytes) {
    case 1: return fb::copySmallRows<1>(source, from_step, target, to_step, rows);
    case 2: return fb::copySmallRows<2>(source, from_step, target, to_step, rows);
    case 4: return fb::copySmallRows<4>(source, from_step, target, to_step, rows);
    case 8: return fb::copySmallRows<8>(source, from_step, target, to_step, rows);
    case 16: return fb::copySmallRows<16>(source, from_step, target, to_step, rows);
    case 32: return fb::copySmallRows<32>(source, from_step, target, to_step, rows);
    case 64: return fb::copySmallRows<64>(source, from_step, target, to_step, rows);
    default: break;
  }
  const size_t size = static_cast<size_t>(bytes);
  if (fbd::isVectorRow(bytes)) return fbd::copyRows(from, from_step, to, to_step, rows, bytes);
  if (size < 16 || size > 256) {
    for (int64_t r = 0; r < rows; ++r) std::memcpy(target + r * to_step, source + r * from_step, size);
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {  // by 16 bytes, the last 16 perhaps twice
    const char *in = source + r * from_step;
    char *out = target + r * to_step;
    for (size_t k = 0; k + 16 <= size; k += 16) std::memcpy(out + k, in + k, 16);
    std::memcpy(out + size - 16, in + size - 16, 16);
  }
}
