// SPDX-License-Identifier: MIT
#include "core/simulated/config_space.h"

#include "core/simulated/registers.h"

namespace vfm {

ConfigSpace::ConfigSpace(uint64_t memoryBytes) {
  uint64_t bar2 = 4096;
  while (bar2 < memoryBytes) bar2 <<= 1;

  put(0x00, 2, 0x1b36, 0);
  put(0x02, 2, 0x7666, 0);
  put(0x04, 2, 0, 0x0406);  // command: memory space, bus master, interrupt disable
  put(0x08, 1, 1, 0);       // revision
  put(0x09, 3, 0xff0000, 0);
  put(0x10, 4, 0, ~(kRegistersBytes - 1));  // BAR0: 32 bits, memory
  put(0x18, 8, 0x4, ~(bar2 - 1));           // BAR2 and 3: 64 bits, memory
  put(0x2c, 2, 0x1b36, 0);
  put(0x2e, 2, 0x7666, 0);
  put(0x3c, 1, 0xff, 0xff);  // interrupt line: a scratch byte for firmware
}

void ConfigSpace::put(size_t offset, size_t width, uint64_t value, uint64_t writable) {
  for (size_t i = 0; i < width; ++i) {
    values_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
    writable_[offset + i] = static_cast<uint8_t>(writable >> (8 * i));
  }
}

void ConfigSpace::read(uint64_t offset, Bytes into) const {
  for (size_t i = 0; i < into.size; ++i) into.data[i] = values_[offset + i];
}

void ConfigSpace::write(uint64_t offset, ConstBytes from) {
  for (size_t i = 0; i < from.size; ++i) {
    uint8_t& value = values_[offset + i];
    uint8_t mask = writable_[offset + i];
    value = static_cast<uint8_t>((value & ~mask) | (from.data[i] & mask));
  }
}

}  // namespace vfm
