// Reductions: blocks and their partial results.
#include <algorithm>
#include <cmath>
#include <limits>

#include "failure.hpp"
#include "reduce.h"
#include "reduce_task.h"

namespace fb {

const ReduceKernels &reduceKernels() {
  static const ReduceKernels table = [] {
    ReduceKernels t = {};
    fillReduceRows(t);
    fillReduceColumns(t);
    return t;
  }();
  return table;
}

namespace {

constexpr size_t maxTileBytes = tileSize * 16;

// n elements from `first` on, packed; `index` is the first one's index in its row.
fb_partial reduceRow(const Task &t, int64_t first, int64_t n, int64_t index) {
  const RowKernel kernel = reduceKernels().row[t.domain];
  fb_partial result = emptyPartial(t.kind);
  alignas(64) char tile[maxTileBytes];
  const int64_t step = t.isDirect() ? n : static_cast<int64_t>(tileSize);
  for (int64_t done = 0; done < n; done += step) {
    const int64_t count = std::min(step, n - done);
    fb_partial part = {};
    const void *x = t.load(first + done, 1, tile, static_cast<size_t>(count));
    kernel(t.kind, x, static_cast<size_t>(count), index + done, t.param, part);
    if (done == 0) result = part;
    else mergePartial(t.kind, t.domain, result, part);
  }
  return result;
}

void clear(Columns &s, const fb_partial &empty, size_t width) {
  for (size_t k = 0; k < width; ++k) {
    s.a[k] = empty.a;
    s.b[k] = empty.b;
    s.c[k] = empty.c;
    s.i[k] = empty.i;
    s.j[k] = empty.j;
  }
}

// Takes in `steps` elements of each of `width` columns: element r of column k at first + r * step + k * stride. The
// last step may be narrower. Counts of elements: `steps` for each column below `lastWidth`, one less above it.
void reduceColumns(const Task &t, Columns &s, int64_t first, int64_t steps, int64_t step, int64_t stride,
                   size_t width, size_t lastWidth) {
  alignas(64) char tile[maxTileBytes];
  clear(s, emptyPartial(t.kind), width);
  const auto pass = [&](int update) {
    if (update == Sum && t.dtype == FB_F32 && stride == 1) {
      const float *x = reinterpret_cast<const float *>(t.element(first));
      const int64_t whole = lastWidth == width ? steps : steps - 1;
      reduceKernels().sum.rows(x, step, whole, width, s.a);
      if (whole < steps) reduceKernels().sum.rows(x + whole * step, step, 1, lastWidth, s.a);
      return;
    }
    const ColumnKernel kernel = reduceKernels().column[update][t.domain];
    for (int64_t r = 0; r < steps; ++r) {
      const size_t count = r + 1 < steps ? width : lastWidth;
      kernel(s, t.load(first + r * step, stride, tile, count), count, r, t.param);
    }
  };
  pass(t.kind);
  if (t.kind == LogSumExp) {
    for (size_t k = 0; k < width; ++k) s.a[k] = std::isfinite(s.a[k]) ? s.a[k] : 0;
    pass(ExpSum);
  } else if (t.kind == Var) {
    for (size_t k = 0; k < width; ++k) {
      s.j[k] = k < lastWidth ? steps : steps - 1;
      s.a[k] /= static_cast<double>(s.j[k]);
      s.b[k] /= static_cast<double>(s.j[k]);
    }
    pass(SquareDiff);
  }
}

// Narrow matrices are read several rows at a time, each of them with its own accumulators.
int64_t rowsAtOnce(int64_t inner) { return inner <= 64 ? std::max<int64_t>(1, 128 / inner) : 1; }

// Elements of n in a block. Fixed by the shape alone, so that results do not depend on threads.
int64_t blockLength(int64_t inner) { return std::max<int64_t>(1024, 32768 / std::max<int64_t>(1, inner)); }

constexpr int64_t shortRow = 64;

// Partial results of columns begin..<end of one block of a [n, inner] matrix at element `base`.
void reduceBlock(const Task &t, int64_t base, int64_t block, int64_t begin, int64_t end, fb_partial *result) {
  const int64_t from = block * blockLength(t.inner), length = std::min(blockLength(t.inner), t.n - from);
  base += from * t.inner;
  if (t.inner == 1) {
    result[0] = reduceRow(t, base, length, from);
    return;
  }
  Columns s;
  const int64_t rows = rowsAtOnce(t.inner);
  const int64_t tile = rows > 1 ? t.inner : static_cast<int64_t>(Columns::width);
  if (rows > 1) begin = 0;  // all columns lie in one tile
  for (int64_t column = begin; column < end; column += tile) {
    const int64_t columns = rows > 1 ? t.inner : std::min(tile, end - column);
    const int64_t steps = (length + rows - 1) / rows, last = length - (steps - 1) * rows;
    const int64_t replicas = std::min(rows, length);
    reduceColumns(t, s, base + column, steps, rows * t.inner, 1, static_cast<size_t>(columns * replicas),
                  static_cast<size_t>(columns * (steps == 1 ? replicas : last)));
    for (int64_t k = 0; k < columns; ++k) {
      fb_partial &total = result[column + k - begin];
      for (int64_t r = 0; r < replicas; ++r) {
        const int64_t at = r * columns + k;
        fb_partial part = {s.a[at], s.b[at], s.c[at], s.i[at], s.j[at]};
        if (t.kind == Min || t.kind == Max) part.i = from + part.i * rows + r;  // from steps to elements
        if (r == 0) total = part;
        else mergePartial(t.kind, t.domain, total, part);
      }
    }
  }
}

int64_t blocksOf(int64_t n, int64_t inner) {
  return std::max<int64_t>(1, (n + blockLength(inner) - 1) / blockLength(inner));
}

// What a reduction over no elements finishes with: no infinities but the one of an empty LOGSUMEXP's logarithm.
fb_partial partialOfNothing(Kind kind) {
  fb_partial p = emptyPartial(kind);
  if (kind != Prod) p.a = 0;
  return p;
}

// Many short rows: a tile of rows is taken as columns that lie n apart.
void reduceShortRows(const Task &t, const Finish &finish, int64_t begin, int64_t end) {
  Columns s;
  for (int64_t row = begin; row < end; row += static_cast<int64_t>(Columns::width)) {
    const size_t width = static_cast<size_t>(std::min<int64_t>(Columns::width, end - row));
    reduceColumns(t, s, row * t.n, t.n, 1, t.n, width, width);
    for (size_t k = 0; k < width; ++k) {
      finish({s.a[k], s.b[k], s.c[k], s.i[k], s.j[k]}, row + static_cast<int64_t>(k));
    }
  }
}

void sumColumns(const float *x, int64_t n, int64_t inner, double divisor, float *out, int64_t begin, int64_t end) {
  alignas(64) double sums[Columns::width];
  for (int64_t at = begin; at < end;) {
    const int64_t column = at % inner;
    const int64_t width = std::min({static_cast<int64_t>(Columns::width), inner - column, end - at});
    std::fill(sums, sums + width, 0.0);
    reduceKernels().sum.rows(x + at / inner * n * inner + column, inner, n, static_cast<size_t>(width), sums);
    for (int64_t k = 0; k < width; ++k) out[at + k] = static_cast<float>(sums[k] / divisor);
    at += width;
  }
}

}  // namespace

fb_partial emptyPartial(Kind kind) {
  fb_partial p = {0, 0, 0, 0, 0};
  if (kind == Prod) {
    p.a = 1;
    p.j = 1;
  } else if (kind == Min || kind == MinAbs) {
    p.a = infinity;
    p.j = std::numeric_limits<int64_t>::max();
  } else if (kind == Max) {
    p.a = -infinity;
    p.j = std::numeric_limits<int64_t>::min();
  } else if (kind == LogSumExp) {
    p.a = -infinity;
  }
  return p;
}

void mergePartial(Kind kind, int32_t domain, fb_partial &p, const fb_partial &q) {
  const bool isInteger = domain == FB_COMPUTE_I64;
  switch (kind) {
    case Prod: {
      const double re = p.a * q.a - p.b * q.b, im = p.a * q.b + p.b * q.a;
      p.j = static_cast<int64_t>(static_cast<uint64_t>(p.j) * static_cast<uint64_t>(q.j));
      p.a = domain == FB_COMPUTE_C128 ? re : p.a * q.a;
      p.b = domain == FB_COMPUTE_C128 ? im : 0;
      return;
    }
    case Min:
    case Max: {
      const bool beats = isInteger ? (kind == Min ? q.j < p.j : q.j > p.j) : (kind == Min ? q.a < p.a : q.a > p.a);
      const bool equals = isInteger ? q.j == p.j : q.a == p.a;
      const bool isNaN = !isInteger && q.a != q.a, wasNaN = !isInteger && p.a != p.a;
      if ((beats && !wasNaN) || (isNaN && !wasNaN) || ((equals || (isNaN && wasNaN)) && q.i < p.i)) p = q;
      return;
    }
    case MaxAbs:
    case MinAbs:
      if (q.a != q.a || (kind == MaxAbs ? q.a > p.a : q.a < p.a)) p.a = q.a;
      return;
    case LogSumExp: {
      if (q.b == 0) return;  // nothing but -inf
      if (p.b == 0) {
        p = q;
      } else if (!std::isfinite(p.b) || !std::isfinite(q.b)) {
        p.a = 0;
        p.b += q.b;
      } else {
        const double shift = std::max(p.a, q.a);
        p.b = p.b * std::exp(p.a - shift) + q.b * std::exp(q.a - shift);
        p.a = shift;
      }
      return;
    }
    case Var: {  // Chan, Golub, LeVeque: two samples' means and squared distances
      const double count = static_cast<double>(p.j + q.j), weight = static_cast<double>(q.j) / count;
      const double re = q.a - p.a, im = q.b - p.b;
      p.c += q.c + (re * re + im * im) * static_cast<double>(p.j) * weight;
      p.a += re * weight;
      p.b += im * weight;
      p.j += q.j;
      return;
    }
    default:
      p.a += q.a;
      p.b += q.b;
      p.i += q.i;
      p.j = static_cast<int64_t>(static_cast<uint64_t>(p.j) + static_cast<uint64_t>(q.j));
  }
}

}  // namespace fb

