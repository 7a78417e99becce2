// Softmax: rows one by one, columns in blocks that are copied, normalised and written back.
#include "include/fb_softmax.h"

#include <algorithm>

#include "elements.h"
#include "scratch.hpp"
#include "softmax_kernels.h"

namespace fb {
namespace {

const SoftmaxKernels &softmaxKernels(int32_t compute) {
  struct Tables {
    SoftmaxKernels of[2];
  };
  static const Tables tables = [] {
    Tables t;
    fillSoftmax(t.of);
    return t;
  }();
  return tables.of[compute == FB_COMPUTE_F64];
}

// Calls body(first element, columns) for blocks of neighbouring lines of at most `width`.
template <class Body>
void forColumns(int64_t n, int64_t inner, int64_t width, int64_t begin, int64_t end, Body body) {
  for (int64_t line = begin; line < end;) {
    const int64_t columns = std::min({width, inner - line % inner, end - line});
    body(line / inner * n * inner + line % inner, static_cast<size_t>(columns));
    line += columns;
  }
}

}  // namespace
}  // namespace fb

using namespace fb;

void fb_softmax(const void *in, void *out, fb_dtype dtype, bool log, int64_t outer, int64_t n, int64_t inner,
                int64_t begin, int64_t end) {
  (void)outer;
  if (n == 0 || begin >= end) return;
  const Elements x(in, dtype), y(out, dtype);
  const SoftmaxKernels &kernels = softmaxKernels(x.compute);
  const size_t count = static_cast<size_t>(n), size = dtypeSize[nativeDtype[x.compute]];
  if (inner == 1) {
    const fbd::Scratch scratch(x.isDirect() ? 0 : count * size);
    for (int64_t line = begin; line < end; ++line) {
      void *to = y.place(line * n, scratch.as<char>());
      kernels.row(x.load(line * n, count, scratch.as<char>()), to, count, log);
      y.store(to, line * n, count);
    }
    return;
  }
  const int64_t width = std::min(inner, std::clamp<int64_t>(32768 / n, 64, 512));  // a block in the L1 or L2 cache
  const size_t rowBytes = static_cast<size_t>(width) * size;
  const fbd::Scratch scratch(rowBytes * (count + 3));
  char *block = scratch.as<char>();
  char *max = block + rowBytes * count, *part = max + rowBytes, *sum = part + rowBytes;
  forColumns(n, inner, width, begin, end, [&](int64_t first, size_t columns) {
    const Load load = conversions().load[dtype][x.compute];
    for (int64_t r = 0; r < n; ++r) {
      load(x.at(first + r * inner), 1, block + static_cast<size_t>(r) * columns * size, columns);
    }
    kernels.columns(block, max, part, sum, count, columns, log);
    for (int64_t r = 0; r < n; ++r) {
      y.store(block + static_cast<size_t>(r) * columns * size, first + r * inner, columns);
    }
  });
}

void fb_softmax_backward(const void *y, const void *g, void *dx, fb_dtype dtype, bool log, int64_t outer, int64_t n,
                         int64_t inner, int64_t begin, int64_t end) {
  (void)outer;
  if (n == 0 || begin >= end) return;
  const Elements ys(y, dtype), gs(g, dtype), ds(dx, dtype);
  const SoftmaxKernels &kernels = softmaxKernels(ys.compute);
  const size_t count = static_cast<size_t>(n), size = dtypeSize[nativeDtype[ys.compute]];
  if (inner == 1) {
    const fbd::Scratch scratch(ys.isDirect() ? 0 : 2 * count * size);
    char *first = scratch.as<char>(), *second = first + (ys.isDirect() ? 0 : count * size);
    for (int64_t line = begin; line < end; ++line) {
      const int64_t k = line * n;
      void *to = ds.place(k, first);
      kernels.backwardRow(ys.load(k, count, first), gs.load(k, count, second), to, count, log);
      ds.store(to, k, count);
    }
    return;
  }
  constexpr size_t width = tileSize;
  alignas(64) char yTile[width * 8], gTile[width * 8], part[width * 8], sum[width * 8];
  forColumns(n, inner, static_cast<int64_t>(width), begin, end, [&](int64_t first, size_t columns) {
    const Kernel add = fb::kernels().at[ys.compute][FB_OP_ADD];
    std::fill(part, part + columns * size, 0);
    std::fill(sum, sum + columns * size, 0);
    for (int64_t r = 0; r < n; ++r) {
      const int64_t k = first + r * inner;
      kernels.backwardSum(ys.load(k, columns, yTile), gs.load(k, columns, gTile), part, columns, log);
      if (r % int64_t(sumBlock) != sumBlock - 1 && r + 1 != n) continue;
      add(sum, part, nullptr, sum, columns, nullptr);
      std::fill(part, part + columns * size, 0);
    }
    for (int64_t r = 0; r < n; ++r) {
      const int64_t k = first + r * inner;
      void *to = ds.place(k, yTile);
      kernels.backwardApply(ys.load(k, columns, yTile), gs.load(k, columns, gTile), sum, to, columns, log);
      ds.store(to, k, columns);
    }
  });
}
