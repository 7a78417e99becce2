// Keys: unsigned integers in the order of the values, NaN last, both zeros equal.
#ifndef FBD_SORT_HPP
#define FBD_SORT_HPP
#include <utility>

#include "include/fb_sort.h"
#include "numeric.hpp"
#include "scratch.hpp"

namespace fbd {

template <size_t size> struct UnsignedOf;
template <> struct UnsignedOf<1> { using type = uint8_t; };
template <> struct UnsignedOf<2> { using type = uint16_t; };
template <> struct UnsignedOf<4> { using type = uint32_t; };
template <> struct UnsignedOf<8> { using type = uint64_t; };
template <class T> using Key = typename UnsignedOf<sizeof(T)>::type;

template <class T>
inline Key<T> keyOf(T value) {
  using K = Key<T>;
  constexpr K sign = K(K(1) << (8 * sizeof(K) - 1));
  if constexpr (isFloating<T>) {
    if (isNaN(value)) return K(~K(0));
    if (Compute<T>(value) == 0) return sign;
    const K bits = bitCast<K>(value);
    return bits & sign ? K(~bits) : K(bits | sign);
  } else if constexpr (std::is_signed_v<T>) return K(bitCast<K>(value) ^ sign);
  else return K(value);
}

template <class K>
struct Item {
  K key;
  int64_t index;
};

template <class T>
inline void loadItems(const T *x, int64_t n, int64_t stride, Item<Key<T>> *items) {
  for (int64_t i = 0; i < n; ++i) items[i] = {keyOf(x[i * stride]), i};
}

constexpr int64_t kFewToSort = 8;

// Sorts distinct numbers: up to eight, and up to some hundred.
void sortFew(uint64_t *items, int64_t n);
void sortShort(uint64_t *items, int64_t n);

inline uint64_t keyOfItem(uint64_t item) { return item >> 32; }
template <class K> K keyOfItem(const Item<K> &item) { return item.key; }

// Stable, by keys of `bytes` bytes, the least significant first; a byte in which all keys agree is skipped.
template <size_t bytes, class E>
void radixSort(E *items, E *spare, int64_t n) {
  int64_t counts[bytes][256] = {};
  const auto digit = [](const E &item, size_t byte) { return (keyOfItem(item) >> (8 * byte)) & 255; };
  for (int64_t i = 0; i < n; ++i)
    for (size_t byte = 0; byte < bytes; ++byte) ++counts[byte][digit(items[i], byte)];
  E *from = items, *to = spare;
  for (size_t byte = 0; byte < bytes; ++byte) {
    int64_t *places = counts[byte];
    if (places[digit(from[0], byte)] == n) continue;
    int64_t next = 0;
    for (int bucket = 0; bucket < 256; ++bucket) next += std::exchange(places[bucket], next);
    for (int64_t i = 0; i < n; ++i) to[places[digit(from[i], byte)]++] = from[i];
    std::swap(from, to);
  }
  if (from != items) std::copy(from, from + n, items);
}

template <class T> size_t bytesToSort(int64_t n) { return size_t(2 * n) * sizeof(Item<Key<T>>); }

// The order of x: indices[i] is the place of the one that comes i-th, equal ones as they come. `room` has bytesToSort<T>(n).
template <class T>
void sortIndices(const T *x, int64_t n, bool descending, void *room, int64_t *indices) {
  using K = Key<T>;
  const K flips = descending ? K(~K(0)) : K(0);
  if constexpr (sizeof(K) < 8) {
    // Key and place in one number, which no other equals: half the memory, and vectors can compare them.
    if (n <= UINT32_MAX) {
      auto *items = static_cast<uint64_t *>(room);
      for (int64_t i = 0; i < n; ++i) items[i] = uint64_t(K(keyOf(x[i]) ^ flips)) << 32 | uint64_t(i);
      if (n <= kFewToSort) sortFew(items, n);
      else if (n <= 256) sortShort(items, n);
      else radixSort<sizeof(K)>(items, items + n, n);
      for (int64_t i = 0; i < n; ++i) indices[i] = int64_t(items[i] & UINT32_MAX);
      return;
    }
  }
  auto *items = static_cast<Item<K> *>(room);
  for (int64_t i = 0; i < n; ++i) items[i] = {K(keyOf(x[i]) ^ flips), i};
  if (n > 1024) radixSort<sizeof(K)>(items, items + n, n);
  else std::sort(items, items + n, [](const Item<K> &a, const Item<K> &b) {
    return a.key < b.key || (a.key == b.key && a.index < b.index);
  });
  for (int64_t i = 0; i < n; ++i) indices[i] = items[i].index;
}

}  // namespace fbd
#endif
