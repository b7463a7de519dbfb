// SPDX-License-Identifier: MIT
// The portable CRC-32: sixteen tables, sixteen bytes a step.
#pragma once

#include <cstdint>

#include "core/base/span.h"

namespace vfm::integrity {

constexpr uint32_t kCrc32Polynomial = 0xEDB88320;  // reflected: bit 0 is the highest power

// Takes and gives the raw register, without the ones before and after.
uint32_t crc32Tables(uint32_t raw, const uint8_t* data, size_t size);

}  // namespace vfm::integrity
