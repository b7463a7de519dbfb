// SPDX-License-Identifier: MIT
// CRC-32 with zlib's polynomial (0x04C11DB7, reflected, ones before and after), so that any language can
// check it.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/span.h"

namespace vfm {

// As zlib's crc32(): start with 0, pass the result on to continue: crc32(crc32(0, a), b) == crc32(0, ab).
// The fastest method this processor has is chosen at the first call.
uint32_t crc32(uint32_t seed, ConstBytes bytes);

// One way of computing it; all give the same numbers.
struct Crc32Method {
  const char* name;  // "vpclmulqdq", "pclmulqdq", "armv8-crc", "tables"
  bool available;    // on this processor; run() must not be called otherwise
  uint32_t (*run)(uint32_t seed, ConstBytes bytes);
};

// All the methods compiled in, fastest first; the last is always available. For tests and measurements.
struct Crc32Methods {
  static constexpr int kMost = 4;
  std::array<Crc32Method, kMost> method;
  int count = 0;
};
const Crc32Methods& crc32Methods();

}  // namespace vfm
