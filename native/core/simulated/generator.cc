// SPDX-License-Identifier: MIT
#include "core/simulated/generator.h"

namespace vfm {

namespace {

// Inlined into each of the two below, so that the compiler vectorises it for the instructions each may use.
[[gnu::always_inline]] inline void generate(uint32_t start, uint32_t base, uint32_t* words, size_t count) {
  for (size_t i = 0; i < count; ++i)
    words[i] = fmix32((base + static_cast<uint32_t>(i)) * 0x9e3779b9u + start);
}

#if defined(__x86_64__)
// Without AVX2 there is no cheap 32-bit multiply of whole vectors.
[[gnu::target("avx2"), gnu::optimize("O3")]] void generateAvx2(uint32_t start, uint32_t base, uint32_t* words,
                                                               size_t count) {
  generate(start, base, words, count);
}
#endif

}  // namespace

void generateWords(uint32_t seed, uint64_t first, uint32_t* words, size_t count) {
  const uint32_t start = fmix32(seed);
  const uint32_t base = static_cast<uint32_t>(first);
#if defined(__x86_64__)
  static const bool hasAvx2 = __builtin_cpu_supports("avx2");
  if (hasAvx2) return generateAvx2(start, base, words, count);
#endif
  generate(start, base, words, count);
}

}  // namespace vfm
