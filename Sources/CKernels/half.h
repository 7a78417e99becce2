// The narrow floating-point types, as they lie in memory.
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

// A float of 8 bits with `mantissa` fraction bits. Both kinds round to nearest, ties to even. What is too large becomes
// infinite, or where there is no infinity the greatest number, as in PyTorch.
template <int mantissa> struct Float8 {
  static constexpr int exponentBits = 7 - mantissa, bias = (1 << (exponentBits - 1)) - 1;
  static constexpr bool hasInfinity = mantissa == 2;  // E4M3FN has one NaN for each sign and no infinity
  uint8_t bits;
  Float8() = default;
  explicit Float8(float v) : bits(encode(v)) {}
  float value() const { return values[bits]; }

 private:
  struct Values {
    float of[256];
    float operator[](uint8_t code) const { return of[code]; }
  };
  static constexpr Values makeValues() {
    Values result = {};
    for (int code = 0; code < 256; ++code) {
      const int exponent = code >> mantissa & ((1 << exponentBits) - 1), fraction = code & ((1 << mantissa) - 1);
      const bool isTop = exponent == (1 << exponentBits) - 1;
      float value = static_cast<float>(fraction + (exponent > 0 ? 1 << mantissa : 0));
      for (int e = (exponent > 0 ? exponent : 1) - bias - mantissa; e != 0; e += e < 0 ? 1 : -1) value *= e < 0 ? 0.5f : 2;
      if (isTop && hasInfinity) value = fraction == 0 ? __builtin_inff() : __builtin_nanf("");
      if (isTop && !hasInfinity && fraction == (1 << mantissa) - 1) value = __builtin_nanf("");
      result.of[code] = code & 0x80 ? -value : value;
    }
    return result;
  }
  static const Values values;

  static uint8_t encode(float v) {
    constexpr int dropped = 23 - mantissa;
    constexpr uint32_t infinity = 0x7F800000, largest = hasInfinity ? 0x7C : 0x7E, leastNormal = static_cast<uint32_t>(128 - bias) << 23;
    // From here on the exponent overflows; without infinity its uppermost value is one of numbers too.
    constexpr uint32_t beyond = static_cast<uint32_t>(128 + bias + (hasInfinity ? 0 : 1)) << 23;
    // Adding this puts the last bit of a subnormal at the last bit of a float.
    constexpr uint32_t aligner = static_cast<uint32_t>(128 - bias + dropped) << 23;
    uint32_t u;
    std::memcpy(&u, &v, 4);
    const uint32_t sign = u & 0x80000000;
    u ^= sign;
    uint32_t result;
    if (u >= beyond) {
      result = u <= infinity ? largest : 0x7F;
    } else if (u < leastNormal) {
      float magnitude, step;
      std::memcpy(&magnitude, &u, 4);
      std::memcpy(&step, &aligner, 4);
      magnitude += step;
      std::memcpy(&u, &magnitude, 4);
      result = u - aligner;
    } else {
      const uint32_t odd = u >> dropped & 1;
      u += (static_cast<uint32_t>(bias - 127) << 23) + ((1u << (dropped - 1)) - 1) + odd;
      result = u >> dropped < largest ? u >> dropped : largest;
    }
    return static_cast<uint8_t>(result | sign >> 24);
  }
};
template <int mantissa> inline const typename Float8<mantissa>::Values Float8<mantissa>::values = makeValues();
using Float8E4M3FN = Float8<3>;
using Float8E5M2 = Float8<2>;

// A complex number of two halves.
struct ComplexHalf {
  Half real, imag;
};

}  // namespace fb
#endif
