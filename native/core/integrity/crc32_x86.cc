// SPDX-License-Identifier: MIT
#include "core/integrity/crc32_x86.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "core/integrity/crc32_tables.h"

#define VFM_PCLMUL __attribute__((target("pclmul,sse4.1")))
#define VFM_VPCLMUL __attribute__((target("vpclmulqdq,pclmul,avx2")))

namespace vfm::integrity {
namespace {

// x^power mod P, reflected into 32 bits and shifted by one, as a reflected 64x64 product wants it.
constexpr uint64_t foldFactor(unsigned power) {
  uint32_t value = 0x80000000;  // x^0
  for (unsigned i = 0; i < power; ++i) value = (value >> 1) ^ ((value & 1) != 0 ? kCrc32Polynomial : 0);
  return uint64_t{value} << 1;
}

// What moves a 128-bit lane `Bits` further along the message: its low half is worth x^(Bits+32), its high
// x^(Bits-32).
template <unsigned Bits>
struct Fold {
  static constexpr uint64_t kLow = foldFactor(Bits + 32);
  static constexpr uint64_t kHigh = foldFactor(Bits - 32);
};
// The published constants for 512 and 128 bits.
static_assert(Fold<512>::kLow == 0x154442BD4 && Fold<512>::kHigh == 0x1C6E41596);
static_assert(Fold<128>::kLow == 0x1751997D0 && Fold<128>::kHigh == 0x0CCAA009E);

template <unsigned Bits>
VFM_PCLMUL inline __m128i factors() {
  return _mm_set_epi64x(static_cast<long long>(Fold<Bits>::kHigh), static_cast<long long>(Fold<Bits>::kLow));
}

template <unsigned Bits>
VFM_PCLMUL inline __m128i fold(__m128i lane, __m128i onto) {
  const __m128i factor = factors<Bits>();
  return _mm_xor_si128(onto, _mm_xor_si128(_mm_clmulepi64_si128(lane, factor, 0x00),
                                           _mm_clmulepi64_si128(lane, factor, 0x11)));
}

VFM_PCLMUL inline __m128i load(const uint8_t* data) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
}

// One lane and up to a few bytes are left: the lane is congruent to all before it, so the tables finish.
VFM_PCLMUL uint32_t finish(__m128i lane, const uint8_t* data, size_t size) {
  while (size >= 16) {
    lane = fold<128>(lane, load(data));
    data += 16;
    size -= 16;
  }
  alignas(16) uint8_t rest[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(rest), lane);
  return crc32Tables(crc32Tables(0, rest, sizeof rest), data, size);
}

template <unsigned Bits>
VFM_VPCLMUL inline __m256i foldWide(__m256i lanes, __m256i onto) {
  const __m256i factor = _mm256_broadcastsi128_si256(factors<Bits>());
  return _mm256_xor_si256(onto, _mm256_xor_si256(_mm256_clmulepi64_epi128(lanes, factor, 0x00),
                                                 _mm256_clmulepi64_epi128(lanes, factor, 0x11)));
}

VFM_VPCLMUL inline __m256i loadWide(const uint8_t* data) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
}

}  // namespace

bool hasPclmulqdq() { return __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0; }

bool hasVpclmulqdq() {
  return hasPclmulqdq() && __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0;
}

VFM_PCLMUL uint32_t crc32Pclmulqdq(uint32_t raw, const uint8_t* data, size_t size) {
  if (size < 64) return crc32Tables(raw, data, size);
  __m128i a = _mm_xor_si128(load(data), _mm_cvtsi32_si128(static_cast<int>(raw)));
  __m128i b = load(data + 16);
  __m128i c = load(data + 32);
  __m128i d = load(data + 48);
  data += 64;
  size -= 64;
  while (size >= 64) {
    a = fold<512>(a, load(data));
    b = fold<512>(b, load(data + 16));
    c = fold<512>(c, load(data + 32));
    d = fold<512>(d, load(data + 48));
    data += 64;
    size -= 64;
  }
  return finish(fold<128>(fold<128>(fold<128>(a, b), c), d), data, size);
}

VFM_VPCLMUL uint32_t crc32Vpclmulqdq(uint32_t raw, const uint8_t* data, size_t size) {
  if (size < 256) return crc32Pclmulqdq(raw, data, size);
  // Eight accumulators of 32 bytes hide the multiplier's latency.
  __m256i lane[8];
  for (int i = 0; i < 8; ++i) lane[i] = loadWide(data + 32 * i);
  lane[0] = _mm256_xor_si256(lane[0], _mm256_set_epi32(0, 0, 0, 0, 0, 0, 0, static_cast<int>(raw)));
  data += 256;
  size -= 256;
  while (size >= 256) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) lane[i] = foldWide<2048>(lane[i], loadWide(data + 32 * i));
    data += 256;
    size -= 256;
  }
  __m256i all = lane[0];
#pragma GCC unroll 7
  for (int i = 1; i < 8; ++i) all = foldWide<256>(all, lane[i]);
  while (size >= 32) {
    all = foldWide<256>(all, loadWide(data));
    data += 32;
    size -= 32;
  }
  const __m128i low = _mm256_castsi256_si128(all);
  const __m128i high = _mm256_extracti128_si256(all, 1);
  // SSE code after this on the same thread (SHA-NI has no VEX form) is slowed down by dirty upper halves.
  _mm256_zeroupper();
  return finish(fold<128>(low, high), data, size);
}

}  // namespace vfm::integrity

#endif
