// grid_sample: every mode becomes a few taps (place, weight, slope of the weight) per output position.
#include "accumulate.hpp"
#include "failure.hpp"
#include "include/fb_resample.h"

#include <cmath>
#include <limits>

namespace fbd {
namespace {

constexpr int kMaxTaps = 16;

template <class C>
struct Tap {
  int64_t place;
  C weight, slope[3];
};

// One coordinate in units of pixels, with its derivative by the grid's value.
template <class C>
struct Coordinate {
  C value, slope;
};

template <class C>
Coordinate<C> reflect(C x, C slope, int64_t twiceLow, int64_t twiceHigh) {
  if (twiceLow == twiceHigh) return {C(0), C(0)};
  const C low = C(twiceLow) / 2, span = C(twiceHigh - twiceLow) / 2;
  x -= low;
  if (x < 0) {
    x = -x;
    slope = -slope;
  }
  const C extra = std::fmod(x, span);
  if (int64_t(std::floor(x / span)) % 2 == 0) return {extra + low, slope};
  return {span - extra + low, -slope};
}

template <class C>
Coordinate<C> clip(C x, C slope, int64_t size) {
  if (!(x > 0)) return {C(0), C(0)};
  if (x >= C(size - 1)) return {C(size - 1), C(0)};
  return {x, slope};
}

template <class C>
Coordinate<C> keepInside(Coordinate<C> c, const fb_grid &v, int64_t size) {
  if (v.padding == FB_PAD_REFLECTION) {
    c = v.align_corners ? reflect(c.value, c.slope, 0, 2 * (size - 1)) : reflect(c.value, c.slope, -1, 2 * size - 1);
    return clip(c.value, c.slope, size);
  }
  return v.padding == FB_PAD_BORDER ? clip(c.value, c.slope, size) : c;
}

template <class C>
Coordinate<C> toPixels(C grid, const fb_grid &v, int64_t size) {
  const C slope = v.align_corners ? C(size - 1) / 2 : C(size) / 2;
  Coordinate<C> c{v.align_corners ? (grid + 1) / 2 * C(size - 1) : ((grid + 1) * C(size) - 1) / 2, slope};
  if (v.mode != FB_INTERPOLATE_CUBIC) c = keepInside(c, v, size);
  // What is not finite or far away has no neighbours; it must not overflow an integer either.
  if (!(std::abs(c.value) < C(1e9))) c = {C(-100), C(0)};
  return c;
}

// The taps of one dimension.
template <class C>
struct Line {
  int count = 0;
  int64_t places[4];
  C weights[4], slopes[4];
  void add(int64_t place, int64_t size, C weight, C slope) {
    if (place < 0 || place >= size) return;
    places[count] = place;
    weights[count] = weight;
    slopes[count++] = slope;
  }
};

template <class C>
Line<C> makeLine(C grid, const fb_grid &v, int64_t size) {
  const Coordinate<C> c = toPixels(grid, v, size);
  Line<C> line;
  // A coordinate that is no number or infinite has no neighbours, and PyTorch's result in two dimensions is no number.
  const bool isKept = v.mode == FB_INTERPOLATE_LINEAR && v.padding != FB_PAD_ZEROS;
  if (!std::isfinite(grid) && v.ndim == 2 && v.mode != FB_INTERPOLATE_NEAREST && !isKept) {
    const C none = std::numeric_limits<C>::quiet_NaN();
    line.add(0, size, none, v.mode == FB_INTERPOLATE_CUBIC ? none : C(0));
    return line;
  }
  if (v.mode == FB_INTERPOLATE_NEAREST) {
    line.add(int64_t(std::nearbyint(c.value)), size, C(1), C(0));
    return line;
  }
  const C floor = std::floor(c.value), t = c.value - floor;
  const int64_t first = int64_t(floor);
  if (v.mode == FB_INTERPOLATE_LINEAR) {
    line.add(first, size, floor + 1 - c.value, -c.slope);
    line.add(first + 1, size, t, c.slope);
    return line;
  }
  const C a = C(-0.75);
  for (int i = 0; i < 4; ++i) {
    const C x = std::abs(t + 1 - C(i)), sign = i < 2 ? C(1) : C(-1);
    const bool near = i == 1 || i == 2;
    const C weight = near ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    const C slope = near ? (3 * (a + 2) * x - 2 * (a + 3)) * x : (3 * a * x - 10 * a) * x + 8 * a;
    const Coordinate<C> place = keepInside(Coordinate<C>{C(first - 1 + i), C(0)}, v, size);
    line.add(int64_t(place.value), size, weight, sign * slope * c.slope);
  }
  return line;
}

// The taps for the grid's coordinates (x, y[, z]); returns their number.
template <class T, class C>
int makeTaps(const T *grid, const fb_grid &v, Tap<C> (&taps)[kMaxTaps]) {
  const Line<C> x = makeLine(C(grid[0]), v, v.input[2]), y = makeLine(C(grid[1]), v, v.input[1]);
  Line<C> z;
  if (v.ndim == 3) z = makeLine(C(grid[2]), v, v.input[0]);
  else z.add(0, 1, C(1), C(0));
  int count = 0;
  for (int k = 0; k < z.count; ++k)
    for (int j = 0; j < y.count; ++j)
      for (int i = 0; i < x.count; ++i)
        taps[count++] = {(z.places[k] * v.input[1] + y.places[j]) * v.input[2] + x.places[i],
                         z.weights[k] * y.weights[j] * x.weights[i],
                         {z.weights[k] * y.weights[j] * x.slopes[i], z.weights[k] * y.slopes[j] * x.weights[i],
                          z.slopes[k] * y.weights[j] * x.weights[i]}};
  return count;
}

template <class T>
void sample(const fb_grid &v, const T *x, const T *grid, T *y) {
  using C = Compute<T>;
  const int64_t inPlane = volume(v.input), outPlane = volume(v.output);
  Tap<C> taps[kMaxTaps];
  for (int64_t o = 0; o < outPlane; ++o) {
    const int count = makeTaps(grid + o * v.ndim, v, taps);
    for (int64_t channel = 0; channel < v.channels; ++channel) {
      const T *plane = x + channel * inPlane;
      C sum(0);
      for (int i = 0; i < count; ++i) sum += taps[i].weight * C(plane[taps[i].place]);
      y[channel * outPlane + o] = T(sum);
    }
  }
}

template <class T>
void sampleBackward(const fb_grid &v, const T *dy, const T *x, const T *grid, Compute<T> *dx, T *dgrid) {
  using C = Compute<T>;
  const int64_t inPlane = volume(v.input), outPlane = volume(v.output);
  Tap<C> taps[kMaxTaps];
  for (int64_t o = 0; o < outPlane; ++o) {
    const int count = makeTaps(grid + o * v.ndim, v, taps);
    C slopes[3] = {};
    for (int64_t channel = 0; channel < v.channels; ++channel) {
      const C source = C(dy[channel * outPlane + o]);
      for (int i = 0; i < count; ++i) {
        const int64_t place = channel * inPlane + taps[i].place;
        if (dx && !std::isnan(taps[i].weight)) dx[place] += taps[i].weight * source;
        if (dgrid)
          for (int d = 0; d < v.ndim; ++d) slopes[d] += taps[i].slope[d] * C(x[place]) * source;
      }
    }
    if (dgrid)
      for (int d = 0; d < v.ndim; ++d) dgrid[o * v.ndim + d] = T(slopes[d]);
  }
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_grid_sample(const fb_grid *args, const void *x, const void *grid, void *y, int64_t begin,
                               int64_t end) try {
  const int64_t inSample = args->channels * volume(args->input), outPlane = volume(args->output);
  dispatch<kHalves | kFloats>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t n = begin; n < end; ++n)
      sample(*args, static_cast<const T *>(x) + n * inSample, static_cast<const T *>(grid) + n * outPlane * args->ndim,
             static_cast<T *>(y) + n * outPlane * args->channels);
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_grid_sample_backward(const fb_grid *args, const void *dy, const void *x, const void *grid,
                                        void *dx, void *dgrid, int64_t begin, int64_t end) try {
  const int64_t inSample = args->channels * volume(args->input), outPlane = volume(args->output);
  dispatch<kHalves | kFloats>(args->dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Accumulated<T> result(dx ? inSample : 0);
    for (int64_t n = begin; n < end; ++n) {
      T *to = dx ? static_cast<T *>(dx) + n * inSample : nullptr;
      Compute<T> *sums = dx ? result.start(to) : nullptr;
      sampleBackward(*args, static_cast<const T *>(dy) + n * outPlane * args->channels,
                     static_cast<const T *>(x) + n * inSample,
                     static_cast<const T *>(grid) + n * outPlane * args->ndim, sums,
                     dgrid ? static_cast<T *>(dgrid) + n * outPlane * args->ndim : nullptr);
      if (dx) result.store(to);
    }
  });
} FBD_NOTES_FAILURE()