using namespace fb;

void fb_reduce(fb_reduction op, const void *in, fb_dtype in_dtype, int64_t outer, int64_t n, int64_t inner,
               double param, void *out, fb_dtype out_dtype, void *out2, int64_t begin, int64_t end) try {
  (void)outer;
  const Task t(op, in, in_dtype, n, inner, param);
  const Finish finish(op, t, out, out_dtype, out2);
  if (n == 0) {
    for (int64_t at = begin; at < end; ++at) finish(partialOfNothing(t.kind), at);
    return;
  }
  const int64_t blocks = blocksOf(n, inner);
  if (inner == 1 && blocks == 1 && (op == FB_REDUCE_SUM || op == FB_REDUCE_MEAN) && in_dtype == FB_F32 &&
      out_dtype == FB_F32) {
    const float *x = static_cast<const float *>(in) + begin * n;
    const double divisor = op == FB_REDUCE_MEAN ? static_cast<double>(n) : 1;
    return reduceKernels().sum.packedRows(x, static_cast<size_t>(n), end - begin, divisor,
                                          static_cast<float *>(out) + begin);
  }
  if (inner == 1 && n <= shortRow) return reduceShortRows(t, finish, begin, end);
  if (inner > 1 && blocks == 1 && (op == FB_REDUCE_SUM || op == FB_REDUCE_MEAN) && in_dtype == FB_F32 &&
      out_dtype == FB_F32) {
    return sumColumns(static_cast<const float *>(in), n, inner, op == FB_REDUCE_MEAN ? static_cast<double>(n) : 1,
                      static_cast<float *>(out), begin, end);
  }
  fb_partial total[Columns::width], part[Columns::width];
  for (int64_t at = begin; at < end;) {
    const int64_t o = at / inner, column = at % inner, base = o * n * inner;
    int64_t stop = std::min(inner, column + end - at);
    const bool whole = rowsAtOnce(inner) > 1;  // the tile holds all columns
    if (!whole) stop = std::min(stop, column + static_cast<int64_t>(Columns::width));
    for (int64_t b = 0; b < blocks; ++b) {
      reduceBlock(t, base, b, column, stop, b == 0 ? total : part);
      if (b == 0) continue;
      for (int64_t k = 0; k < (whole ? inner : stop - column); ++k) mergePartial(t.kind, t.domain, total[k], part[k]);
    }
    for (int64_t k = column; k < stop; ++k) finish(total[whole ? k : k - column], at + k - column);
    at += stop - column;
  }
} FBD_NOTES_FAILURE()

