// gather, index_select, take and index_fill.
#include "copy_rows.hpp"
#include "failure.hpp"
#include "index.hpp"

using namespace fbd;

namespace {

// The position of the first index that is out of range, or -1.
template <class T>
inline int64_t gatherLine(const T *from, int64_t size, int64_t stride, const int64_t *index, int64_t n, T *to) {
  for (int64_t i = 0; i < n; ++i) {
    if (isNoPlace(index[i], size)) return i;
    to[i] = from[index[i] * stride];
  }
  return -1;
}

}  // namespace

extern "C" int64_t fb_line_count(int32_t ndim, const int64_t *shape, int32_t dim) {
  int64_t count = 1;
  for (int32_t d = 0; d < ndim; ++d)
    if (d != dim) count *= shape[d];
  return count;
}

extern "C" int64_t fb_gather(int64_t item_size, int32_t ndim, const int64_t *shape, int32_t dim, const int64_t *index,
                             const void *source, const int64_t *source_strides, int64_t size, void *out, int64_t begin,
                             int64_t end) try {
  const Lines lines{ndim, dim, shape, {source_strides, nullptr}};
  const int64_t step = lines.indexStep(), stride = lines.stride(0), lineStride = lines.lineStride(0);
  int64_t bad = -1;
  // Short lines of a packed source along the last dimension: those of the index array lie as they do.
  bool isPacked = dim == ndim - 1 && stride == 1;
  for (int64_t d = ndim - 2, expected = size; d >= 0; expected *= shape[d--])
    isPacked = isPacked && (shape[d] == 1 || source_strides[d] == expected);
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (isPacked) {
      const int64_t n = shape[dim];
      const T *from = static_cast<const T *>(source) + begin * size;
      for (int64_t place = begin * n; place < end * n && bad < 0; place += n, from += size) {
        bad = gatherLine(from, size, 1, index + place, n, static_cast<T *>(out) + place);
        if (bad >= 0) bad += place;
      }
      return;
    }
    lines.forEach(begin, end, [&](int64_t place, const int64_t *offsets, int64_t together) {
      const T *from = static_cast<const T *>(source) + offsets[0];
      if (together == 1 && step == 1) {
        const int64_t n = shape[dim], *at = index + place;
        T *to = static_cast<T *>(out) + place;
        if (bad >= 0) return;
        bad = stride == 1 ? gatherLine(from, size, 1, at, n, to) : gatherLine(from, size, stride, at, n, to);
        if (bad >= 0) bad += place;
        return;
      }
      for (int64_t i = 0; i < shape[dim] && bad < 0; ++i)
        for (int64_t j = 0; j < together; ++j) {
          const int64_t at = place + i * step + j;
          if (isNoPlace(index[at], size)) {
            bad = at;
            return;
          }
          static_cast<T *>(out)[at] = from[index[at] * stride + j * lineStride];
        }
    });
  });
  return bad;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_index_select(int64_t item_size, const void *source, int64_t outer, int64_t n, int64_t inner,
                                   const int64_t *index, int64_t count, void *out, int64_t begin, int64_t end) try {
  int64_t bad = -1;
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(source);
    T *to = static_cast<T *>(out);
    const int64_t bytes = inner * int64_t(sizeof(T));
    if (outer == 1 && isVectorRow(bytes)) {
      bad = firstBadIndex(index + begin, end - begin, n, false);
      if (bad >= 0) bad += begin;
      else copyIndexedRows(source, n, index + begin, to + begin * inner, end - begin, bytes);
      return;
    }
    if (inner == 1) {
      for (int64_t row = begin; row < end && bad < 0;) {
        const int64_t o = row / count, j = row % count, run = std::min(end - row, count - j);
        bad = gatherLine(from + o * n, n, 1, index + j, run, to + row);
        if (bad >= 0) bad += j;
        row += run;
      }
      return;
    }
    for (int64_t row = begin; row < end; ++row) {
      const int64_t j = row % count, o = row / count;
      if (isNoPlace(index[j], n)) {
        bad = j;
        return;
      }
      const T *item = from + (o * n + index[j]) * inner;
      std::copy(item, item + inner, to + row * inner);
    }
  });
  return bad;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_take(int64_t item_size, const void *source, int64_t n, const int64_t *index, void *out,
                           int64_t begin, int64_t end) try {
  int64_t bad = -1;
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = begin; i < end; ++i) {
      if (isOutOfRange(index[i], n)) {
        bad = i;
        return;
      }
      static_cast<T *>(out)[i] = static_cast<const T *>(source)[wrapIndex(index[i], n)];
    }
  });
  return bad;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_index_fill(int64_t item_size, void *target, int64_t outer, int64_t n, int64_t inner,
                                 const int64_t *index, int64_t count, const void *value) try {
  const int64_t bad = firstBadIndex(index, count, n, true);
  if (bad >= 0) return bad;
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T item = *static_cast<const T *>(value);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t j = 0; j < count; ++j) {
        T *row = static_cast<T *>(target) + (o * n + wrapIndex(index[j], n)) * inner;
        std::fill(row, row + inner, item);
      }
  });
  return -1;
} FBD_NOTES_FAILURE(-1)
