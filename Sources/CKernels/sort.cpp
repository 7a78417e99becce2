// Stable sort: short lines by comparison, long ones by radix.
#include "sort.hpp"

#include <type_traits>
#include <utility>

namespace fbd {
namespace {

// Least significant byte first; a byte in which all keys agree is skipped.
template <class K>
void radixSort(Item<K> *items, Item<K> *spare, int64_t n) {
  int64_t counts[sizeof(K)][256] = {};
  for (int64_t i = 0; i < n; ++i)
    for (size_t byte = 0; byte < sizeof(K); ++byte) ++counts[byte][(items[i].key >> (8 * byte)) & 255];
  Item<K> *from = items, *to = spare;
  for (size_t byte = 0; byte < sizeof(K); ++byte) {
    int64_t *places = counts[byte];
    if (places[(from[0].key >> (8 * byte)) & 255] == n) continue;
    int64_t next = 0;
    for (int bucket = 0; bucket < 256; ++bucket) next += std::exchange(places[bucket], next);
    for (int64_t i = 0; i < n; ++i) to[places[(from[i].key >> (8 * byte)) & 255]++] = from[i];
    std::swap(from, to);
  }
  if (from != items) std::copy(from, from + n, items);
}

template <class T>
void sortLines(const T *x, int64_t n, int64_t inner, bool descending, T *values, int64_t *indices, int64_t begin,
               int64_t end) {
  using K = Key<T>;
  Scratch scratch(size_t(2 * n) * sizeof(Item<K>));
  Item<K> *items = scratch.as<Item<K>>();
  for (int64_t line = begin; line < end; ++line) {
    const int64_t base = line / inner * n * inner + line % inner;
    loadItems(x + base, n, inner, items);
    if (descending)
      for (int64_t i = 0; i < n; ++i) items[i].key = K(~items[i].key);
    sortItems(items, items + n, n);
    for (int64_t i = 0; i < n; ++i) {
      indices[base + i * inner] = items[i].index;
      if (values) values[base + i * inner] = x[base + items[i].index * inner];
    }
  }
}

}  // namespace

template <class K>
void sortItems(Item<K> *items, Item<K> *spare, int64_t n) {
  constexpr int64_t kShort = sizeof(K) == 8 ? 1024 : 256;
  if (n > kShort) return radixSort(items, spare, n);
  std::sort(items, items + n, [](const Item<K> &a, const Item<K> &b) {
    return a.key < b.key || (a.key == b.key && a.index < b.index);
  });
}

template void sortItems(Item<uint8_t> *, Item<uint8_t> *, int64_t);
template void sortItems(Item<uint16_t> *, Item<uint16_t> *, int64_t);
template void sortItems(Item<uint32_t> *, Item<uint32_t> *, int64_t);
template void sortItems(Item<uint64_t> *, Item<uint64_t> *, int64_t);

}  // namespace fbd

using namespace fbd;

extern "C" void fb_sort(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, bool descending,
                        void *values, int64_t *indices, int64_t begin, int64_t end) {
  (void)outer;
  if (n == 0) return;
  dispatch<kReal>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    sortLines(static_cast<const T *>(x), n, inner, descending, static_cast<T *>(values), indices, begin, end);
  });
}
