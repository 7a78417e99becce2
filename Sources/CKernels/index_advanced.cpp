// Advanced indexing: several broadcast index arrays over dims of a strided tensor, reading and writing.
#include "index.hpp"

namespace fbd {
namespace {

constexpr int kMaxIndices = FB_MAX_DIMS;

// The description with neighbouring dims joined where every operand walks them as one.
class Walk {
 public:
  Walk(const fb_index_args &args, const int64_t *valueStrides) : args(args), hasValues(valueStrides != nullptr) {
    for (int32_t d = 0; d < args.ndim; ++d) {
      if (args.shape[d] == 1) continue;
      if (ndim > 0 && joins(d, valueStrides)) {
        Dim &dim = dims[ndim - 1];
        set(dim, d, valueStrides);
        dim.size = joined * args.shape[d];
      } else {
        set(dims[ndim], d, valueStrides);
        dims[ndim++].size = args.shape[d];
      }
      joined = dims[ndim - 1].size;
    }
    if (ndim == 0) {  // a single element
      dims[0] = {1, 0, 0, -1};
      ndim = 1;
    }
  }

  // Visits elements begin..<end as runs of the innermost dim: body(position, offset, value offset, run) where run gives
  // the offset of each of its elements. Returns the first position with a bad index, or -1.
  template <class Body>
  int64_t forEachRun(int64_t begin, int64_t end, Body &&body) const {
    for (int64_t position = begin; position < end;) {
      const Dim &last = dims[ndim - 1];
      int64_t rest = position, offset = 0, value = 0, starts[kMaxIndices] = {};
      const int64_t first = rest % last.size, count = std::min(last.size - first, end - position);
      for (int32_t d = ndim - 1; d >= 0; --d) {
        const int64_t at = rest % dims[d].size;
        rest /= dims[d].size;
        offset += at * dims[d].stride;
        value += at * dims[d].valueStride;
        if (dims[d].original >= 0)
          for (int32_t a = 0; a < args.n_indices; ++a) starts[a] += at * indexStride(a, dims[d].original);
      }
      int32_t varying[kMaxIndices], nVarying = 0;
      for (int32_t a = 0; a < args.n_indices; ++a) {
        if (last.original >= 0 && count > 1 && indexStride(a, last.original) != 0) {
          varying[nVarying++] = a;
          continue;
        }
        const int64_t index = args.indices[a][starts[a]];
        if (isOutOfRange(index, args.sizes[a])) return position;
        offset += wrapIndex(index, args.sizes[a]) * args.indexed_strides[a];
      }
      if (nVarying == 0) {
        body(position, offset, value, last.stride, last.valueStride, count);
      } else {
        for (int64_t j = 0; j < count; ++j) {
          int64_t place = offset + j * last.stride;
          for (int32_t v = 0; v < nVarying; ++v) {
            const int32_t a = varying[v];
            const int64_t index = args.indices[a][starts[a] + j * indexStride(a, last.original)];
            if (isOutOfRange(index, args.sizes[a])) return position + j;
            place += wrapIndex(index, args.sizes[a]) * args.indexed_strides[a];
          }
          body(position + j, place, value + j * last.valueStride, 0, 0, 1);
        }
      }
      position += count;
    }
    return -1;
  }

 private:
  struct Dim { int64_t size, stride, valueStride; int32_t original; };
  const fb_index_args &args;
  const bool hasValues;
  Dim dims[FB_MAX_DIMS];
  int32_t ndim = 0;
  int64_t joined = 1;

  int64_t indexStride(int32_t a, int32_t d) const { return args.index_strides[a * args.ndim + d]; }
  void set(Dim &dim, int32_t d, const int64_t *valueStrides) {
    dim.stride = args.strides[d];
    dim.valueStride = hasValues ? valueStrides[d] : 0;
    dim.original = d;
  }
  bool joins(int32_t d, const int64_t *valueStrides) const {
    const Dim &before = dims[ndim - 1];
    const int64_t size = args.shape[d];
    if (before.stride != args.strides[d] * size) return false;
    if (hasValues && before.valueStride != valueStrides[d] * size) return false;
    for (int32_t a = 0; a < args.n_indices; ++a)
      if (indexStride(a, before.original) != indexStride(a, d) * size) return false;
    return true;
  }
};

int64_t elementCount(const fb_index_args &args) {
  int64_t count = 1;
  for (int32_t d = 0; d < args.ndim; ++d) count *= args.shape[d];
  return count;
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" int64_t fb_index_get(const fb_index_args *args, int64_t item_size, const void *source, void *out,
                                int64_t begin, int64_t end) {
  int64_t bad = -1;
  const Walk walk(*args, nullptr);
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(source);
    T *to = static_cast<T *>(out);
    bad = walk.forEachRun(begin, end, [&](int64_t position, int64_t offset, int64_t, int64_t stride, int64_t,
                                          int64_t count) {
      if (count == 1) to[position] = from[offset];
      else if (stride == 1) std::copy(from + offset, from + offset + count, to + position);
      else
        for (int64_t j = 0; j < count; ++j) to[position + j] = from[offset + j * stride];
    });
  });
  return bad;
}

extern "C" int64_t fb_index_put(const fb_index_args *args, fb_dtype dtype, bool accumulate, void *target,
                                const void *values, const int64_t *value_strides) {
  const Walk walk(*args, value_strides);
  const int64_t count = elementCount(*args);
  const int64_t bad = walk.forEachRun(0, count, [](int64_t, int64_t, int64_t, int64_t, int64_t, int64_t) {});
  if (bad >= 0) return bad;
  dispatchReduce(dtype, accumulate ? FB_SCATTER_SUM : FB_SCATTER_ASSIGN, [&](auto mode, auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(values);
    T *to = static_cast<T *>(target);
    walk.forEachRun(0, count, [&](int64_t, int64_t offset, int64_t value, int64_t stride, int64_t valueStride,
                                  int64_t count) {
      for (int64_t j = 0; j < count; ++j) {
        T &item = to[offset + j * stride];
        item = combine<decltype(mode)::value>(item, from[value + j * valueStride]);
      }
    });
  });
  return -1;
}
