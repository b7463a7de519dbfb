// SPDX-License-Identifier: MIT
// CRC-32 by carry-less multiplication (Gopal and others, "Fast CRC Computation for Generic Polynomials Using
// PCLMULQDQ Instruction", Intel 2009): the message is folded, 16 or 32 bytes a lane, until one lane is left.
#pragma once

#if defined(__x86_64__)

#include <cstdint>

#include "core/base/span.h"

namespace vfm::integrity {

bool hasPclmulqdq();
bool hasVpclmulqdq();  // with AVX2: 256-bit lanes

// Take and give the raw register. To be called only where the processor has the instructions.
uint32_t crc32Pclmulqdq(uint32_t raw, const uint8_t* data, size_t size);
uint32_t crc32Vpclmulqdq(uint32_t raw, const uint8_t* data, size_t size);

}  // namespace vfm::integrity

#endif
