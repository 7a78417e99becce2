// Uniform and normal float32 numbers with the roundings of PyTorch's AVX2 kernels: cephes polynomials (Julien Pommier's
// sse_mathfun in Giovanni Garberoglio's AVX form, zlib licence), its multiply-add pairs fused the way GCC fuses them.
#include "include/fb_random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "random.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, 8>;
using DI = hn::RebindToSigned<D>;
using V = hn::Vec<D>;
using VI = hn::Vec<DI>;

void RandomScale(float *data, int64_t count, float scale, float offset) {
  const D d;
  const int64_t n = static_cast<int64_t>(hn::Lanes(d));
  const V s = hn::Set(d, scale), o = hn::Set(d, offset);
  int64_t i = 0;
  for (; i + n <= count; i += n) hn::StoreU(hn::MulAdd(hn::LoadU(d, data + i), s, o), d, data + i);
  if (i < count) {
    HWY_ALIGN float rest[8] = {};
    for (int64_t j = i; j < count; j++) rest[j - i] = data[j];
    for (int64_t j = 0; j < 8; j += n) hn::Store(hn::MulAdd(hn::Load(d, rest + j), s, o), d, rest + j);
    for (int64_t j = i; j < count; j++) data[j] = rest[j - i];
  }
}

// log of a number in [2^-24, 1].
HWY_INLINE V Log(V x) {
  const D d;
  const DI di;
  const V one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
  const VI bits = hn::BitCast(di, x);
  V e = hn::ConvertTo(d, hn::Sub(hn::ShiftRight<23>(bits), hn::Set(di, 126)));
  x = hn::BitCast(d, hn::Or(hn::And(bits, hn::Set(di, 0x007FFFFF)), hn::BitCast(di, half)));
  const auto small = hn::Lt(x, hn::Set(d, 0.707106781186547524f));
  const V again = hn::IfThenElseZero(small, x);
  x = hn::Add(hn::Sub(x, one), again);
  e = hn::Sub(e, hn::IfThenElseZero(small, one));
  const V z = hn::Mul(x, x);
  V y = hn::Set(d, 7.0376836292E-2f);
  const float p[] = {-1.1514610310E-1f, 1.1676998740E-1f,  -1.2420140846E-1f, 1.4249322787E-1f,
                     -1.6668057665E-1f, 2.0000714765E-1f, -2.4999993993E-1f, 3.3333331174E-1f};
  for (float c : p) y = hn::MulAdd(y, x, hn::Set(d, c));
  y = hn::Mul(y, x);
  y = hn::MulAdd(y, z, hn::Mul(e, hn::Set(d, -2.12194440e-4f)));
  y = hn::NegMulAdd(z, half, y);
  return hn::MulAdd(e, hn::Set(d, 0.693359375f), hn::Add(x, y));
}

// Sine and cosine of a number in [0, 2 pi].
HWY_INLINE void SinCos(V x, V &sine, V &cosine) {
  const D d;
  const DI di;
  const VI two = hn::Set(di, 2), four = hn::Set(di, 4);
  VI j = hn::ConvertTo(di, hn::Mul(x, hn::Set(d, 1.27323954473516f)));
  j = hn::AndNot(hn::Set(di, 1), hn::Add(j, hn::Set(di, 1)));
  V y = hn::ConvertTo(d, j);
  const V flipSine = hn::BitCast(d, hn::ShiftLeft<29>(hn::And(j, four)));
  const V flipCosine = hn::BitCast(d, hn::ShiftLeft<29>(hn::AndNot(hn::Sub(j, two), four)));
  const auto straight = hn::RebindMask(d, hn::Eq(hn::And(j, two), hn::Zero(di)));
  x = hn::MulAdd(y, hn::Set(d, -0.78515625f), x);
  x = hn::MulAdd(y, hn::Set(d, -2.4187564849853515625e-4f), x);
  x = hn::MulAdd(y, hn::Set(d, -3.77489497744594108e-8f), x);
  const V z = hn::Mul(x, x);
  V c = hn::Set(d, 2.443315711809948E-005f);
  c = hn::MulAdd(c, z, hn::Set(d, -1.388731625493765E-003f));
  c = hn::MulAdd(c, z, hn::Set(d, 4.166664568298827E-002f));
  c = hn::Mul(c, z);
  c = hn::MulSub(c, z, hn::Mul(z, hn::Set(d, 0.5f)));
  c = hn::Add(c, hn::Set(d, 1.0f));
  V s = hn::Set(d, -1.9515295891E-4f);
  s = hn::MulAdd(s, z, hn::Set(d, 8.3321608736E-3f));
  s = hn::MulAdd(s, z, hn::Set(d, -1.6666654611E-1f));
  s = hn::Mul(s, z);
  s = hn::MulAdd(s, x, x);
  sine = hn::Xor(hn::IfThenElse(straight, s, c), flipSine);
  cosine = hn::Xor(hn::IfThenElse(straight, c, s), flipCosine);
}

void RandomNormal(float *data, int64_t blocks, float mean, float std) {
  const D d;
  const V m = hn::Set(d, mean), s = hn::Set(d, std);
  for (int64_t block = 0; block < blocks; block++) {
    for (size_t j = 0; j < 8; j += hn::Lanes(d)) {
      float *p = data + block * 16 + j;
      const V u1 = hn::Sub(hn::Set(d, 1.0f), hn::LoadU(d, p));
      const V radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), Log(u1)));
      V sine, cosine;
      SinCos(hn::Mul(hn::Set(d, 6.283185307179586f), hn::LoadU(d, p + 8)), sine, cosine);
      hn::StoreU(hn::MulAdd(hn::Mul(radius, cosine), s, m), d, p);
      hn::StoreU(hn::MulAdd(hn::Mul(radius, sine), s, m), d, p + 8);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(RandomScale);
HWY_EXPORT(RandomNormal);
}  // namespace fb

extern "C" void fb_random_scale_f32(float *data, int64_t count, float scale, float offset) {
  HWY_DYNAMIC_DISPATCH(fb::RandomScale)(data, count, scale, offset);
}
extern "C" void fb_random_normal_f32(float *data, int64_t blocks, float mean, float std) {
  HWY_DYNAMIC_DISPATCH(fb::RandomNormal)(data, blocks, mean, std);
}
#endif
