// SPDX-License-Identifier: MIT
#include "core/integrity/sha256_x86.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include "core/integrity/sha256_rounds.h"

#define VFM_SHA __attribute__((target("sha,sse4.1,ssse3")))

namespace vfm::integrity {
namespace {

// The instructions want the eight words as ABEF and CDGH.
struct Halves {
  __m128i abef;
  __m128i cdgh;
};

// Four rounds with four words of the schedule.
VFM_SHA inline void rounds(Halves& h, __m128i words, const uint32_t* constants) {
  const __m128i sum = _mm_add_epi32(words, _mm_load_si128(reinterpret_cast<const __m128i*>(constants)));
  h.cdgh = _mm_sha256rnds2_epu32(h.cdgh, h.abef, sum);
  h.abef = _mm_sha256rnds2_epu32(h.abef, h.cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

// The next four words of the schedule after the sixteen in w0..w3.
VFM_SHA inline __m128i nextWords(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  return _mm_sha256msg2_epu32(sum, w3);
}

}  // namespace

// gcc 12's __builtin_cpu_supports does not know "sha".
bool hasShaNi() {
  if (__builtin_cpu_supports("sse4.1") == 0 || __builtin_cpu_supports("ssse3") == 0) return false;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1U << 29)) != 0;
}

VFM_SHA void sha256CompressShaNi(uint32_t state[8], const uint8_t* blocks, size_t count) {
  const __m128i swap = _mm_set_epi64x(0x0C0D0E0F08090A0B, 0x0405060700010203);
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(state)), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4)), 0x1B);
  Halves now{_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xF0)};

  for (; count > 0; --count, blocks += 64) {
    const Halves before = now;
    const auto* words = reinterpret_cast<const __m128i*>(blocks);
    __m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128(words), swap);
    __m128i w1 = _mm_shuffle_epi8(_mm_loadu_si128(words + 1), swap);
    __m128i w2 = _mm_shuffle_epi8(_mm_loadu_si128(words + 2), swap);
    __m128i w3 = _mm_shuffle_epi8(_mm_loadu_si128(words + 3), swap);
    const uint32_t* constants = kSha256Rounds;
    for (int pass = 0;; ++pass, constants += 16) {
      rounds(now, w0, constants);
      rounds(now, w1, constants + 4);
      rounds(now, w2, constants + 8);
      rounds(now, w3, constants + 12);
      if (pass == 3) break;
      w0 = nextWords(w0, w1, w2, w3);
      w1 = nextWords(w1, w2, w3, w0);
      w2 = nextWords(w2, w3, w0, w1);
      w3 = nextWords(w3, w0, w1, w2);
    }
    now.abef = _mm_add_epi32(now.abef, before.abef);
    now.cdgh = _mm_add_epi32(now.cdgh, before.cdgh);
  }

  const __m128i feba = _mm_shuffle_epi32(now.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(now.cdgh, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace vfm::integrity

#endif
