// Conversion between the dtypes of tensors and the types in which programs compute.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise_convert.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>
#include <type_traits>

#include "elementwise_table.h"
#include "half.h"

#pragma clang diagnostic ignored "-Wpass-failed"

#ifndef FB_CONVERT_ONCE
#define FB_CONVERT_ONCE
namespace fb {

template <class T> struct IsComplex : std::false_type {};
template <class R> struct IsComplex<std::complex<R>> : std::true_type {};

// Elements that are a float in fewer bits.
template <class T>
constexpr bool isNarrow = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16> || std::is_same_v<T, Float8E4M3FN> ||
                          std::is_same_v<T, Float8E5M2>;

// To integers as PyTorch on x86: uint8, uint32 through int64, the narrower ones through int32.
template <class To, class From> inline To truncated(From v) {
  constexpr bool isWide = sizeof(To) == 8 || std::is_same_v<To, uint8_t> || std::is_same_v<To, uint32_t>;
  using Wide = std::conditional_t<isWide, int64_t, int32_t>;
  // Out of range (and NaN) give the smallest number, without undefined behaviour.
  constexpr From limit = -static_cast<From>(std::numeric_limits<Wide>::min());
  if constexpr (std::is_same_v<To, uint64_t>) {  // the upper half of the range is shifted down and back
    const From low = v >= limit ? v - limit : v;
    const bool fits = low >= -limit && low < limit;
    const uint64_t bits = static_cast<uint64_t>(fits ? static_cast<int64_t>(low) : std::numeric_limits<int64_t>::min());
    return bits ^ (v >= limit ? uint64_t(1) << 63 : 0);
  } else {
    const bool fits = v >= -limit && v < limit;
    return static_cast<To>(fits ? static_cast<Wide>(v) : std::numeric_limits<Wide>::min());
  }
}

template <class To, class From> inline To convert(From v) {
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else if constexpr (isNarrow<From>) {
    return convert<To>(v.value());
  } else if constexpr (std::is_same_v<From, ComplexHalf>) {
    return convert<To>(std::complex<float>(v.real.value(), v.imag.value()));
  } else if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_same_v<To, ComplexHalf>) {
    if constexpr (IsComplex<From>::value) return {convert<Half>(v.real()), convert<Half>(v.imag())};
    else return {convert<Half>(v), Half(0.0f)};
  } else if constexpr (IsComplex<To>::value) {
    using Part = typename To::value_type;
    if constexpr (IsComplex<From>::value) {
      return To(convert<Part>(v.real()), convert<Part>(v.imag()));
    } else {
      return To(convert<Part>(v), Part(0));
    }
  } else if constexpr (IsComplex<From>::value) {
    return convert<To>(v.real());
  } else if constexpr (isNarrow<To>) {
    return To(static_cast<float>(v));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    return truncated<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace fb
#endif

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names

// Memory of a bool tensor is read as a byte: any value but 0 is true.
template <class From, class To> void LoadAs(const void *tensor, int64_t stride, void *packed, size_t n) {
  using Memory = std::conditional_t<std::is_same_v<From, bool>, uint8_t, From>;
  const Memory *in = static_cast<const Memory *>(tensor);
  To *out = static_cast<To *>(packed);
  const auto value = [](Memory v) HWY_ATTR {
    if constexpr (std::is_same_v<From, bool>) return convert<To>(v != 0);
    else return convert<To>(v);
  };
  if (stride == 1) {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = value(in[i]);
  } else if (stride == 0) {
    const To v = value(in[0]);
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = v;
  } else {
    for (size_t i = 0; i < n; ++i) out[i] = value(in[static_cast<int64_t>(i) * stride]);
  }
}

template <class From, class To> void StoreAs(const void *packed, void *tensor, int64_t stride, size_t n) {
  const From *in = static_cast<const From *>(packed);
  To *out = static_cast<To *>(tensor);
  if (stride == 1) {
    FB_VECTORIZE for (size_t i = 0; i < n; ++i) out[i] = convert<To>(in[i]);
  } else {
    for (size_t i = 0; i < n; ++i) out[static_cast<int64_t>(i) * stride] = convert<To>(in[i]);
  }
}

template <class T> void AddDtype(ConversionTable &t, fb_dtype dtype) {
  t.load[dtype][FB_COMPUTE_I64] = LoadAs<T, int64_t>;
  t.load[dtype][FB_COMPUTE_F32] = LoadAs<T, float>;
  t.load[dtype][FB_COMPUTE_F64] = LoadAs<T, double>;
  t.load[dtype][FB_COMPUTE_C64] = LoadAs<T, std::complex<float>>;
  t.load[dtype][FB_COMPUTE_C128] = LoadAs<T, std::complex<double>>;
  t.store[FB_COMPUTE_I64][dtype] = StoreAs<int64_t, T>;
  t.store[FB_COMPUTE_F32][dtype] = StoreAs<float, T>;
  t.store[FB_COMPUTE_F64][dtype] = StoreAs<double, T>;
  t.store[FB_COMPUTE_C64][dtype] = StoreAs<std::complex<float>, T>;
  t.store[FB_COMPUTE_C128][dtype] = StoreAs<std::complex<double>, T>;
  t.store[FB_COMPUTE_U64][dtype] = StoreAs<uint64_t, T>;
}

template <class T> void AddInteger(ConversionTable &t, fb_dtype dtype) {
  AddDtype<T>(t, dtype);
  t.load[dtype][FB_COMPUTE_U64] = LoadAs<T, uint64_t>;
}

struct Bytes16 {
  uint64_t low, high;
};

template <class T> void AddRaw(ConversionTable &t, int log2) {
  t.copyIn[log2] = LoadAs<T, T>;
  t.copyOut[log2] = StoreAs<T, T>;
}

void FillConversions(ConversionTable &t) {
  AddInteger<bool>(t, FB_BOOL);
  AddInteger<uint8_t>(t, FB_U8);
  AddInteger<int8_t>(t, FB_I8);
  AddInteger<int16_t>(t, FB_I16);
  AddInteger<int32_t>(t, FB_I32);
  AddInteger<int64_t>(t, FB_I64);
  AddDtype<Half>(t, FB_F16);
  AddDtype<BFloat16>(t, FB_BF16);
  AddDtype<float>(t, FB_F32);
  AddDtype<double>(t, FB_F64);
  AddDtype<std::complex<float>>(t, FB_C64);
  AddDtype<std::complex<double>>(t, FB_C128);
  AddInteger<uint16_t>(t, FB_U16);
  AddInteger<uint32_t>(t, FB_U32);
  AddInteger<uint64_t>(t, FB_U64);
  AddDtype<Float8E4M3FN>(t, FB_F8_E4M3FN);
  AddDtype<Float8E5M2>(t, FB_F8_E5M2);
  AddDtype<ComplexHalf>(t, FB_C32);
  AddRaw<uint8_t>(t, 0);
  AddRaw<uint16_t>(t, 1);
  AddRaw<uint32_t>(t, 2);
  AddRaw<uint64_t>(t, 3);
  AddRaw<Bytes16>(t, 4);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(FillConversions);
void fillConversions(ConversionTable &table) { HWY_DYNAMIC_DISPATCH(FillConversions)(table); }
}  // namespace fb
#endif
