// scatter with its reductions, and the same by whole rows: index_add, index_copy, index_reduce, embedding's gradient.
#include "failure.hpp"
#include "index.hpp"
#include "scratch.hpp"

namespace fbd {
namespace {

// Whether nothing has to be known about a line but its indices.
template <int mode>
bool isSimple(const Lines &lines, bool includeSelf) {
  return lines.dim == lines.ndim - 1 && (mode == FB_SCATTER_ASSIGN || (mode == FB_SCATTER_SUM && includeSelf));
}

// The position of the first index that is out of range, or -1.
template <int mode, class T>
inline int64_t scatterLine(const int64_t *index, int64_t n, const T *from, int64_t fromStride, T *to, int64_t toStride,
                           int64_t size) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t k = index[i];
    if (isNoPlace(k, size)) return i;
    T &item = to[k * toStride];
    item = combine<mode>(item, from[i * fromStride]);
  }
  return -1;
}

template <int mode, class T>
int64_t scatterSimply(const Lines &lines, const int64_t *index, const T *source, T *target, int64_t size, int64_t begin,
                      int64_t end) {
  const int64_t n = lines.shape[lines.dim], to = lines.stride(0), from = lines.stride(1);
  int64_t bad = -1;
  lines.forEach(begin, end, [&](int64_t place, const int64_t *offsets, int64_t) {
    if (bad >= 0) return;
    const T *items = source + offsets[1];
    T *sums = target + offsets[0];
    bad = to == 1 && from == 1 ? scatterLine<mode>(index + place, n, items, 1, sums, 1, size)
                               : scatterLine<mode>(index + place, n, items, from, sums, to, size);
    if (bad >= 0) bad += place;
  });
  return bad;
}

int64_t firstBad(const Lines &lines, const int64_t *index, int64_t size, int64_t begin, int64_t end) {
  const int64_t n = lines.shape[lines.dim], step = lines.indexStep();
  int64_t bad = -1;
  lines.forEach(begin, end, [&](int64_t place, const int64_t *, int64_t together) {
    if (together == 1 && step == 1) {
      const int64_t found = bad < 0 ? firstBadIndex(index + place, n, size, false) : -1;
      if (found >= 0) bad = place + found;
      return;
    }
    for (int64_t i = 0; i < n && bad < 0; ++i) {
      const int64_t found = firstBadIndex(index + place + i * step, together, size, false);
      if (found >= 0) bad = place + i * step + found;
    }
  });
  return bad;
}

template <int mode, class T>
void scatter(const Lines &lines, const int64_t *index, const T *source, T *target, int64_t size, bool includeSelf,
             int64_t begin, int64_t end) {
  const int64_t n = lines.shape[lines.dim], step = lines.indexStep();
  const int64_t stride = lines.stride(0), lineStride = lines.lineStride(0);
  const int64_t sourceStride = lines.stride(1), sourceLineStride = lines.lineStride(1);
  const int64_t widest = lines.dim == lines.ndim - 1 ? 1 : lines.shape[lines.ndim - 1];
  Scratch scratch(mode == FB_SCATTER_MEAN ? size_t(size * widest) * sizeof(int64_t) : 0);
  int64_t *counts = scratch.as<int64_t>();
  lines.forEach(begin, end, [&](int64_t place, const int64_t *offsets, int64_t together) {
    T *to = target + offsets[0];
    const T *from = source + offsets[1];
    auto at = [&](int64_t i, int64_t j) { return index[place + i * step + j]; };
    if constexpr (mode != FB_SCATTER_ASSIGN) {
      if (!includeSelf)
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < together; ++j) to[at(i, j) * stride + j * lineStride] = identity<mode, T>();
    }
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < together; ++j) {
        T &item = to[at(i, j) * stride + j * lineStride];
        item = combine<mode>(item, from[i * sourceStride + j * sourceLineStride]);
      }
    if constexpr (mode == FB_SCATTER_MEAN) {
      std::fill(counts, counts + size * together, includeSelf ? 1 : 0);
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < together; ++j) ++counts[at(i, j) * together + j];
      for (int64_t k = 0; k < size; ++k)
        for (int64_t j = 0; j < together; ++j) {
          T &item = to[k * stride + j * lineStride];
          if (counts[k * together + j] > 1) item = meanOf(item, counts[k * together + j]);
        }
    }
  });
}

