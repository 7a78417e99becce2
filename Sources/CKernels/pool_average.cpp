// Average pooling and its adaptive form.
#include <limits>

#include "accumulate.hpp"
#include "pool.hpp"
#include "scratch.hpp"

namespace fbd {
namespace {

// One window: its part inside the input, and the number that divides the sum.
struct Box {
  int64_t begin[3], end[3];
  int64_t share[3], whole;  // what the divisor is the product of, unless it is given as a whole
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
    box.share[i] = p.count_include_pad ? end - begin : box.end[i] - box.begin[i];
  }
  box.whole = p.divisor_override;
  box.divisor = p.divisor_override ? p.divisor_override : p.count_include_pad ? padded : inside;
  return box;
}

Box adaptiveBox(const fb_pool &p, int64_t od, int64_t oh, int64_t ow) {
  const int64_t position[3] = {od, oh, ow};
  Box box;
  box.divisor = 1;
  box.whole = 0;
  for (int i = 0; i < 3; ++i) {
    const AdaptiveWindow window(position[i], p.output[i], p.input[i]);
    box.begin[i] = window.begin;
    box.end[i] = window.end;
    box.share[i] = window.size();
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

// The windows along one dimension: their parts inside the input, and their share of the divisor.
struct Windows {
  fbd::Vector<int64_t> begin, end, share;

  // Whether the only window is the whole input.
  bool covers(int64_t length) const { return begin[0] == 0 && end[0] == length; }

  template <class Find> Windows(const fb_pool &p, int dimension, Find find) {
    for (int64_t i = 0; i < p.output[dimension]; ++i) {
      const Box box = dimension == 1 ? find(p, 0, i, 0) : find(p, 0, 0, i);
      begin.push_back(box.begin[dimension]);
      end.push_back(std::max(box.begin[dimension], box.end[dimension]));
      share.push_back(box.share[dimension]);
    }
  }
};

// Two dimensions one after the other, so that vectors run along rows.
template <class T> class Rows {
 public:
  template <class Find>
  Rows(const fb_pool &p, Find find)
      : down(p, 1, find), across(p, 2, find), whole(T(find(p, 0, 0, 0).whole)), width(p.input[2]),
        outWidth(p.output[2]), row(size_t(width)), quotients(size_t(outWidth)), divisors(size_t(outWidth)) {
    coversPlane = outWidth == 1 && p.output[1] == 1 && across.covers(width) && down.covers(p.input[1]) &&
                  p.input[1] * width <= 4096;  // more should not be added up in one row
    areas = width >= 2 * outWidth;
    for (int64_t j = 0; j < outWidth; ++j) areas = areas && across.begin[j] == 2 * j && across.end[j] == 2 * j + 2;
  }

  void average(const T *x, T *y, int64_t inPlane) {
    if (coversPlane) {
      *y = sum(x, inPlane) / *divisorsOf(0);
      return;
    }
    T *sums = row.data();
    for (size_t i = 0; i < down.begin.size(); ++i, y += outWidth) {
      std::fill(row.begin(), row.end(), T(0));
      for (int64_t h = down.begin[i]; h < down.end[i]; ++h)
        for (int64_t w = 0; w < width; ++w) sums[w] += x[h * width + w];
      const T *divisor = divisorsOf(i);
      if (areas) {
        for (int64_t j = 0; j < outWidth; ++j) y[j] = (sums[2 * j] + sums[2 * j + 1]) / divisor[j];
      } else {
        for (int64_t j = 0; j < outWidth; ++j)
          y[j] = sum(sums + across.begin[j], across.end[j] - across.begin[j]) / divisor[j];
      }
    }
  }

  void spread(const T *dy, T *dx, int64_t inPlane) {
    if (coversPlane) {
      std::fill(dx, dx + inPlane, *dy / *divisorsOf(0));
      return;
    }
    std::fill(dx, dx + inPlane, T(0));
    T *parts = row.data(), *quotient = quotients.data();
    std::fill(row.begin(), row.end(), T(0));
    for (size_t i = 0; i < down.begin.size(); ++i, dy += outWidth) {
      const T *divisor = divisorsOf(i);
      for (int64_t j = 0; j < outWidth; ++j) quotient[j] = dy[j] / divisor[j];
      if (areas) {
        for (int64_t j = 0; j < outWidth; ++j) parts[2 * j] = parts[2 * j + 1] = quotient[j];
      } else {
        std::fill(row.begin(), row.end(), T(0));
        for (int64_t j = 0; j < outWidth; ++j)
          for (int64_t w = across.begin[j]; w < across.end[j]; ++w) parts[w] += quotient[j];
      }
      for (int64_t h = down.begin[i]; h < down.end[i]; ++h)
        for (int64_t w = 0; w < width; ++w) dx[h * width + w] += parts[w];
    }
  }

 private:
  const Windows down, across;
  const T whole;
  const int64_t width, outWidth;
  fbd::Vector<T> row, quotients, divisors;
  bool areas;        // windows of two that lie side by side
  bool coversPlane;  // one window
  int64_t share = -1;

  // Of a row of windows; those of empty ones make zeros.
  const T *divisorsOf(size_t i) {
    const int64_t factor = down.begin[i] < down.end[i] ? down.share[i] : 0;
    if (factor != share) {
      for (size_t j = 0; j < divisors.size(); ++j) {
        const bool isEmpty = factor == 0 || across.begin[j] >= across.end[j];
        divisors[j] = isEmpty ? std::numeric_limits<T>::infinity() : whole != 0 ? whole : T(factor * across.share[j]);
      }
      share = factor;
    }
    return divisors.data();
  }

  static T sum(const T *x, int64_t n) {
#pragma clang fp reassociate(on)
    T total = 0;
    for (int64_t i = 0; i < n; ++i) total += x[i];
    return total;
  }
};

template <class Find>
void average(const fb_pool &p, const void *x, void *y, int64_t begin, int64_t end, Find find) {
  const int64_t inPlane = volume(p.input), outPlane = volume(p.output);
  dispatch<kNumbers>(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      if (p.input[0] == 1 && p.output[0] == 1) {
        Rows<T> rows(p, find);
        for (int64_t plane = begin; plane < end; ++plane)
          rows.average(static_cast<const T *>(x) + plane * inPlane, static_cast<T *>(y) + plane * outPlane, inPlane);
        return;
      }
    }
    for (int64_t plane = begin; plane < end; ++plane)
      averagePlane(p, static_cast<const T *>(x) + plane * inPlane, static_cast<T *>(y) + plane * outPlane, find);
  });
}

template <class Find>
void spread(const fb_pool &p, const void *dy, void *dx, int64_t begin, int64_t end, Find find) {
  const int64_t inPlane = volume(p.input), outPlane = volume(p.output);
  dispatch<kNumbers>(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      if (p.input[0] == 1 && p.output[0] == 1) {
        Rows<T> rows(p, find);
        for (int64_t plane = begin; plane < end; ++plane)
          rows.spread(static_cast<const T *>(dy) + plane * outPlane, static_cast<T *>(dx) + plane * inPlane, inPlane);
        return;
      }
    }
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

extern "C" void fb_avg_pool(const fb_pool *pool, const void *x, void *y, int64_t begin, int64_t end) try {
  average(*pool, x, y, begin, end, slidingBox);
} FBD_NOTES_FAILURE()

extern "C" void fb_avg_pool_backward(const fb_pool *pool, const void *dy, void *dx, int64_t begin, int64_t end) try {
  spread(*pool, dy, dx, begin, end, slidingBox);
} FBD_NOTES_FAILURE()

extern "C" void fb_adaptive_avg_pool(const fb_pool *pool, const void *x, void *y, int64_t begin, int64_t end) try {
  average(*pool, x, y, begin, end, adaptiveBox);
} FBD_NOTES_FAILURE()

extern "C" void fb_adaptive_avg_pool_backward(const fb_pool *pool, const void *dy, void *dx, int64_t begin,
                                              int64_t end) try {
  spread(*pool, dy, dx, begin, end, adaptiveBox);
} FBD_NOTES_FAILURE()
