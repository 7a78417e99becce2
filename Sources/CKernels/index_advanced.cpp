// Advanced indexing: several broadcast index arrays over dims of a strided tensor, reading and writing.
#include "failure.hpp"
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

  // Visits elements begin..<end as runs of the innermost dim. Where no index changes inside a run:
  // body.strided(position, offset, stride, value offset, value stride, count). Where one does:
  // body.gathered(the same, indices, step from one index to the next, size, stride of the indexed dim), which returns
  // the number of elements before a bad index. Returns the first position with a bad index, or -1.
  template <class Body>
  int64_t forEachRun(int64_t begin, int64_t end, Body &&body) const {
    const Dim &last = dims[ndim - 1];
    int64_t at[FB_MAX_DIMS] = {}, starts[kMaxIndices] = {}, offset = 0, value = 0, rest = begin / last.size;
    auto move = [&](int32_t d, int64_t steps) {
      offset += steps * dims[d].stride;
      value += steps * dims[d].valueStride;
      if (dims[d].original >= 0)
        for (int32_t a = 0; a < args.n_indices; ++a) starts[a] += steps * indexStride(a, dims[d].original);
    };
    for (int32_t d = ndim - 2; d >= 0; --d) {
      at[d] = rest % dims[d].size;
      rest /= dims[d].size;
      move(d, at[d]);
    }
    int32_t varying[kMaxIndices], nVarying = 0;
    for (int32_t a = 0; a < args.n_indices; ++a)
      if (last.original >= 0 && last.size > 1 && indexStride(a, last.original) != 0) varying[nVarying++] = a;

    for (int64_t position = begin; position < end;) {
      const int64_t first = position % last.size, count = std::min(last.size - first, end - position);
      int64_t place = offset + first * last.stride;
      const int64_t from = value + first * last.valueStride;
      for (int32_t a = 0, v = 0; a < args.n_indices; ++a) {
        if (v < nVarying && varying[v] == a) {
          ++v;
          continue;
        }
        const int64_t index = args.indices[a][starts[a]];
        if (isOutOfRange(index, args.sizes[a])) return position;
        place += wrapIndex(index, args.sizes[a]) * args.indexed_strides[a];
      }
      auto indices = [&](int32_t a) { return args.indices[a] + starts[a] + first * indexStride(a, last.original); };
      if (nVarying == 0) {
        body.strided(position, place, last.stride, from, last.valueStride, count);
      } else if (nVarying == 1) {
        const int32_t a = varying[0];
        const int64_t good = body.gathered(position, place, last.stride, from, last.valueStride, count, indices(a),
                                           indexStride(a, last.original), args.sizes[a], args.indexed_strides[a]);
        if (good < count) return position + good;
      } else {
        for (int64_t j = 0; j < count; ++j) {
          int64_t single = place + j * last.stride;
          for (int32_t v = 0; v < nVarying; ++v) {
            const int32_t a = varying[v];
            const int64_t index = indices(a)[j * indexStride(a, last.original)];
            if (isOutOfRange(index, args.sizes[a])) return position + j;
            single += wrapIndex(index, args.sizes[a]) * args.indexed_strides[a];
          }
          body.strided(position + j, single, 0, from + j * last.valueStride, 0, 1);
        }
      }
      position += count;
      for (int32_t d = ndim - 2; d >= 0; --d) {
        move(d, 1);
        if (++at[d] < dims[d].size) break;
        move(d, -at[d]);
        at[d] = 0;
      }
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

namespace {

// Calls each(element offset, position of its value) for every element of a run.
template <class Each>
struct Elements {
  Each each;
  void strided(int64_t, int64_t offset, int64_t stride, int64_t value, int64_t valueStride, int64_t count) const {
    for (int64_t j = 0; j < count; ++j) each(offset + j * stride, value + j * valueStride);
  }
  int64_t gathered(int64_t, int64_t offset, int64_t stride, int64_t value, int64_t valueStride, int64_t count,
                   const int64_t *indices, int64_t step, int64_t size, int64_t indexedStride) const {
    for (int64_t j = 0; j < count; ++j) {
      const int64_t index = indices[j * step];
      if (isOutOfRange(index, size)) return j;
      each(offset + j * stride + wrapIndex(index, size) * indexedStride, value + j * valueStride);
    }
    return count;
  }
};

template <class T>
struct Reader {
  const T *from;
  T *to;
  void strided(int64_t position, int64_t offset, int64_t stride, int64_t, int64_t, int64_t count) const {
    if (stride == 1) std::copy_n(from + offset, count, to + position);
    else
      for (int64_t j = 0; j < count; ++j) to[position + j] = from[offset + j * stride];
  }
  int64_t gathered(int64_t position, int64_t offset, int64_t stride, int64_t, int64_t, int64_t count,
                   const int64_t *indices, int64_t step, int64_t size, int64_t indexedStride) const {
    const T *base = from + offset;
    T *out = to + position;
    for (int64_t j = 0; j < count; ++j) {
      const int64_t index = indices[j * step];
      if (isOutOfRange(index, size)) return j;
      out[j] = base[j * stride + wrapIndex(index, size) * indexedStride];
    }
    return count;
  }
};

}  // namespace

extern "C" int64_t fb_index_get(const fb_index_args *args, int64_t item_size, const void *source, void *out,
                                int64_t begin, int64_t end) try {
  int64_t bad = -1;
  const Walk walk(*args, nullptr);
  dispatchSize(item_size, [&](auto tag) {
    using T = typename decltype(tag)::type;
    bad = walk.forEachRun(begin, end, Reader<T>{static_cast<const T *>(source), static_cast<T *>(out)});
  });
  return bad;
} FBD_NOTES_FAILURE(-1)

extern "C" int64_t fb_index_put(const fb_index_args *args, fb_dtype dtype, bool accumulate, void *target,
                                const void *values, const int64_t *value_strides) try {
  const Walk walk(*args, value_strides);
  const int64_t count = elementCount(*args);
  auto check = [](int64_t, int64_t) {};
  const int64_t bad = walk.forEachRun(0, count, Elements<decltype(check)>{check});
  if (bad >= 0) return bad;
  dispatchReduce(dtype, accumulate ? FB_SCATTER_SUM : FB_SCATTER_ASSIGN, [&](auto mode, auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(values);
    T *to = static_cast<T *>(target);
    auto put = [=](int64_t item, int64_t value) { to[item] = combine<decltype(mode)::value>(to[item], from[value]); };
    walk.forEachRun(0, count, Elements<decltype(put)>{put});
  });
  return -1;
} FBD_NOTES_FAILURE(-1)
