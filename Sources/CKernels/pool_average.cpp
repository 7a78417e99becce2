// Average pooling and its adaptive form.
#include "accumulate.hpp"
#include "pool.hpp"

namespace fbd {
namespace {

// One window: its part inside the input, and the number that divides the sum.
struct Box {
  int64_t begin[3], end[3];
  int64_t divisor;
  bool empty() const { return begin[0] >= end[0] || begin[1] >= end[1] || begin[2] >= end[2]; }
};

Box slidingBox(const fb_pool &p, int64_t od, int64_t oh, int64_t ow) {
  const int64_t position[3] = {od, oh, ow};
  Box box;
  int64_t padded = 1, inside = 1;
  for (int i = 0; i < 3; ++i) {
    const int64_t begin = position[i] * p.stride[i] - p.padding[i];
    const int64_t end = std::min(begin + p.kernel[i], p.input[i] + p.padding[i]);
    padded *= end - begin;
    box.begin[i] = std::max<int64_t>(begin, 0);
    box.end[i] = std::min(end, p.input[i]);
    inside *= box.end[i] - box.begin[i];
  }
  box.divisor = p.divisor_override ? p.divisor_override : p.count_include_pad ? padded : inside;
  return box;
}

Box adaptiveBox(const fb_pool &p, int64_t od, int64_t oh, int64_t ow) {
  const int64_t position[3] = {od, oh, ow};
  Box box;
  box.divisor = 1;
  for (int i = 0; i < 3; ++i) {
    const AdaptiveWindow window(position[i], p.output[i], p.input[i]);
    box.begin[i] = window.begin;
    box.end[i] = window.end;
    box.divisor *= window.size();
  }
  return box;
}

template <class T>
T divide(T value, int64_t divisor) {
  return T(value / T(divisor));
}

template <class T, class Find>
void averagePlane(const fb_pool &p, const T *x, T *y, Find find) {
  using A = Compute<T>;
  forEachOutput(p, [&](int64_t od, int64_t oh, int64_t ow) {
    const Box box = find(p, od, oh, ow);
    A sum(0);
    for (int64_t d = box.begin[0]; d < box.end[0]; ++d)
      for (int64_t h = box.begin[1]; h < box.end[1]; ++h) {
        const T *row = x + (d * p.input[1] + h) * p.input[2];
        for (int64_t w = box.begin[2]; w < box.end[2]; ++w) sum = wrappingAdd(sum, A(row[w]));
      }
    *y++ = box.empty() ? T(0) : T(divide(sum, box.divisor));
  });
}

template <class T, class Find>
void spreadPlane(const fb_pool &p, const T *dy, Compute<T> *dx, Find find) {
  using A = Compute<T>;
  forEachOutput(p, [&](int64_t od, int64_t oh, int64_t ow) {
    const Box box = find(p, od, oh, ow);
    const A source = A(*dy++);
    if (box.empty()) return;
    const A part = divide(source, box.divisor);
    for (int64_t d = box.begin[0]; d < box.end[0]; ++d)
      for (int64_t h = box.begin[1]; h < box.end[1]; ++h) {
        A *row = dx + (d * p.input[1] + h) * p.input[2];
        for (int64_t w = box.begin[2]; w < box.end[2]; ++w) row[w] = wrappingAdd(row[w], part);
      }
  });
}

template <class Find>
void average(const fb_pool &p, const void *x, void *y, int64_t begin, int64_t end, Find find) {
  const int64_t inPlane = volume(p.input), outPlane = volume(p.output);
  dispatch<kNumbers>(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t plane = begin; plane < end; ++plane)
      averagePlane(p, static_cast<const T *>(x) + plane * inPlane, static_cast<T *>(y) + plane * outPlane, find);
  });
}

template <class Find>
void spread(const fb_pool &p, const void *dy, void *dx, int64_t begin, int64_t end, Find find) {
  const int64_t inPlane = volume(p.input), outPlane = volume(p.output);
  dispatch<kNumbers>(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Accumulated<T> sums(inPlane);
    for (int64_t plane = begin; plane < end; ++plane) {
      T *to = static_cast<T *>(dx) + plane * inPlane;
      spreadPlane(p, static_cast<const T *>(dy) + plane * outPlane, sums.start(to), find);
      sums.store(to);
    }
  });
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_avg_pool(const fb_pool *pool, const void *x, void *y, int64_t begin, int64_t end) {
  average(*pool, x, y, begin, end, slidingBox);
}

extern "C" void fb_avg_pool_backward(const fb_pool *pool, const void *dy, void *dx, int64_t begin, int64_t end) {
  spread(*pool, dy, dx, begin, end, slidingBox);
}

extern "C" void fb_adaptive_avg_pool(const fb_pool *pool, const void *x, void *y, int64_t begin, int64_t end) {
  average(*pool, x, y, begin, end, adaptiveBox);
}

extern "C" void fb_adaptive_avg_pool_backward(const fb_pool *pool, const void *dy, void *dx, int64_t begin,
                                              int64_t end) {
  spread(*pool, dy, dx, begin, end, adaptiveBox);
}
