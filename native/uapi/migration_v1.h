// SPDX-License-Identifier: MIT
// The first migration protocol: the registers at the start of a device's migration region.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfm::uapi {

inline constexpr uint32_t kVfioRegionTypeMigrationDeprecated = 3;
inline constexpr uint32_t kVfioRegionSubtypeMigrationDeprecated = 1;

inline constexpr uint32_t kVfioDeviceStateV1Stop = 0;
inline constexpr uint32_t kVfioDeviceStateV1Running = 1u << 0;
inline constexpr uint32_t kVfioDeviceStateV1Saving = 1u << 1;
inline constexpr uint32_t kVfioDeviceStateV1Resuming = 1u << 2;
inline constexpr uint32_t kVfioDeviceStateMask =
    kVfioDeviceStateV1Running | kVfioDeviceStateV1Saving | kVfioDeviceStateV1Resuming;
// Registers, not memory: each is read or written alone, in its own width, and never as part of the whole
// struct.
struct VfioDeviceMigrationInfo {
  uint32_t device_state;  // bits 3-31 are kept as read
  uint32_t reserved;
  uint64_t pending_bytes;  // an estimate; only zero or not matters
  uint64_t data_offset;    // from the start of the region
  uint64_t data_size;      // bytes
};
static_assert(sizeof(VfioDeviceMigrationInfo) == 32);
static_assert(offsetof(VfioDeviceMigrationInfo, device_state) == 0);
static_assert(offsetof(VfioDeviceMigrationInfo, reserved) == 4);
static_assert(offsetof(VfioDeviceMigrationInfo, pending_bytes) == 8);
static_assert(offsetof(VfioDeviceMigrationInfo, data_offset) == 16);
static_assert(offsetof(VfioDeviceMigrationInfo, data_size) == 24);

}  // namespace vfm::uapi
