// SPDX-License-Identifier: MIT
// 256 bytes of PCI configuration space: a type 0 header without capabilities. Never part of a save (it is not
// the driver's to carry).
#pragma once

#include <array>
#include <cstdint>

#include "core/base/span.h"

namespace vfm {

class ConfigSpace {
 public:
  static constexpr uint64_t kBytes = 256;

  explicit ConfigSpace(uint64_t memoryBytes);

  // The device may begin accesses of its own only while this bit of the command register is set.
  bool busMaster() const { return (values_[0x04] & 0x04) != 0; }

  // The range must lie inside; any width and alignment.
  void read(uint64_t offset, Bytes into) const;
  // Read-only bits keep their value, as on the bus.
  void write(uint64_t offset, ConstBytes from);

 private:
  void put(size_t offset, size_t width, uint64_t value, uint64_t writable);
  std::array<uint8_t, kBytes> values_{};
  std::array<uint8_t, kBytes> writable_{};
};

}  // namespace vfm
