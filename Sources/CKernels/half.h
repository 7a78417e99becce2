// The 16-bit floating-point types, as they lie in memory.
#ifndef FB_HALF_H
#define FB_HALF_H
#include <cstdint>
#include <cstring>

namespace fb {

struct Half {
  _Float16 bits;
  Half() = default;
  __attribute__((always_inline)) explicit Half(float v) : bits(static_cast<_Float16>(v)) {}
  __attribute__((always_inline)) float value() const { return static_cast<float>(bits); }
};

struct BFloat16 {
  uint16_t bits;
  BFloat16() = default;
  // To nearest, ties to even.
  __attribute__((always_inline)) explicit BFloat16(float v) {
    uint32_t u;
    std::memcpy(&u, &v, 4);
    const uint32_t rounded = (u + 0x7FFF + ((u >> 16) & 1)) >> 16;
    bits = static_cast<uint16_t>((u & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : rounded);
  }
  __attribute__((always_inline)) float value() const {
    const uint32_t u = static_cast<uint32_t>(bits) << 16;
    float v;
    std::memcpy(&v, &u, 4);
    return v;
  }
};

}  // namespace fb
#endif
