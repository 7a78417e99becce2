// Fourier transforms line by line through Eigen's FFT (its own KissFFT backend: any length, no allocation per line).
#include "fb_fft.h"
#include "scratch.hpp"

#include <eigen3/unsupported/Eigen/FFT>

#include <complex>
#include <cstring>

namespace {

using Sizes = fbd::Vector<int64_t>;

int64_t product(const Sizes &sizes, size_t begin, size_t end) {
  int64_t result = 1;
  for (size_t d = begin; d < end; ++d) result *= sizes[d];
  return result;
}

// The lines of a packed array along one axis.
struct Lines {
  int64_t outer, length, inner;
  Lines(const Sizes &shape, size_t axis)
      : outer(product(shape, 0, axis)), length(shape[axis]), inner(product(shape, axis + 1, shape.size())) {}
};

template <class T>
class Transformer {
  using C = std::complex<T>;
  Eigen::FFT<T> fft;
  bool forward;
  fbd::Vector<C> from, to;

 public:
  explicit Transformer(bool forward) : forward(forward) { fft.SetFlag(Eigen::FFT<T>::Unscaled); }

  // Transforms one line of `n` elements given by `load` and hands the result to `store`.
  template <class Load, class Store>
  void line(int64_t n, Load load, int64_t kept, Store store) {
    from.resize(size_t(n));
    to.resize(size_t(n));
    for (int64_t i = 0; i < n; ++i) from[size_t(i)] = load(i);
    if (n == 1) to = from;  // KissFFT has no butterfly for it
    else if (forward) fft.fwd(to.data(), from.data(), n);
    else fft.inv(to.data(), from.data(), n);
    for (int64_t i = 0; i < kept; ++i) store(i, to[size_t(i)]);
  }

  // In place along an axis of a complex array.
  void along(C *data, const Sizes &shape, size_t axis) {
    const Lines l(shape, axis);
    for (int64_t o = 0; o < l.outer; ++o)
      for (int64_t i = 0; i < l.inner; ++i) {
        C *first = data + o * l.length * l.inner + i;
        line(l.length, [&](int64_t k) { return first[k * l.inner]; }, l.length,
             [&](int64_t k, C value) { first[k * l.inner] = value; });
      }
  }
};

template <class T>
void transform(fb_fft_kind kind, const Sizes &shape, const Sizes &axes, bool forward, T factor, const void *in,
               void *out) {
  using C = std::complex<T>;
  Transformer<T> transformer(forward);
  const size_t last = size_t(axes.back());
  Sizes half = shape;
  if (kind != FB_FFT_C2C) half[last] = shape[last] / 2 + 1;
  const int64_t count = product(half, 0, half.size());
  const Lines full(shape, last), packed(half, last);
  switch (kind) {
    case FB_FFT_C2C: {
      C *data = static_cast<C *>(out);
      std::memcpy(out, in, size_t(count) * sizeof(C));
      for (int64_t axis : axes) transformer.along(data, shape, size_t(axis));
      for (int64_t i = 0; i < count; ++i) data[i] *= factor;
      break;
    }
    case FB_FFT_R2C: {
      const T *source = static_cast<const T *>(in);
      C *data = static_cast<C *>(out);
      for (int64_t o = 0; o < full.outer; ++o)
        for (int64_t i = 0; i < full.inner; ++i) {
          const T *from = source + o * full.length * full.inner + i;
          C *to = data + o * packed.length * packed.inner + i;
          transformer.line(full.length, [&](int64_t k) { return C(from[k * full.inner]); }, packed.length,
                           [&](int64_t k, C value) { to[k * packed.inner] = value; });
        }
      for (size_t a = 0; a + 1 < axes.size(); ++a) transformer.along(data, half, size_t(axes[a]));
      for (int64_t i = 0; i < count; ++i) data[i] *= factor;
      break;
    }
    case FB_FFT_C2R: {
      fbd::Vector<C> data(static_cast<const C *>(in), static_cast<const C *>(in) + count);
      T *result = static_cast<T *>(out);
      for (size_t a = 0; a + 1 < axes.size(); ++a) transformer.along(data.data(), half, size_t(axes[a]));
      for (int64_t o = 0; o < full.outer; ++o)
        for (int64_t i = 0; i < full.inner; ++i) {
          const C *from = data.data() + o * packed.length * packed.inner + i;
          T *to = result + o * full.length * full.inner + i;
          // The other half of the line is the mirror image of the one that is stored.
          auto load = [&](int64_t k) {
            return k < packed.length ? from[k * packed.inner] : std::conj(from[(full.length - k) * packed.inner]);
          };
          // The first element, and the middle one of an even line, are real whatever is stored.
          auto real = [&](int64_t k) { return k == 0 || 2 * k == full.length ? C(load(k).real()) : load(k); };
          transformer.line(full.length, real, full.length,
                           [&](int64_t k, C value) { to[k * full.inner] = value.real() * factor; });
        }
      break;
    }
  }
}

}  // namespace

void fb_fft(fb_fft_kind kind, fb_dtype dtype, int32_t ndim, const int64_t *shape, int32_t n_axes, const int64_t *axes,
            bool forward, double factor, const void *in, void *out) try {
  const Sizes sizes(shape, shape + ndim), along(axes, axes + n_axes);
  if (dtype == FB_F32)
    transform<float>(kind, sizes, along, forward, float(factor), in, out);
  else
    transform<double>(kind, sizes, along, forward, factor, in, out);
} FBD_NOTES_FAILURE()
