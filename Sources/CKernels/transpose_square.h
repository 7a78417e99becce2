// Transposes small squares in vectors that every processor has.
#ifndef FB_TRANSPOSE_SQUARE_H
#define FB_TRANSPOSE_SQUARE_H
#include <cstdint>
#include <cstring>

namespace fb {

// Squares of as many rows as 16 bytes hold elements, and the lower or upper halves of two rows interleaved.
template <class T> struct SmallSquare {
  static constexpr int n = 16 / static_cast<int>(sizeof(T));
  typedef T V __attribute__((vector_size(16)));

  static V low(V a, V b) {
    if constexpr (n == 2) return __builtin_shufflevector(a, b, 0, 2);
    else if constexpr (n == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
    else if constexpr (n == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    else return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  static V high(V a, V b) {
    if constexpr (n == 2) return __builtin_shufflevector(a, b, 1, 3);
    else if constexpr (n == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
    else if constexpr (n == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    else return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }

  // Transposes n x n elements: each round of interleaving rows i and i + n / 2 moves one bit of the index.
  static void transpose(const T *in, int64_t inStep, T *out, int64_t outStep) {
    V rows[n], next[n];
    for (int i = 0; i < n; ++i) std::memcpy(&rows[i], in + i * inStep, 16);
    for (int round = n; round > 1; round /= 2) {
      for (int i = 0; i < n / 2; ++i) {
        next[2 * i] = low(rows[i], rows[i + n / 2]);
        next[2 * i + 1] = high(rows[i], rows[i + n / 2]);
      }
      for (int i = 0; i < n; ++i) rows[i] = next[i];
    }
    for (int i = 0; i < n; ++i) std::memcpy(out + i * outStep, &rows[i], 16);
  }
};

}  // namespace fb
#endif
