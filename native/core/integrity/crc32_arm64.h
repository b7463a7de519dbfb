// SPDX-License-Identifier: MIT
// CRC-32 by the ARMv8 CRC32 instructions (optional in ARMv8.0, present in all servers since).
#pragma once

#if defined(__aarch64__)

#include <cstdint>

#include "core/base/span.h"

namespace vfm::integrity {

bool hasArmCrc32();
// Takes and gives the raw register.
uint32_t crc32Arm(uint32_t raw, const uint8_t* data, size_t size);

}  // namespace vfm::integrity

#endif
