// Softmax: rows one by one, columns in blocks that are copied, normalised and written back.
#include "failure.hpp"
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

// Lines of few numbers are turned, some at a time: a vector then holds one number each of many lines.
constexpr int64_t kTogether = 128;
bool isNarrow(int64_t n) { return n < 16; }

// [rows, columns] to [columns, rows].
template <class T>
void turn(const T *from, int64_t rows, int64_t columns, T *to) {
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r) to[c * rows + r] = from[r * columns + c];
}

void turn(const void *from, int64_t rows, int64_t columns, void *to, size_t size) {
  if (size == 4) turn(static_cast<const float *>(from), rows, columns, static_cast<float *>(to));
  else turn(static_cast<const double *>(from), rows, columns, static_cast<double *>(to));
}

// Calls body(first line, lines) for some lines at a time.
template <class Body>
void forLines(int64_t begin, int64_t end, Body body) {
  for (int64_t line = begin; line < end; line += kTogether) body(line, std::min(kTogether, end - line));
}

// Room for the lines as they lie, and turned.
class Turned {
 public:
  char *packed, *block, *max, *part, *sum;
  Turned(int64_t n, size_t size) : scratch(size_t(kTogether) * size * size_t(2 * n + 3)) {
    const size_t row = size_t(kTogether) * size, lines = row * size_t(n);
    packed = scratch.as<char>(), block = packed + lines;
    max = block + lines, part = max + row, sum = part + row;
  }

 private:
  const fbd::Scratch scratch;
};

}  // namespace
}  // namespace fb

using namespace fb;

void fb_softmax(const void *in, void *out, fb_dtype dtype, bool log, int64_t outer, int64_t n, int64_t inner,
                int64_t begin, int64_t end) try {
  (void)outer;
  if (n == 0 || begin >= end) return;
  const Elements x(in, dtype), y(out, dtype);
  const SoftmaxKernels &kernels = softmaxKernels(x.compute);
  const size_t count = static_cast<size_t>(n), size = sizeOf(nativeDtype[x.compute]);
  if (inner == 1 && isNarrow(n)) {
    const Turned t(n, size);
    return forLines(begin, end, [&](int64_t line, int64_t lines) {
      const size_t numbers = static_cast<size_t>(lines * n);
      turn(x.load(line * n, numbers, t.packed), lines, n, t.block, size);
      kernels.columns(t.block, t.max, t.part, t.sum, count, static_cast<size_t>(lines), log);
      void *to = y.place(line * n, t.packed);
      turn(t.block, n, lines, to, size);
      y.store(to, line * n, numbers);
    });
  }
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
    const Load load = loadOf(dtype, x.compute);
    for (int64_t r = 0; r < n; ++r) {
      load(x.at(first + r * inner), 1, block + static_cast<size_t>(r) * columns * size, columns);
    }
    kernels.columns(block, max, part, sum, count, columns, log);
    for (int64_t r = 0; r < n; ++r) {
      y.store(block + static_cast<size_t>(r) * columns * size, first + r * inner, columns);
    }
  });
} FBD_NOTES_FAILURE()

void fb_softmax_backward(const void *y, const void *g, void *dx, fb_dtype dtype, bool log, int64_t outer, int64_t n,
                         int64_t inner, int64_t begin, int64_t end) try {
  (void)outer;
  if (n == 0 || begin >= end) return;
  const Elements ys(y, dtype), gs(g, dtype), ds(dx, dtype);
  const SoftmaxKernels &kernels = softmaxKernels(ys.compute);
  const size_t count = static_cast<size_t>(n), size = sizeOf(nativeDtype[ys.compute]);
  if (inner == 1 && isNarrow(n)) {
    const Turned first(n, size), second(n, size);
    return forLines(begin, end, [&](int64_t line, int64_t lines) {
      const size_t width = static_cast<size_t>(lines), numbers = width * count, row = width * size;
      turn(ys.load(line * n, numbers, first.packed), lines, n, first.block, size);
      turn(gs.load(line * n, numbers, second.packed), lines, n, second.block, size);
      std::fill(first.sum, first.sum + row, 0);
      for (size_t r = 0; r < count; ++r)
        kernels.backwardSum(first.block + r * row, second.block + r * row, first.sum, width, log);
      for (size_t r = 0; r < count; ++r) {
        char *to = first.block + r * row;
        kernels.backwardApply(to, second.block + r * row, first.sum, to, width, log);
      }
      void *to = ds.place(line * n, first.packed);
      turn(first.block, n, lines, to, size);
      ds.store(to, line * n, numbers);
    });
  }
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
} FBD_NOTES_FAILURE()

void fb_log_sum_exp(const void *in, void *out, fb_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t begin,
                    int64_t end) try {
  (void)outer;
  if (n == 0 || begin >= end) return;
  const Elements x(in, dtype);
  const SoftmaxKernels &kernels = softmaxKernels(x.compute);
  const size_t count = static_cast<size_t>(n), size = sizeOf(nativeDtype[x.compute]);
  const Kernel add = fb::kernels().at[x.compute][FB_OP_ADD];
  char *to = static_cast<char *>(out);
  if (inner == 1 && !isNarrow(n)) {
    const fbd::Scratch scratch(x.isDirect() ? 0 : count * size);
    for (int64_t line = begin; line < end; ++line)
      kernels.logSumExp(x.load(line * n, count, scratch.as<char>()), count, to + static_cast<size_t>(line) * size);
    return;
  }
  // Sums of exponentials by columns: their logarithms, and the maxima that they lack.
  const auto finish = [&](const Turned &t, int64_t line, size_t lines) {
    kernels.columns(t.block, t.max, t.part, t.sum, count, lines, true);
    add(t.max, t.sum, nullptr, to + static_cast<size_t>(line) * size, lines, nullptr);
  };
  const Turned t(n, size);
  if (inner == 1) {
    return forLines(begin, end, [&](int64_t line, int64_t lines) {
      turn(x.load(line * n, static_cast<size_t>(lines * n), t.packed), lines, n, t.block, size);
      finish(t, line, static_cast<size_t>(lines));
    });
  }
  const Load load = loadOf(dtype, x.compute);
  for (int64_t line = begin; line < end;) {
    const int64_t columns = std::min({kTogether, inner - line % inner, end - line});
    const size_t width = static_cast<size_t>(columns);
    const int64_t first = line / inner * n * inner + line % inner;
    for (int64_t r = 0; r < n; ++r)
      load(x.at(first + r * inner), 1, t.block + static_cast<size_t>(r) * width * size, width);
    finish(t, line, width);
    line += columns;
  }
} FBD_NOTES_FAILURE()
