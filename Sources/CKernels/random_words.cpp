// mt19937's words (Matsumoto and Nishimura 1998) a vector at a time.
#include "include/fb_random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "random_words.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
using Words = hn::CappedTag<uint32_t, 8>;
using WordVec = hn::Vec<Words>;

constexpr int64_t kWords = 624, kAhead = 397;

HWY_INLINE uint32_t Twist(uint32_t a, uint32_t b) {
  return (((a & 0x80000000u) | (b & 0x7FFFFFFFu)) >> 1) ^ ((0u - (b & 1u)) & 0x9908B0DFu);
}

// words[i] for `begin`..<`end` from words[i + shift]; what is read was written at least a vector earlier.
HWY_INLINE void TwistRange(uint32_t *words, int64_t begin, int64_t end, int64_t shift) {
  const Words d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    const WordVec a = hn::LoadU(d, words + i), b = hn::LoadU(d, words + i + 1);
    const WordVec mixed = hn::Or(hn::And(a, hn::Set(d, 0x80000000u)), hn::And(b, hn::Set(d, 0x7FFFFFFFu)));
    const WordVec odd = hn::Sub(hn::Zero(d), hn::And(b, hn::Set(d, 1u)));
    const WordVec twisted = hn::Xor(hn::ShiftRight<1>(mixed), hn::And(odd, hn::Set(d, 0x9908B0DFu)));
    hn::StoreU(hn::Xor(hn::LoadU(d, words + i + shift), twisted), d, words + i);
  }
  for (; i < end; ++i) words[i] = words[i + shift] ^ Twist(words[i], words[i + 1]);
}

void RandomRegenerate(uint32_t *words) {
  TwistRange(words, 0, kWords - kAhead, kAhead);
  TwistRange(words, kWords - kAhead, kWords - 1, kAhead - kWords);
  words[kWords - 1] = words[kAhead - 1] ^ Twist(words[kWords - 1], words[0]);
}

HWY_INLINE WordVec Temper(Words d, WordVec y) {
  y = hn::Xor(y, hn::ShiftRight<11>(y));
  y = hn::Xor(y, hn::And(hn::ShiftLeft<7>(y), hn::Set(d, 0x9D2C5680u)));
  y = hn::Xor(y, hn::And(hn::ShiftLeft<15>(y), hn::Set(d, 0xEFC60000u)));
  return hn::Xor(y, hn::ShiftRight<18>(y));
}

void RandomTemper(const uint32_t *words, int64_t count, uint32_t *out) {
  const Words d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(Temper(d, hn::LoadU(d, words + i)), d, out + i);
  if (i < count) {
    const size_t rest = static_cast<size_t>(count - i);
    StorePart(Temper(d, LoadPart(d, words + i, rest)), d, out + i, rest);
  }
}

void RandomBelow(const uint32_t *words, int64_t count, uint64_t limit, uint8_t *out) {
  // As numbers of 64 bits the upper half, drawn first, is the lower one.
  const hn::Repartition<int64_t, Words> d;
  const hn::Repartition<uint64_t, Words> du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = hn::Set(du, (uint64_t(1) << 53) - 1);
  const auto most = hn::Set(d, static_cast<int64_t>(limit));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto pair = hn::BitCast(du, hn::LoadU(Words(), words + 2 * i));
    const auto bits = hn::And(hn::Or(hn::ShiftLeft<32>(pair), hn::ShiftRight<32>(pair)), mask);
    uint8_t below[8] = {};
    hn::StoreMaskBits(d, hn::Lt(hn::BitCast(d, bits), most), below);
    // The bits, at most four of them, one a byte: no carry reaches a neighbour.
    const uint32_t bytes = (below[0] * 0x00204081u) & 0x01010101u;
    std::memcpy(out + i, &bytes, static_cast<size_t>(lanes));
  }
  for (; i < count; ++i) {
    const uint64_t bits = uint64_t(words[2 * i] & 0x1FFFFFu) << 32 | words[2 * i + 1];
    out[i] = bits < limit;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(RandomRegenerate);
HWY_EXPORT(RandomTemper);
HWY_EXPORT(RandomBelow);
}  // namespace fb

extern "C" void fb_random_regenerate(uint32_t *words) { HWY_DYNAMIC_DISPATCH(fb::RandomRegenerate)(words); }

extern "C" void fb_random_temper(const uint32_t *words, int64_t count, uint32_t *out) {
  HWY_DYNAMIC_DISPATCH(fb::RandomTemper)(words, count, out);
}

extern "C" void fb_random_below(const uint32_t *words, int64_t count, uint64_t limit, uint8_t *out) {
  HWY_DYNAMIC_DISPATCH(fb::RandomBelow)(words, count, limit, out);
}
#endif
