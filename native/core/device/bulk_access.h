// SPDX-License-Identifier: MIT
// Register and bulk access over a device's single accesses.
#pragma once

#include "core/device/device.h"

namespace vfm {

// Exactly one access of `width` (1, 2, 4 or 8) bytes, little-endian as the bus is.
Result<uint64_t> readRegister(Device& device, uint32_t region, uint64_t offset, uint32_t width);
Status writeRegister(Device& device, uint32_t region, uint64_t offset, uint32_t width, uint64_t value);

// All of it, in as many accesses as the device makes of it; no progress is Reason::kShortTransfer.
Status readWhole(Device& device, uint32_t region, uint64_t offset, Bytes into);
Status writeWhole(Device& device, uint32_t region, uint64_t offset, ConstBytes from);

}  // namespace vfm
