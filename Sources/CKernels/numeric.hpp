// Number types and dtype dispatch for the kernels that move, multiply, pool, index, sort and resample.
#ifndef FBD_NUMERIC_HPP
#define FBD_NUMERIC_HPP
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>

#include "include/fb_types.h"

namespace fbd {

template <class To, class From>
inline To bitCast(const From &from) {
  static_assert(sizeof(To) == sizeof(From), "sizes differ");
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

// Two-byte floats: stored as bits, computed as float, rounded to nearest even.
struct Half {
  uint16_t bits;
  Half() = default;
  Half(float value) : bits(encode(value)) {}
  operator float() const {
    uint32_t body = uint32_t(bits & 0x7fffu) << 13, exponent = body & 0x0f800000u;
    uint32_t normal = body + 0x38000000u;
    uint32_t subnormal = bitCast<uint32_t>(bitCast<float>(normal + 0x00800000u) - bitCast<float>(0x38800000u));
    uint32_t result = exponent == 0x0f800000u ? normal + 0x38000000u : exponent == 0 ? subnormal : normal;
    return bitCast<float>(result | uint32_t(bits & 0x8000u) << 16);
  }

 private:
  static uint16_t encode(float value) {
    uint32_t x = bitCast<uint32_t>(value), sign = x & 0x80000000u;
    x ^= sign;
    uint32_t special = x > 0x7f800000u ? 0x7e00u : 0x7c00u;
    uint32_t tiny = bitCast<uint32_t>(bitCast<float>(x < 0x38800000u ? x : 0u) + 0.5f) - 0x3f000000u;
    uint32_t normal = (x - 0x38000000u + 0xfffu + ((x >> 13) & 1u)) >> 13;
    uint32_t result = x >= 0x47800000u ? special : x < 0x38800000u ? tiny : normal;
    return uint16_t(result | sign >> 16);
  }
};

struct BFloat {
  uint16_t bits;
  BFloat() = default;
  BFloat(float value) : bits(encode(value)) {}
  operator float() const { return bitCast<float>(uint32_t(bits) << 16); }

 private:
  static uint16_t encode(float value) {
    uint32_t x = bitCast<uint32_t>(value);
    uint32_t rounded = (x + 0x7fffu + ((x >> 16) & 1u)) >> 16;
    return uint16_t((x & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
  }
};

using Complex64 = std::complex<float>;
using Complex128 = std::complex<double>;

template <class T> constexpr bool isHalf = std::is_same_v<T, Half> || std::is_same_v<T, BFloat>;
template <class T> constexpr bool isComplex = std::is_same_v<T, Complex64> || std::is_same_v<T, Complex128>;
template <class T> constexpr bool isFloating = std::is_floating_point_v<T> || isHalf<T>;

// The type in which values of T are added up and weighted: integers keep their own (wrapping) arithmetic.
template <class T, class = void> struct ComputeOf { using type = T; };
template <class T> struct ComputeOf<T, std::enable_if_t<isHalf<T>>> { using type = float; };
template <class T> using Compute = typename ComputeOf<T>::type;

template <class T>
inline bool isNaN(T value) {
  if constexpr (isComplex<T>) return std::isnan(value.real()) || std::isnan(value.imag());
  else if constexpr (isFloating<T>) return Compute<T>(value) != Compute<T>(value);
  else return false;
}

// Addition and multiplication that wrap for integers, round once for halves, and are "or" and "and" for bool.
template <class T>
inline T wrappingAdd(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) return a || b;
  else if constexpr (std::is_integral_v<T>) return T(uint64_t(a) + uint64_t(b));
  else if constexpr (isHalf<T>) return T(float(a) + float(b));
  else return a + b;
}
template <class T>
inline T wrappingMul(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) return a && b;
  else if constexpr (std::is_integral_v<T>) return T(uint64_t(a) * uint64_t(b));
  else if constexpr (isHalf<T>) return T(float(a) * float(b));
  else return a * b;
}

inline int64_t volume(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

template <class T> struct Tag { using type = T; };

// kInts are uint8 and the signed integers. The other unsigned ones are a family of their own, so that only kernels which
// are asked for them are compiled for them. float8 and complex32 are in no family: kernels that move bytes go by size.
enum Family : unsigned { kBool = 1, kInts = 2, kHalves = 4, kFloats = 8, kComplexes = 16, kUnsigned = 32 };
constexpr unsigned kReal = kBool | kInts | kHalves | kFloats;
constexpr unsigned kNumbers = kInts | kHalves | kFloats;
constexpr unsigned kAll = kReal | kComplexes;

// Calls body(Tag<T>) with the C++ type of `dtype`; traps if the dtype is not in `families` (the caller checks dtypes).
template <unsigned families, class Body>
inline void dispatch(fb_dtype dtype, Body &&body) {
  switch (static_cast<fb_dtype_name>(dtype)) {
    case FB_BOOL: if constexpr (families & kBool) return body(Tag<bool>{}); break;
    case FB_U8: if constexpr (families & kInts) return body(Tag<uint8_t>{}); break;
    case FB_I8: if constexpr (families & kInts) return body(Tag<int8_t>{}); break;
    case FB_I16: if constexpr (families & kInts) return body(Tag<int16_t>{}); break;
    case FB_I32: if constexpr (families & kInts) return body(Tag<int32_t>{}); break;
    case FB_I64: if constexpr (families & kInts) return body(Tag<int64_t>{}); break;
    case FB_F16: if constexpr (families & kHalves) return body(Tag<Half>{}); break;
    case FB_BF16: if constexpr (families & kHalves) return body(Tag<BFloat>{}); break;
    case FB_F32: if constexpr (families & kFloats) return body(Tag<float>{}); break;
    case FB_F64: if constexpr (families & kFloats) return body(Tag<double>{}); break;
    case FB_C64: if constexpr (families & kComplexes) return body(Tag<Complex64>{}); break;
    case FB_C128: if constexpr (families & kComplexes) return body(Tag<Complex128>{}); break;
    case FB_U16: if constexpr (families & kUnsigned) return body(Tag<uint16_t>{}); break;
    case FB_U32: if constexpr (families & kUnsigned) return body(Tag<uint32_t>{}); break;
    case FB_U64: if constexpr (families & kUnsigned) return body(Tag<uint64_t>{}); break;
    case FB_F8_E4M3FN:
    case FB_F8_E5M2:
    case FB_C32: break;
  }
  std::abort();
}

inline int64_t itemSize(fb_dtype dtype) {
#define X(name, bytes, compute) bytes,
  constexpr int64_t sizes[FB_DTYPE_COUNT] = {FB_DTYPES(X)};
#undef X
  if (dtype < 0 || dtype >= FB_DTYPE_COUNT) std::abort();
  return sizes[dtype];
}

// Calls body(Tag<unsigned integer or pair of that size>) for plain moves of 1, 2, 4, 8 or 16 bytes.
struct Bytes16 { uint64_t low, high; };
template <class Body>
inline void dispatchSize(int64_t size, Body &&body) {
  switch (size) {
    case 1: return body(Tag<uint8_t>{});
    case 2: return body(Tag<uint16_t>{});
    case 4: return body(Tag<uint32_t>{});
    case 8: return body(Tag<uint64_t>{});
    case 16: return body(Tag<Bytes16>{});
  }
  std::abort();
}

}  // namespace fbd
#endif
