// SPDX-License-Identifier: MIT
// The contents a seed stands for (docs/test-device.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfm {

constexpr uint32_t fmix32(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  h ^= h >> 16;
  return h;
}

constexpr uint32_t generatedWord(uint32_t seed, uint32_t index) {
  return fmix32(index * 0x9e3779b9u + fmix32(seed));
}

// `count` words from word `first` on. Little-endian machines only, as VFIO's own hosts are.
void generateWords(uint32_t seed, uint64_t first, uint32_t* words, size_t count);

}  // namespace vfm
