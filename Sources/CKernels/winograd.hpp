// What Winograd's convolution works on.
#ifndef FBD_WINOGRAD_HPP
#define FBD_WINOGRAD_HPP
#include <cstdint>

namespace fbd {

// A matrix for each position of the transformed tile: element (i, j) at data[position * stride + i * step + j].
struct Positions {
  float *data;
  int64_t step, stride;
  float *at(int64_t position, int64_t i, int64_t j) const { return data + position * stride + i * step + j; }
};

// A convolution of `in` planes to `out` planes. Filters are panels [out / width, in, width] (their gradient [in, out]),
// inputs [tile, in], results [tile, out].
struct Winograd {
  int64_t batch, in, out, height, width, outHeight, outWidth, top, left;
  int64_t sampleStep, resultStep;  // from sample to sample of x, and of y or the results' gradient
  bool rectifies;
  bool flips;  // the input's gradient: taps in reverse order, weight [in, out, 3, 3]
  int64_t tilesY, tilesX;       // of a sample
  int64_t paddedIn, paddedOut;  // channels filled up to whole vectors and panels
  const float *x, *weight, *bias, *gradient;
  float *y, *weightGradient;
  Positions filters, inputs, results;
  int64_t firstRow, rows;  // the rows of tiles, of batch * tilesY, that are worked on
};

constexpr int64_t kGap = 16;  // positions a multiple of a page apart would share a few lines of the cache

enum class WinogradStep {
  filters, inputs, product, outputs, gradients, filterProduct, filterGradient, panel, gradientPanel
};

}  // namespace fbd
#endif
