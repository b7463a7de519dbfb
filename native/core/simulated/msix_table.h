// SPDX-License-Identifier: MIT
// The MSI-X table and its pending bits in BAR0, as a client that looks there finds them. VFIO's clients leave
// them alone: the messages go where VFIO_DEVICE_SET_IRQS says.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/span.h"
#include "core/simulated/config_space.h"

namespace vfm {

class MsixTable {
 public:
  static constexpr uint32_t kOffset = 0x800;
  static constexpr uint32_t kBytes = 16 * ConfigSpace::kMsixVectors;
  static constexpr uint32_t kPendingOffset = 0xc00;
  static constexpr uint32_t kPendingBytes = 8;

  MsixTable() { reset(); }
  // Whether an access is one to the table or the pending bits: 4 or 8 bytes, aligned.
  static bool holds(uint64_t offset, size_t width);

  // For what holds() says yes to.
  void read(uint64_t offset, Bytes into) const;
  void write(uint64_t offset, ConstBytes from);  // pending bits are not a client's to write
  void reset();                                  // every vector masked

 private:
  std::array<uint8_t, kBytes> entries_{};
};

}  // namespace vfm
