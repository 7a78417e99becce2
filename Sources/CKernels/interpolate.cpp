// interpolate: every mode is a table of taps (input position, weight) per dimension.

#include "accumulate.hpp"
#include "include/fb_resample.h"
#include "scratch.hpp"

namespace fbd {
namespace {

// For each output position `count` consecutive taps.
template <class C>
struct Taps {
  int64_t count = 1;
  fbd::Vector<int64_t> places;
  fbd::Vector<C> weights;
  const int64_t *placesOf(int64_t o) const { return places.data() + o * count; }
  const C *weightsOf(int64_t o) const { return weights.data() + o * count; }
};

template <class C>
C cubicNear(C x, C a) { return ((a + 2) * x - (a + 3)) * x * x + 1; }  // |x| <= 1
template <class C>
C cubicFar(C x, C a) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; }  // 1 < |x| <= 2

template <class C>
C triangle(C x) { return std::abs(x) < 1 ? 1 - std::abs(x) : C(0); }
template <class C>
C cubic(C x) {
  x = std::abs(x);
  return x < 1 ? cubicNear(x, C(-0.5)) : x < 2 ? cubicFar(x, C(-0.5)) : C(0);
}

// Input positions per output position.
template <class C>
C stepOf(const fb_interpolation &v, int dim) {
  const int64_t input = v.input[dim], output = v.output[dim];
  if (v.align_corners) return output > 1 ? C(input - 1) / C(output - 1) : C(0);
  return v.scale[dim] > 0 ? C(1.0 / v.scale[dim]) : C(input) / C(output);
}

int64_t nearestPlace(const fb_interpolation &v, int dim, int64_t o) {
  const int64_t input = v.input[dim], output = v.output[dim];
  const float step = v.scale[dim] > 0 ? float(1.0 / v.scale[dim]) : float(input) / float(output);
  const float place = v.mode == FB_INTERPOLATE_NEAREST ? float(o) * step : (float(o) + 0.5f) * step;
  return std::min(int64_t(std::floor(place)), input - 1);
}

template <class C>
void addAntialiased(const fb_interpolation &v, int dim, C step, Taps<C> &taps) {
  const int64_t input = v.input[dim], output = v.output[dim];
  const bool isCubic = v.mode == FB_INTERPOLATE_CUBIC;
  const C shrink = step >= 1 ? 1 / step : C(1), support = (isCubic ? 2 : 1) * std::max(step, C(1));
  taps.count = int64_t(std::ceil(support)) * 2 + 1;
  taps.places.assign(output * taps.count, 0);
  taps.weights.assign(output * taps.count, C(0));
  for (int64_t o = 0; o < output; ++o) {
    const C center = step * (C(o) + C(0.5));
    const int64_t begin = std::max<int64_t>(int64_t(center - support + C(0.5)), 0);
    const int64_t count =
        std::min(std::min(int64_t(center + support + C(0.5)), input) - begin, taps.count);
    C total(0);
    for (int64_t j = 0; j < taps.count; ++j) {
      const C distance = (C(j + begin) - center + C(0.5)) * shrink;
      const C weight = j < count ? (isCubic ? cubic(distance) : triangle(distance)) : C(0);
      taps.places[o * taps.count + j] = std::min(begin + j, input - 1);
      taps.weights[o * taps.count + j] = weight;
      total += weight;
    }
    if (total != 0)
      for (int64_t j = 0; j < taps.count; ++j) taps.weights[o * taps.count + j] /= total;
  }
}

template <class C>
Taps<C> makeTaps(const fb_interpolation &v, int dim) {
  Taps<C> taps;
  const int64_t input = v.input[dim], output = v.output[dim];
  const bool linear = v.mode == FB_INTERPOLATE_LINEAR;
  auto add = [&](int64_t place, C weight) {
    taps.places.push_back(std::min(std::max<int64_t>(place, 0), input - 1));
    taps.weights.push_back(weight);
  };
  const bool trivial = input == 1 && output == 1;
  if (v.antialias && input != output) {
    addAntialiased(v, dim, stepOf<C>(v, dim), taps);
    return taps;
  }
  if (trivial || ((linear || v.antialias) && input == output)) {
    for (int64_t o = 0; o < output; ++o) add(o, C(1));
    return taps;
  }
  const C step = stepOf<C>(v, dim);
  taps.count = linear ? 2 : 4;
  for (int64_t o = 0; o < output; ++o) {
    C source = v.align_corners ? step * C(o) : step * (C(o) + C(0.5)) - C(0.5);
    if (linear) {
      source = std::max(source, C(0));
      const int64_t place = std::min(int64_t(source), input - 1);
      const C t = std::min(std::max(source - C(place), C(0)), C(1));
      add(place, 1 - t);
      add(place + 1, t);
    } else {
      const int64_t place = std::min(int64_t(std::floor(source)), input - 1);
      const C t = std::min(std::max(source - C(place), C(0)), C(1)), a = C(-0.75);
      add(place - 1, cubicFar(t + 1, a));
      add(place, cubicNear(t, a));
      add(place + 1, cubicNear(1 - t, a));
      add(place + 2, cubicFar(2 - t, a));
    }
  }
  return taps;
}

// Halves go up, as in PyTorch's fixed-point arithmetic.
uint8_t roundedByte(float value) { return uint8_t(std::min(std::max(std::floor(value + 0.5f), 0.f), 255.f)); }

// to[o] = the weighted sum of row's taps; `count` is known to the compiler for the usual modes.
template <int count, class From, class C, class Store>
void mixRow(const Taps<C> &taps, int64_t outputs, const From *row, Store &&store) {
  const int64_t n = count ? count : taps.count;
  const int64_t *places = taps.places.data();
  const C *weights = taps.weights.data();
  for (int64_t o = 0; o < outputs; ++o, places += n, weights += n) {
    C sum(0);
    for (int64_t i = 0; i < n; ++i) sum += weights[i] * C(row[places[i]]);
    store(o, sum);
  }
}
template <class From, class C, class Store>
void mix(const Taps<C> &taps, int64_t outputs, const From *row, Store &&store) {
  switch (taps.count) {
    case 1: return mixRow<1>(taps, outputs, row, store);
    case 2: return mixRow<2>(taps, outputs, row, store);
    case 4: return mixRow<4>(taps, outputs, row, store);
    default: return mixRow<0>(taps, outputs, row, store);
  }
}

// Calls body(output row, input row, weight) for the tap rows of every output row; finish(output row) after its last.
template <class C, class Body, class Finish>
void forEachRow(const fb_interpolation &v, const Taps<C> &depth, const Taps<C> &height, Body &&body, Finish &&finish) {
  for (int64_t d = 0; d < v.output[0]; ++d)
    for (int64_t h = 0; h < v.output[1]; ++h) {
      const int64_t row = d * v.output[1] + h;
      for (int64_t i = 0; i < depth.count; ++i)
        for (int64_t j = 0; j < height.count; ++j)
          body(row, depth.placesOf(d)[i] * v.input[1] + height.placesOf(h)[j],
               depth.weightsOf(d)[i] * height.weightsOf(h)[j]);
      finish(row);
    }
}

template <class T>
void weigh(const fb_interpolation &v, const T *x, T *y, int64_t begin, int64_t end) {
  using C = Compute<T>;
  const Taps<C> depth = makeTaps<C>(v, 0), height = makeTaps<C>(v, 1), width = makeTaps<C>(v, 2);
  const int64_t inWidth = v.input[2], outWidth = v.output[2];
  Scratch scratch(size_t(inWidth) * sizeof(C));
  C *sums = scratch.as<C>();
  for (int64_t plane = begin; plane < end; ++plane) {
    const T *from = x + plane * volume(v.input);
    T *to = y + plane * volume(v.output);
    std::fill(sums, sums + inWidth, C(0));
    forEachRow(v, depth, height, [&](int64_t, int64_t source, C weight) {
      const T *row = from + source * inWidth;
      for (int64_t w = 0; w < inWidth; ++w) sums[w] += weight * C(row[w]);
    }, [&](int64_t target) {
      T *row = to + target * outWidth;
      mix(width, outWidth, sums, [&](int64_t o, C sum) { row[o] = T(sum); });
      std::fill(sums, sums + inWidth, C(0));
    });
  }
}

// Bytes are rounded after the horizontal pass too, as PyTorch does.
void weighBytes(const fb_interpolation &v, const uint8_t *x, uint8_t *y, int64_t begin, int64_t end) {
  const Taps<float> depth = makeTaps<float>(v, 0), height = makeTaps<float>(v, 1), width = makeTaps<float>(v, 2);
  const int64_t rows = v.input[0] * v.input[1], inWidth = v.input[2], outWidth = v.output[2];
  fbd::Vector<uint8_t> wide(size_t(rows * outWidth));
  fbd::Vector<float> sums(size_t(outWidth), 0.f);
  for (int64_t plane = begin; plane < end; ++plane) {
    const uint8_t *from = x + plane * volume(v.input);
    uint8_t *to = y + plane * volume(v.output);
    for (int64_t row = 0; row < rows; ++row)
      mix(width, outWidth, from + row * inWidth,
          [&](int64_t o, float sum) { wide[row * outWidth + o] = roundedByte(sum); });
    forEachRow(v, depth, height, [&](int64_t, int64_t source, float weight) {
      for (int64_t o = 0; o < outWidth; ++o) sums[o] += weight * float(wide[source * outWidth + o]);
    }, [&](int64_t target) {
      for (int64_t o = 0; o < outWidth; ++o) to[target * outWidth + o] = roundedByte(sums[o]);
      std::fill(sums.begin(), sums.end(), 0.f);
    });
  }
}

template <class T>
void weighBackward(const fb_interpolation &v, const T *dy, T *dx, int64_t begin, int64_t end) {
  using C = Compute<T>;
  const Taps<C> depth = makeTaps<C>(v, 0), height = makeTaps<C>(v, 1), width = makeTaps<C>(v, 2);
  const int64_t inWidth = v.input[2], outWidth = v.output[2];
  Scratch scratch(size_t(inWidth) * sizeof(C));
  C *sums = scratch.as<C>();
  Accumulated<T> result(volume(v.input));
  for (int64_t plane = begin; plane < end; ++plane) {
    const T *from = dy + plane * volume(v.output);
    C *to = result.start(dx + plane * volume(v.input));
    int64_t loaded = -1;
    forEachRow(v, depth, height, [&](int64_t source, int64_t target, C weight) {
      if (source != loaded) {
        std::fill(sums, sums + inWidth, C(0));
        for (int64_t o = 0; o < outWidth; ++o)
          for (int64_t i = 0; i < width.count; ++i)
            sums[width.placesOf(o)[i]] += width.weightsOf(o)[i] * C(from[source * outWidth + o]);
        loaded = source;
      }
      C *row = to + target * inWidth;
      for (int64_t w = 0; w < inWidth; ++w) row[w] += weight * sums[w];
    }, [](int64_t) {});
    result.store(dx + plane * volume(v.input));
  }
}

// body(output position, input position) for every output position of a plane.
template <class Body>
void forEachNearest(const fb_interpolation &v, const fbd::Vector<int64_t> (&places)[3], Body &&body) {
  int64_t o = 0;
  for (int64_t d = 0; d < v.output[0]; ++d)
    for (int64_t h = 0; h < v.output[1]; ++h) {
      const int64_t row = (places[0][d] * v.input[1] + places[1][h]) * v.input[2];
      for (int64_t w = 0; w < v.output[2]; ++w, ++o) body(o, row + places[2][w]);
    }
}

struct NearestPlaces {
  fbd::Vector<int64_t> places[3];
  explicit NearestPlaces(const fb_interpolation &v) {
    for (int dim = 0; dim < 3; ++dim)
      for (int64_t o = 0; o < v.output[dim]; ++o) places[dim].push_back(nearestPlace(v, dim, o));
  }
};

bool isNearest(const fb_interpolation &v) { return v.mode <= FB_INTERPOLATE_NEAREST_EXACT; }

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_interpolate(const fb_interpolation *args, const void *x, void *y, int64_t begin, int64_t end) try {
  const fb_interpolation &v = *args;
  if (isNearest(v)) {
    const NearestPlaces nearest(v);
    return dispatchSize(itemSize(v.dtype), [&](auto tag) {
      using T = typename decltype(tag)::type;
      for (int64_t plane = begin; plane < end; ++plane) {
        const T *from = static_cast<const T *>(x) + plane * volume(v.input);
        T *to = static_cast<T *>(y) + plane * volume(v.output);
        forEachNearest(v, nearest.places, [&](int64_t o, int64_t i) { to[o] = from[i]; });
      }
    });
  }
  if (v.dtype == FB_U8) return weighBytes(v, static_cast<const uint8_t *>(x), static_cast<uint8_t *>(y), begin, end);
  dispatch<kHalves | kFloats>(v.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    weigh(v, static_cast<const T *>(x), static_cast<T *>(y), begin, end);
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_interpolate_backward(const fb_interpolation *args, const void *dy, void *dx, int64_t begin,
                                        int64_t end) try {
  const fb_interpolation &v = *args;
  dispatch<kHalves | kFloats | kComplexes>(v.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = static_cast<const T *>(dy);
    T *to = static_cast<T *>(dx);
    if (isNearest(v)) {
      const NearestPlaces nearest(v);
      Accumulated<T> result(volume(v.input));
      for (int64_t plane = begin; plane < end; ++plane) {
        const T *source = from + plane * volume(v.output);
        Compute<T> *sums = result.start(to + plane * volume(v.input));
        forEachNearest(v, nearest.places, [&](int64_t o, int64_t i) { sums[i] += Compute<T>(source[o]); });
        result.store(to + plane * volume(v.input));
      }
    } else if constexpr (isComplex<T>) {
      std::abort();
    } else {
      weighBackward(v, from, to, begin, end);
    }
  });
} FBD_NOTES_FAILURE()
