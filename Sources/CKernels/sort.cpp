// Stable sort: short lines by sorting networks, long ones by radix.
#include "failure.hpp"
#include "sort.hpp"

namespace fbd {
namespace {

template <class T>
void sortLines(const T *x, int64_t n, bool descending, T *values, int64_t *indices, int64_t begin, int64_t end) {
  const Scratch room(bytesToSort<T>(n));
  for (int64_t at = begin * n; at < end * n; at += n) {
    sortIndices(x + at, n, descending, room.as<void>(), indices + at);
    if (!values) continue;
    for (int64_t i = 0; i < n; ++i) values[at + i] = x[at + indices[at + i]];
  }
}

// Some neighbouring columns at a time, as lines: what is read together lies together.
template <class T>
void sortColumns(const T *x, int64_t n, int64_t inner, bool descending, T *values, int64_t *indices, int64_t begin,
                 int64_t end) {
  const int64_t most = std::clamp<int64_t>((1 << 16) / n, 1, 16), pitch = n + 16;  // no power of two
  const Scratch room(bytesToSort<T>(n)), copies(size_t(most * pitch) * sizeof(T)),
      orders(size_t(most * pitch) * sizeof(int64_t));
  T *lines = copies.as<T>();
  int64_t *places = orders.as<int64_t>();
  for (int64_t line = begin; line < end;) {
    const int64_t column = line % inner, base = line / inner * n * inner + column;
    const int64_t count = std::min({most, inner - column, end - line});
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < count; ++c) lines[c * pitch + i] = x[base + i * inner + c];
    for (int64_t c = 0; c < count; ++c)
      sortIndices(lines + c * pitch, n, descending, room.as<void>(), places + c * pitch);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < count; ++c) {
        const int64_t place = places[c * pitch + i], to = base + i * inner + c;
        indices[to] = place;
        if (values) values[to] = lines[c * pitch + place];
      }
    line += count;
  }
}

}  // namespace

// Each goes where as many are less.
void sortFew(uint64_t *items, int64_t n) {
  uint64_t sorted[kFewToSort];
  for (int64_t i = 0; i < n; ++i) {
    int64_t place = 0;
    for (int64_t j = 0; j < n; ++j) place += items[j] < items[i];
    sorted[place] = items[i];
  }
  std::copy_n(sorted, n, items);
}

}  // namespace fbd

using namespace fbd;

extern "C" void fb_sort(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, bool descending,
                        void *values, int64_t *indices, int64_t begin, int64_t end) try {
  (void)outer;
  if (n == 0) return;
  dispatch<kReal | kUnsigned>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto *from = static_cast<const T *>(x);
    auto *to = static_cast<T *>(values);
    if (inner == 1) sortLines(from, n, descending, to, indices, begin, end);
    else sortColumns(from, n, inner, descending, to, indices, begin, end);
  });
} FBD_NOTES_FAILURE()
