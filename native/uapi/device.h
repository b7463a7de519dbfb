// SPDX-License-Identifier: MIT
// What a device says about itself, and reset.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/capability.h"
#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioDeviceFlagsReset = 1u << 0;
inline constexpr uint32_t kVfioDeviceFlagsPci = 1u << 1;
inline constexpr uint32_t kVfioDeviceFlagsPlatform = 1u << 2;
inline constexpr uint32_t kVfioDeviceFlagsAmba = 1u << 3;
inline constexpr uint32_t kVfioDeviceFlagsCcw = 1u << 4;
inline constexpr uint32_t kVfioDeviceFlagsAp = 1u << 5;
inline constexpr uint32_t kVfioDeviceFlagsFslMc = 1u << 6;
inline constexpr uint32_t kVfioDeviceFlagsCaps = 1u << 7;
inline constexpr uint32_t kVfioDeviceFlagsCdx = 1u << 8;
// num_regions and num_irqs are the highest index plus one; an index below may still be empty.
struct VfioDeviceInfo {
  uint32_t argsz;
  uint32_t flags;
  uint32_t num_regions;
  uint32_t num_irqs;
  uint32_t cap_offset;
  uint32_t pad;
};
static_assert(sizeof(VfioDeviceInfo) == 24);
static_assert(offsetof(VfioDeviceInfo, argsz) == 0);
static_assert(offsetof(VfioDeviceInfo, flags) == 4);
static_assert(offsetof(VfioDeviceInfo, num_regions) == 8);
static_assert(offsetof(VfioDeviceInfo, num_irqs) == 12);
static_assert(offsetof(VfioDeviceInfo, cap_offset) == 16);
static_assert(offsetof(VfioDeviceInfo, pad) == 20);

inline constexpr uint32_t kVfioDeviceGetInfo = vfioRequest(7);

inline constexpr uint32_t kVfioDeviceInfoCapPciAtomicComp = 5;
inline constexpr uint32_t kVfioPciAtomicComp32 = 1u << 0;
inline constexpr uint32_t kVfioPciAtomicComp64 = 1u << 1;
inline constexpr uint32_t kVfioPciAtomicComp128 = 1u << 2;
// Which atomic operations the root port completes.
struct VfioDeviceInfoCapPciAtomicComp {
  VfioInfoCapHeader header;
  uint32_t flags;
  uint32_t reserved;
};
static_assert(sizeof(VfioDeviceInfoCapPciAtomicComp) == 16);
static_assert(offsetof(VfioDeviceInfoCapPciAtomicComp, header) == 0);
static_assert(offsetof(VfioDeviceInfoCapPciAtomicComp, flags) == 8);
static_assert(offsetof(VfioDeviceInfoCapPciAtomicComp, reserved) == 12);

// Back to running, whatever the migration state was.
inline constexpr uint32_t kVfioDeviceReset = vfioRequest(11);

}  // namespace vfm::uapi
