// SPDX-License-Identifier: MIT
#include "core/simulated/generator.h"

namespace vfm {

void generateWords(uint32_t seed, uint64_t first, uint32_t* words, size_t count) {
  const uint32_t start = fmix32(seed);
  const uint32_t base = static_cast<uint32_t>(first);
  for (size_t i = 0; i < count; ++i)
    words[i] = fmix32((base + static_cast<uint32_t>(i)) * 0x9e3779b9u + start);
}

}  // namespace vfm
