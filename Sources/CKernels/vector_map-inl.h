// Loops over arrays for one SIMD target; included once per target.
#if defined(FB_VECTOR_MAP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_VECTOR_MAP_INL_H
#undef FB_VECTOR_MAP_INL_H
#else
#define FB_VECTOR_MAP_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
namespace hn = hwy::HWY_NAMESPACE;

// The first n < Lanes(d) elements; the other lanes are 0.
template <class D> HWY_INLINE hn::Vec<D> LoadPart(D d, const hn::TFromD<D> *p, size_t n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)] = {};
  for (size_t i = 0; i < n; ++i) lanes[i] = p[i];
  return hn::Load(d, lanes);
#else
  return hn::MaskedLoad(hn::FirstN(d, n), d, p);
#endif
}

template <class D> HWY_INLINE void StorePart(hn::Vec<D> v, D d, hn::TFromD<D> *p, size_t n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
  hn::Store(v, d, lanes);
  for (size_t i = 0; i < n; ++i) p[i] = lanes[i];
#else
  hn::BlendedStore(v, hn::FirstN(d, n), d, p);
#endif
}

// Calls f(i, load, store) for i in 0..<n in steps of a vector; load and store handle the rest at the end.
template <class T, class F> HWY_INLINE void ForLanes(int64_t n, F f) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    f(
        i, [d](const T *p) HWY_ATTR { return hn::LoadU(d, p); },
        [d](hn::Vec<decltype(d)> v, T *p) HWY_ATTR { hn::StoreU(v, d, p); });
  if (i < n) {
    const size_t rest = size_t(n - i);
    f(
        i, [d, rest](const T *p) HWY_ATTR { return LoadPart(d, p, rest); },
        [d, rest](hn::Vec<decltype(d)> v, T *p) HWY_ATTR { StorePart(v, d, p, rest); });
  }
}

// A call of memcpy would take longer than most rows do.
HWY_INLINE void CopyRow(const float *from, int64_t n, float *to) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  if (i < n && n >= lanes) return hn::StoreU(hn::LoadU(d, from + n - lanes), d, to + n - lanes);
  // Less than a vector: two halves or quarters of one that overlap.
  const auto twice = [&](auto part) HWY_ATTR {
    const int64_t few = static_cast<int64_t>(hn::Lanes(part));
    if (i > 0 || n < few || n > 2 * few) return false;
    hn::StoreU(hn::LoadU(part, from), part, to);
    hn::StoreU(hn::LoadU(part, from + n - few), part, to + n - few);
    return true;
  };
  if (twice(hn::CappedTag<float, 4>()) || twice(hn::CappedTag<float, 8>())) return;
  for (; i < n; ++i) to[i] = from[i];
}

template <class T, class F>
void Map1(const void *pa, const void *, const void *, void *pout, size_t n, int32_t *) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const T *a = static_cast<const T *>(pa);
  T *out = static_cast<T *>(pout);
  const F f;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, hn::LoadU(d, a + i)), d, out + i);
  if (i < n) StorePart(f(d, LoadPart(d, a + i, n - i)), d, out + i, n - i);
}

template <class T, class F>
void Map2(const void *pa, const void *pb, const void *, void *pout, size_t n, int32_t *) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const T *a = static_cast<const T *>(pa);
  const T *b = static_cast<const T *>(pb);
  T *out = static_cast<T *>(pout);
  const F f;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
  if (i < n) StorePart(f(d, LoadPart(d, a + i, n - i), LoadPart(d, b + i, n - i)), d, out + i, n - i);
}

template <class T, class F>
void Map3(const void *pa, const void *pb, const void *pc, void *pout, size_t n, int32_t *) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const T *a = static_cast<const T *>(pa);
  const T *b = static_cast<const T *>(pb);
  const T *c = static_cast<const T *>(pc);
  T *out = static_cast<T *>(pout);
  const F f;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(f(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i), hn::LoadU(d, c + i)), d, out + i);
  }
  if (i < n) {
    const size_t rest = n - i;
    const auto v = f(d, LoadPart(d, a + i, rest), LoadPart(d, b + i, rest), LoadPart(d, c + i, rest));
    StorePart(v, d, out + i, rest);
  }
}

}  // namespace
// Sum of f(x[i]) in the type of f; the order of the additions is the compiler's, but the same for every call.
template <class T, class F> HWY_INLINE auto SumOf(const T *x, size_t n, F f) -> decltype(f(x[0])) {
#pragma clang fp reassociate(on)
  decltype(f(x[0])) sum = 0;
  for (size_t i = 0; i < n; ++i) sum += f(x[i]);
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#endif
