// SPDX-License-Identifier: MIT
#include "core/integrity/crc32_arm64.h"

#if defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

#include <cstring>

namespace vfm::integrity {
namespace {

// By the mnemonics and not <arm_acle.h>, whose intrinsics gcc 12 hides unless the whole file is built for
// +crc.
inline uint32_t step8(uint32_t raw, uint64_t value) {
  asm(".arch_extension crc\n\tcrc32x %w0, %w0, %x1" : "+r"(raw) : "r"(value));
  return raw;
}
inline uint32_t step1(uint32_t raw, uint8_t value) {
  asm(".arch_extension crc\n\tcrc32b %w0, %w0, %w1" : "+r"(raw) : "r"(uint32_t{value}));
  return raw;
}

}  // namespace

bool hasArmCrc32() { return (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

uint32_t crc32Arm(uint32_t raw, const uint8_t* data, size_t size) {
  for (; size >= 8; size -= 8, data += 8) {
    uint64_t value;
    std::memcpy(&value, data, sizeof value);
    raw = step8(raw, value);
  }
  for (; size > 0; --size, ++data) raw = step1(raw, *data);
  return raw;
}

}  // namespace vfm::integrity

#endif