int64_t fb_reduce_blocks(int64_t n, int64_t inner) try { return blocksOf(n, inner); } FBD_NOTES_FAILURE(-1)

void fb_reduce_partial(fb_reduction op, const void *in, fb_dtype in_dtype, int64_t n, int64_t inner, double param,
                       fb_partial *partials, int64_t begin_block, int64_t end_block) try {
  const Task t(op, in, in_dtype, n, inner, param);
  const int64_t blocks = blocksOf(n, inner);
  if (n == 0) std::fill(partials + begin_block * inner, partials + end_block * inner, partialOfNothing(t.kind));
  for (int64_t k = begin_block; n > 0 && k < end_block; ++k) {
    reduceBlock(t, k / blocks * n * inner, k % blocks, 0, inner, partials + k * inner);
  }
} FBD_NOTES_FAILURE()

void fb_reduce_combine(fb_reduction op, const fb_partial *partials, fb_dtype in_dtype, int64_t n, int64_t inner,
                       double param, void *out, fb_dtype out_dtype, void *out2, int64_t begin, int64_t end) try {
  const Task t(op, nullptr, in_dtype, n, inner, param);
  const Finish finish(op, t, out, out_dtype, out2);
  const int64_t blocks = blocksOf(n, inner);
  for (int64_t at = begin; at < end; ++at) {
    const fb_partial *first = partials + at / inner * blocks * inner + at % inner;
    fb_partial total = first[0];
    for (int64_t b = 1; b < blocks; ++b) mergePartial(t.kind, t.domain, total, first[b * inner]);
    finish(total, at);
  }
} FBD_NOTES_FAILURE()
