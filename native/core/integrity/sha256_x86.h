// SPDX-License-Identifier: MIT
// The SHA-256 compression function by the x86 SHA extensions.
#pragma once

#if defined(__x86_64__)

#include <cstddef>
#include <cstdint>

namespace vfm::integrity {

bool hasShaNi();
void sha256CompressShaNi(uint32_t state[8], const uint8_t* blocks, size_t count);

}  // namespace vfm::integrity

#endif
