// Maximum pooling, its adaptive form, and unpooling.
#include "failure.hpp"
#include "pool.hpp"
#include "pool_max_kernels.h"
#include "scratch.hpp"

namespace fbd {
namespace {

// In both forms, as PyTorch: the first maximum; among several NaNs the last; the first place if all are -inf.
template <class T>
constexpr T lowest() {
  if constexpr (isHalf<T>) return T(-std::numeric_limits<float>::infinity());
  else if constexpr (std::is_floating_point_v<T>) return -std::numeric_limits<T>::infinity();
  else return std::numeric_limits<T>::lowest();
}

int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The first position of a window that lies inside the input.
int64_t firstInside(const fb_pool &p, int dim, int64_t o) {
  const int64_t begin = o * p.stride[dim] - p.padding[dim];
  return begin >= 0 ? begin : begin + ceilDivide(-begin, p.dilation[dim]) * p.dilation[dim];
}

// One output, of a row whose windows' rows begin at these places.
template <class T> void poolOne(const fb_pool &p, const T *x, const int64_t *rows, int64_t count, int64_t o, T *y,
                                int64_t *indices) {
  const int64_t begin = o * p.stride[2] - p.padding[2], end = std::min(begin + p.kernel[2], p.input[2]);
  int64_t place = rows[0] + std::max<int64_t>(begin, 0);
  T best = lowest<T>();
  for (int64_t r = 0; r < count; ++r)
    for (int64_t w = std::max<int64_t>(begin, 0); w < end; ++w) {
      const T value = x[rows[r] + w];
      if (!(value > best || isNaN(value))) continue;
      best = value;
      place = rows[r] + w;
    }
  y[o] = best;
  if (indices) indices[o] = place;
}

// A row of outputs in vectors where the windows lie inside the input; false if that does not pay.
template <class T>
bool poolRow(const fb_pool &p, int64_t od, int64_t oh, const T *x, T *y, int64_t *indices) {
  if constexpr (std::is_same_v<T, float>) {
    constexpr int64_t most = 64;
    int64_t rows[most], count = 0;
    const int64_t stride = p.stride[2], size = volume(p.input);
    if (stride > 2 || p.dilation[2] != 1 || p.kernel[0] * p.kernel[1] > most) return false;
    if (size >= std::numeric_limits<int32_t>::max()) return false;
    for (int64_t kd = 0; kd < p.kernel[0]; ++kd)
      for (int64_t kh = 0; kh < p.kernel[1]; ++kh) {
        const int64_t d = od * p.stride[0] - p.padding[0] + kd * p.dilation[0];
        const int64_t h = oh * p.stride[1] - p.padding[1] + kh * p.dilation[1];
        if (d >= 0 && d < p.input[0] && h >= 0 && h < p.input[1]) rows[count++] = (d * p.input[1] + h) * p.input[2];
      }
    if (count == 0) return false;
    // Elements are taken in pairs: one behind the last window may be read, but not at the end of the plane.
    const int64_t behind = stride == 2 && p.kernel[2] % 2 == 1 && rows[count - 1] + p.input[2] >= size ? 1 : 0;
    const int64_t room = p.input[2] + p.padding[2] - p.kernel[2] - behind;
    int64_t begin = ceilDivide(p.padding[2], stride), end = room < 0 ? 0 : std::min(p.output[2], room / stride + 1);
    if (!fb::maxPoolRow({x, rows, count, p.kernel[2], stride, -p.padding[2], begin, end, y, indices})) begin = end = 0;
    for (int64_t o = 0; o < begin; ++o) poolOne(p, x, rows, count, o, y, indices);
    for (int64_t o = end; o < p.output[2]; ++o) poolOne(p, x, rows, count, o, y, indices);
    return true;
  }
  return false;
}

// One row of outputs at once, kernel position by kernel position: the inner loop has no branches.
template <class T, class Place>
void poolPlane(const fb_pool &p, const T *x, T *y, int64_t *indices, Compute<T> *best, Place *places) {
  const int64_t width = p.output[2], stride = p.stride[2];
  for (int64_t od = 0; od < p.output[0]; ++od)
    for (int64_t oh = 0; oh < p.output[1]; ++oh, y += width) {
      if (poolRow(p, od, oh, x, y, indices)) {
        if (indices) indices += width;
        continue;
      }
      const int64_t firstRow = (firstInside(p, 0, od) * p.input[1] + firstInside(p, 1, oh)) * p.input[2];
      for (int64_t o = 0; o < width; ++o) {
        best[o] = lowest<T>();
        places[o] = Place(firstRow + firstInside(p, 2, o));
      }
      for (int64_t kd = 0; kd < p.kernel[0]; ++kd)
        for (int64_t kh = 0; kh < p.kernel[1]; ++kh) {
          const int64_t d = od * p.stride[0] - p.padding[0] + kd * p.dilation[0];
          const int64_t h = oh * p.stride[1] - p.padding[1] + kh * p.dilation[1];
          if (d < 0 || d >= p.input[0] || h < 0 || h >= p.input[1]) continue;
          const int64_t row = (d * p.input[1] + h) * p.input[2];
          for (int64_t kw = 0; kw < p.kernel[2]; ++kw) {
            const int64_t shift = kw * p.dilation[2] - p.padding[2];
            const int64_t begin = shift >= 0 ? 0 : ceilDivide(-shift, stride);
            const int64_t end = shift >= p.input[2] ? 0 : std::min(width, ceilDivide(p.input[2] - shift, stride));
            const T *from = x + row + shift;
            for (int64_t o = begin; o < end; ++o) {
              const Compute<T> value = from[o * stride];
              const bool take = (value > best[o]) | isNaN(value);
              best[o] = take ? value : best[o];
              places[o] = take ? Place(row + shift + o * stride) : places[o];
            }
          }
        }
      std::copy(best, best + width, y);
      if (indices) indices = std::copy(places, places + width, indices);
    }
}

template <class T>
void poolPlanes(const fb_pool &p, const T *x, T *y, int64_t *indices, int64_t count) {
  const int64_t inPlane = volume(p.input), outPlane = volume(p.output), width = p.output[2];
  Scratch scratch(size_t(width) * 16);
  auto run = [&](auto place) {
    auto *places = scratch.as<decltype(place)>();
    auto *best = reinterpret_cast<Compute<T> *>(scratch.as<int64_t>() + width);
    for (int64_t i = 0; i < count; ++i)
      poolPlane(p, x + i * inPlane, y + i * outPlane, indices ? indices + i * outPlane : nullptr, best, places);
  };
  if (inPlane < std::numeric_limits<int32_t>::max()) run(int32_t(0));
  else run(int64_t(0));
}

template <class T>
void poolPlaneAdaptively(const fb_pool &p, const T *x, T *y, int64_t *indices) {
  forEachOutput(p, [&](int64_t od, int64_t oh, int64_t ow) {
    const AdaptiveWindow depth(od, p.output[0], p.input[0]), height(oh, p.output[1], p.input[1]),
        width(ow, p.output[2], p.input[2]);
    int64_t place = (depth.begin * p.input[1] + height.begin) * p.input[2] + width.begin;
    Compute<T> best = lowest<T>();
    for (int64_t d = depth.begin; d < depth.end; ++d)
      for (int64_t h = height.begin; h < height.end; ++h) {
        const int64_t row = (d * p.input[1] + h) * p.input[2];
        for (int64_t w = width.begin; w < width.end; ++w) {
          const Compute<T> value = x[row + w];
          if (value > best || isNaN(value)) {
            best = value;
            place = row + w;
          }
        }
      }
    *y++ = T(best);
    if (indices) *indices++ = place;
  });
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_max_pool(const fb_pool *pool, const void *x, void *y, int64_t *indices, int64_t begin,
                            int64_t end) try {
  const int64_t inPlane = volume(pool->input), outPlane = volume(pool->output);
  dispatch<kReal>(pool->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    poolPlanes(*pool, static_cast<const T *>(x) + begin * inPlane, static_cast<T *>(y) + begin * outPlane,
               indices ? indices + begin * outPlane : nullptr, end - begin);
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_adaptive_max_pool(const fb_pool *pool, const void *x, void *y, int64_t *indices, int64_t begin,
                                     int64_t end) try {
  const int64_t inPlane = volume(pool->input), outPlane = volume(pool->output);
  dispatch<kReal>(pool->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t plane = begin; plane < end; ++plane)
      poolPlaneAdaptively(*pool, static_cast<const T *>(x) + plane * inPlane, static_cast<T *>(y) + plane * outPlane,
                          indices ? indices + plane * outPlane : nullptr);
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_max_pool_backward(const fb_pool *pool, const void *dy, const int64_t *indices, void *dx,
                                     int64_t begin, int64_t end) try {
  const int64_t inPlane = volume(pool->input), outPlane = volume(pool->output);
  dispatch<kNumbers>(pool->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t plane = begin; plane < end; ++plane) {
      const T *from = static_cast<const T *>(dy) + plane * outPlane;
      const int64_t *places = indices + plane * outPlane;
      T *to = static_cast<T *>(dx) + plane * inPlane;
      std::fill(to, to + inPlane, T(0));
      for (int64_t i = 0; i < outPlane; ++i) to[places[i]] = wrappingAdd(to[places[i]], from[i]);
    }
  });
} FBD_NOTES_FAILURE()

extern "C" int64_t fb_max_unpool(const fb_pool *pool, const void *x, const int64_t *indices, void *y, int64_t begin,
                                 int64_t end) try {
  const int64_t inPlane = volume(pool->input), outPlane = volume(pool->output);
  for (int64_t i = begin * outPlane; i < end * outPlane; ++i)
    if (indices[i] < 0 || indices[i] >= inPlane) return i;
  dispatch<kAll>(pool->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t plane = begin; plane < end; ++plane) {
      const T *from = static_cast<const T *>(x) + plane * outPlane;
      const int64_t *places = indices + plane * outPlane;
      T *to = static_cast<T *>(y) + plane * inPlane;
      std::fill(to, to + inPlane, T(0));
      for (int64_t i = 0; i < outPlane; ++i) to[places[i]] = from[i];
    }
  });
  return -1;
} FBD_NOTES_FAILURE(-1)

extern "C" void fb_max_unpool_backward(const fb_pool *pool, const void *dy, const int64_t *indices, void *dx,
                                       int64_t begin, int64_t end) try {
  const int64_t inPlane = volume(pool->input), outPlane = volume(pool->output);
  dispatch<kAll>(pool->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t plane = begin; plane < end; ++plane) {
      const T *from = static_cast<const T *>(dy) + plane * inPlane;
      for (int64_t i = plane * outPlane; i < (plane + 1) * outPlane; ++i)
        static_cast<T *>(dx)[i] = from[indices[i]];
    }
  });
} FBD_NOTES_FAILURE()
