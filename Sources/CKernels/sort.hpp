// Keys: unsigned integers in the order of the values, NaN last, both zeros equal.
#ifndef FBD_SORT_HPP
#define FBD_SORT_HPP
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

// Sorts by key (ascending); equal keys keep the order of their indices, which must ascend. `spare` is as long as items.
template <class K> void sortItems(Item<K> *items, Item<K> *spare, int64_t n);
extern template void sortItems(Item<uint8_t> *, Item<uint8_t> *, int64_t);
extern template void sortItems(Item<uint16_t> *, Item<uint16_t> *, int64_t);
extern template void sortItems(Item<uint32_t> *, Item<uint32_t> *, int64_t);
extern template void sortItems(Item<uint64_t> *, Item<uint64_t> *, int64_t);

}  // namespace fbd
#endif