template <int mode, class T>
void reduceRows(T *target, int64_t outer, int64_t n, int64_t inner, const int64_t *index, int64_t count,
                const T *source, bool includeSelf, int64_t begin, int64_t end) {
  auto forEachRow = [&](auto body) {  // the rows of the target in begin..<end that are written
    for (int64_t j = 0; j < count; ++j) {
      const int64_t row = wrapIndex(index[j], n);
      if (row < begin || row >= end) continue;
      for (int64_t o = 0; o < outer; ++o) body(row, target + (o * n + row) * inner, source + (o * count + j) * inner);
    }
  };
  if constexpr (mode != FB_SCATTER_ASSIGN) {
    if (!includeSelf)
      forEachRow([&](int64_t, T *to, const T *) { std::fill(to, to + inner, identity<mode, T>()); });
  }
  forEachRow([&](int64_t, T *to, const T *from) {
    for (int64_t i = 0; i < inner; ++i) to[i] = combine<mode>(to[i], from[i]);
  });
  if constexpr (mode == FB_SCATTER_MEAN) {
    Scratch scratch(size_t(end - begin) * sizeof(int64_t));
    int64_t *counts = scratch.as<int64_t>();
    std::fill(counts, counts + (end - begin), includeSelf ? 1 : 0);
    for (int64_t j = 0; j < count; ++j) {
      const int64_t row = wrapIndex(index[j], n);
      if (row >= begin && row < end) ++counts[row - begin];
    }
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t row = begin; row < end; ++row) {
        T *to = target + (o * n + row) * inner;
        if (counts[row - begin] > 1)
          for (int64_t i = 0; i < inner; ++i) to[i] = meanOf(to[i], counts[row - begin]);
      }
  }
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" int64_t fb_scatter(fb_dtype dtype, int32_t mode, bool include_self, int32_t ndim, const int64_t *shape,
                              int32_t dim, const int64_t *index, const void *source, const int64_t *source_strides,
                              void *target, const int64_t *target_strides, int64_t size, int64_t begin, int64_t end) try {
  const Lines lines{ndim, dim, shape, {target_strides, source_strides}};
  if (shape[dim] == 0) return -1;
  int64_t bad = -1;
  dispatchReduce(dtype, mode, [&](auto mode, auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kMode = decltype(mode)::value;
    const T *items = static_cast<const T *>(source);
    T *sums = static_cast<T *>(target);
    if (isSimple<kMode>(lines, include_self)) {
      bad = scatterSimply<kMode>(lines, index, items, sums, size, begin, end);
      return;
    }
    bad = firstBad(lines, index, size, begin, end);
    if (bad < 0) scatter<kMode>(lines, index, items, sums, size, include_self, begin, end);
  });
  return bad;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_index_rows(fb_dtype dtype, int32_t mode, bool include_self, void *target, int64_t outer,
                                 int64_t n, int64_t inner, const int64_t *index, int64_t count, const void *source,
                                 int64_t begin, int64_t end) try {
  const int64_t bad = firstBadIndex(index, count, n, false);
  if (bad >= 0 || count == 0) return bad;
  dispatchReduce(dtype, mode, [&](auto mode, auto tag) {
    using T = typename decltype(tag)::type;
    reduceRows<decltype(mode)::value>(static_cast<T *>(target), outer, n, inner, index, count,
                                      static_cast<const T *>(source), include_self, begin, end);
  });
  return -1;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_put(fb_dtype dtype, bool accumulate, void *target, int64_t n, const int64_t *index,
                          int64_t count, const void *source) try {
  const int64_t bad = firstBadIndex(index, count, n, true);
  if (bad >= 0 || count == 0) return bad;
  dispatchReduce(dtype, accumulate ? FB_SCATTER_SUM : FB_SCATTER_ASSIGN, [&](auto mode, auto tag) {
    using T = typename decltype(tag)::type;
    reduceRows<decltype(mode)::value>(static_cast<T *>(target), 1, n, 1, index, count, static_cast<const T *>(source),
                                      true, 0, n);
  });
  return -1;
} FBD_NOTES_FAILURE(-1)

extern "C" void fb_embedding_backward(fb_dtype dtype, const void *dy, const int64_t *index, int64_t count,
                                      int64_t inner, int64_t padding_idx, const int64_t *counts, void *dweight,
                                      int64_t begin, int64_t end) try {
  dispatch<kHalves | kFloats | kComplexes>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T *to = static_cast<T *>(dweight);
    std::fill(to + begin * inner, to + end * inner, T(0));
    for (int64_t j = 0; j < count; ++j) {
      const int64_t row = index[j];
      if (row < begin || row >= end || row == padding_idx) continue;
      const T *from = static_cast<const T *>(dy) + j * inner;
      T *sums = to + row * inner;
      if (counts)
        for (int64_t i = 0; i < inner; ++i) sums[i] = wrappingAdd(sums[i], meanOf(from[i], counts[row]));
      else
        for (int64_t i = 0; i < inner; ++i) sums[i] = wrappingAdd(sums[i], from[i]);
    }
  });
} FBD_NOTES_FAILURE()
