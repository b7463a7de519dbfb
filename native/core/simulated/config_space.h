// SPDX-License-Identifier: MIT
// PCI configuration space of an Express endpoint: a type 0 header, the capabilities power management, MSI,
// MSI-X and PCI Express with function level reset, and the extended ones AER and serial number
// (docs/test-device.md). Never part of a save (it is not the driver's to carry).
#pragma once

#include <array>
#include <cstdint>

#include "core/base/span.h"
#include "core/simulated/interrupts.h"

namespace vfm {

class ConfigSpace {
 public:
  static constexpr uint64_t kBytes = 4096;
  static constexpr uint32_t kMsiVectors = Interrupts::kMsiVectors;
  static constexpr uint32_t kMsixVectors = Interrupts::kMsixVectors;

  explicit ConfigSpace(uint64_t memoryBytes);

  // The device may begin accesses of its own only while this bit of the command register is set.
  bool busMaster() const { return (values_[0x04] & 0x04) != 0; }

  // The range must lie inside; any width and alignment.
  void read(uint64_t offset, Bytes into) const;
  // Read-only bits keep their value, as on the bus. True when the write asks for a function level reset.
  bool write(uint64_t offset, ConstBytes from);

 private:
  void put(size_t offset, size_t width, uint64_t value, uint64_t writable = 0);
  std::array<uint8_t, kBytes> values_{};
  std::array<uint8_t, kBytes> writable_{};
};

}  // namespace vfm
