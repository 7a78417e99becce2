// Private to softmax: its kernels on float and double.
#ifndef FB_SOFTMAX_KERNELS_H
#define FB_SOFTMAX_KERNELS_H
#include "elementwise_table.h"

namespace fb {

constexpr size_t sumBlock = 64;  // rows that are summed up before the sum joins the total

struct SoftmaxKernels {
  void (*row)(const void *x, void *out, size_t n, bool log);
  void (*logSumExp)(const void *x, size_t n, void *out);
  void (*backwardRow)(const void *y, const void *g, void *dx, size_t n, bool log);
  void (*columns)(void *x, void *max, void *part, void *sum, size_t n, size_t width, bool log);
  void (*backwardSum)(const void *y, const void *g, void *sum, size_t width, bool log);
  void (*backwardApply)(const void *y, const void *g, const void *sum, void *dx, size_t width, bool log);
};

void fillSoftmax(SoftmaxKernels (&table)[2]);  // float, double

}  // namespace fb
#endif
