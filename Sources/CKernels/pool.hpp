// Loops that all poolings share.
#ifndef FBD_POOL_HPP
#define FBD_POOL_HPP
#include "include/fb_pool.h"
#include "numeric.hpp"

namespace fbd {


// Calls body(depth, height, width) for every output position, in order.
template <class Body>
inline void forEachOutput(const fb_pool &p, Body &&body) {
  for (int64_t d = 0; d < p.output[0]; ++d)
    for (int64_t h = 0; h < p.output[1]; ++h)
      for (int64_t w = 0; w < p.output[2]; ++w) body(d, h, w);
}

// The part of the input that adaptive pooling gives to output `o`.
struct AdaptiveWindow {
  int64_t begin, end;
  AdaptiveWindow(int64_t o, int64_t output, int64_t input)
      : begin(o * input / output), end(((o + 1) * input + output - 1) / output) {}
  int64_t size() const { return end - begin; }
};

}  // namespace fbd
#endif
