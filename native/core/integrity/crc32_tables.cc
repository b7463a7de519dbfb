// SPDX-License-Identifier: MIT
#include "core/integrity/crc32_tables.h"

namespace vfm::integrity {
namespace {

constexpr int kWidth = 16;

// entry[k][b]: the register after byte b and k zero bytes.
struct Tables {
  uint32_t entry[kWidth][256];
  constexpr Tables() : entry() {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t value = byte;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kCrc32Polynomial : 0);
      entry[0][byte] = value;
    }
    for (int k = 1; k < kWidth; ++k) {
      for (uint32_t byte = 0; byte < 256; ++byte) {
        entry[k][byte] = (entry[k - 1][byte] >> 8) ^ entry[0][entry[k - 1][byte] & 0xFF];
      }
    }
  }
};
constexpr Tables kTables;

}  // namespace

uint32_t crc32Tables(uint32_t raw, const uint8_t* data, size_t size) {
  while (size >= kWidth) {
    const uint32_t head[4] = {raw & 0xFF, raw >> 8 & 0xFF, raw >> 16 & 0xFF, raw >> 24};
    uint32_t next = 0;
    for (int i = 0; i < 4; ++i) next ^= kTables.entry[kWidth - 1 - i][data[i] ^ head[i]];
    for (int i = 4; i < kWidth; ++i) next ^= kTables.entry[kWidth - 1 - i][data[i]];
    raw = next;
    data += kWidth;
    size -= kWidth;
  }
  for (; size > 0; --size, ++data) raw = (raw >> 8) ^ kTables.entry[0][(raw ^ *data) & 0xFF];
  return raw;
}

}  // namespace vfm::integrity
