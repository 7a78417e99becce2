// Rows of some hundred bytes, a vector at a time: memcpy takes longer to begin with them than to copy.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "copy_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "copy_rows.hpp"
#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// At least one vector's bytes.
HWY_INLINE void CopyBytes(const uint8_t *from, uint8_t *to, int64_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  const int64_t n = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + 4 * n <= bytes; i += 4 * n) {
    const auto a = hn::LoadU(d, from + i), b = hn::LoadU(d, from + i + n), c = hn::LoadU(d, from + i + 2 * n),
               e = hn::LoadU(d, from + i + 3 * n);
    hn::StoreU(a, d, to + i);
    hn::StoreU(b, d, to + i + n);
    hn::StoreU(c, d, to + i + 2 * n);
    hn::StoreU(e, d, to + i + 3 * n);
  }
  for (; i < bytes; i += n) {  // the last vector perhaps over some bytes that are there already
    i = std::min(i, bytes - n);
    hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  }
}

// Rows lie anywhere, so that the hardware does not see which comes next: some 2 KB of them are fetched ahead.
HWY_INLINE int64_t RowsAhead(int64_t bytes) { return std::max<int64_t>(3, 2048 / bytes); }

HWY_INLINE void Prefetch(const uint8_t *row, int64_t bytes) {
  constexpr int64_t line = 64;
  for (int64_t i = 0; i < std::min<int64_t>(bytes, 8 * line); i += line) __builtin_prefetch(row + i);
}

void CopyRows(const uint8_t *from, int64_t fromStep, uint8_t *to, int64_t toStep, int64_t rows, int64_t bytes) {
  const int64_t ahead = RowsAhead(bytes);
  for (int64_t r = 0; r < rows; ++r) {
    if (r + ahead < rows) Prefetch(from + (r + ahead) * fromStep, bytes);
    CopyBytes(from + r * fromStep, to + r * toStep, bytes);
  }
}

void CopyIndexedRows(const uint8_t *from, int64_t n, const int64_t *index, uint8_t *to, int64_t rows, int64_t bytes) {
  const auto row = [&](int64_t r) { return from + index[r] * bytes; };
  const int64_t ahead = RowsAhead(bytes);
  for (int64_t r = 0; r < rows; ++r) {
    if (r + ahead < rows) Prefetch(row(r + ahead), bytes);
    CopyBytes(row(r), to + r * bytes, bytes);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(CopyRows);
HWY_EXPORT(CopyIndexedRows);
}  // namespace fb

namespace fbd {

bool isVectorRow(int64_t bytes) { return bytes >= 256 && bytes <= 16384; }

void copyRows(const void *from, int64_t fromStep, void *to, int64_t toStep, int64_t rows, int64_t bytes) {
  HWY_DYNAMIC_DISPATCH(fb::CopyRows)
  (static_cast<const uint8_t *>(from), fromStep, static_cast<uint8_t *>(to), toStep, rows, bytes);
}

void copyIndexedRows(const void *from, int64_t n, const int64_t *index, void *to, int64_t rows, int64_t bytes) {
  HWY_DYNAMIC_DISPATCH(fb::CopyIndexedRows)
  (static_cast<const uint8_t *>(from), n, index, static_cast<uint8_t *>(to), rows, bytes);
}

}  // namespace fbd
#endif
