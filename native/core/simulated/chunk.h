// SPDX-License-Identifier: MIT
// What a v1 chunk holds: this header, then its payload. Lets a load notice chunks that were re-cut,
// reordered, lost or damaged, as a real device's firmware would. Native (little) endian: v1 saves move
// between devices of one kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/span.h"

namespace vfm {

struct ChunkHeader {
  uint32_t magic = kMagic;
  uint32_t kind = 0;
  uint64_t sequence = 0;    // from 0, without gaps, over a whole save
  uint64_t stateBytes = 0;  // of the device saved
  uint64_t offset = 0;      // in the device memory
  uint64_t length = 0;      // of the payload
  uint64_t checksum = 0;    // of the payload
  uint64_t reserved[2] = {0, 0};

  static constexpr uint32_t kMagic = 0x6b6e6863;
  static constexpr uint32_t kMemory = 1;     // a stretch of the device memory
  static constexpr uint32_t kRegisters = 2;  // MigratedRegisters; the last chunk of a save
};
static_assert(sizeof(ChunkHeader) == 64, "part of the device's chunk format");

// Not cryptographic: notices what moves and what flips. Four lanes, since one multiply must not wait for the
// one before.
inline uint64_t chunkChecksum(ConstBytes bytes) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ull;
  uint64_t lanes[4] = {1, 2, 3, 4};
  size_t i = 0;
  for (; i + 32 <= bytes.size; i += 32) {
    uint64_t words[4];
    std::memcpy(words, bytes.data + i, 32);
    for (int lane = 0; lane < 4; ++lane) lanes[lane] = (lanes[lane] ^ words[lane]) * kOdd;
  }
  uint64_t sum = bytes.size;
  for (; i < bytes.size; ++i) sum = (sum ^ bytes.data[i]) * kOdd;
  for (uint64_t lane : lanes) sum = ((sum << 13 | sum >> 51) ^ lane) * kOdd;
  return sum ^ sum >> 29;
}

}  // namespace vfm
