// SPDX-License-Identifier: MIT
// The second migration protocol: capabilities, states, and the sizes a device expects to move.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioMigrationStopCopy = 1u << 0;
inline constexpr uint32_t kVfioMigrationP2p = 1u << 1;
inline constexpr uint32_t kVfioMigrationPreCopy = 1u << 2;
struct VfioDeviceFeatureMigration {
  uint64_t flags;
};
static_assert(sizeof(VfioDeviceFeatureMigration) == 8);
static_assert(offsetof(VfioDeviceFeatureMigration, flags) == 0);

inline constexpr uint32_t kVfioDeviceFeatureMigration = 1;

// After a failed SET `device_state` holds what was asked for, not where the device is: ask with GET.
// `data_fd` is -1 where no session begins; otherwise the caller owns it.
struct VfioDeviceFeatureMigState {
  uint32_t device_state;
  int32_t data_fd;
};
static_assert(sizeof(VfioDeviceFeatureMigState) == 8);
static_assert(offsetof(VfioDeviceFeatureMigState, device_state) == 0);
static_assert(offsetof(VfioDeviceFeatureMigState, data_fd) == 4);

inline constexpr uint32_t kVfioDeviceFeatureMigDeviceState = 2;

inline constexpr uint32_t kVfioDeviceStateError = 0;
inline constexpr uint32_t kVfioDeviceStateStop = 1;
inline constexpr uint32_t kVfioDeviceStateRunning = 2;
inline constexpr uint32_t kVfioDeviceStateStopCopy = 3;
inline constexpr uint32_t kVfioDeviceStateResuming = 4;
inline constexpr uint32_t kVfioDeviceStateRunningP2p = 5;
inline constexpr uint32_t kVfioDeviceStatePreCopy = 6;
inline constexpr uint32_t kVfioDeviceStatePreCopyP2p = 7;
// One more than the last state this header knows; a kernel may know more.
inline constexpr uint32_t kVfioDeviceStateNr = 8;

// To be zeroed before every call: drivers exist that set only one of the two sizes, and that return `flags`
// as they came.
struct VfioPrecopyInfo {
  uint32_t argsz;
  uint32_t flags;
  uint64_t initial_bytes;
  uint64_t dirty_bytes;
};
static_assert(sizeof(VfioPrecopyInfo) == 24);
static_assert(offsetof(VfioPrecopyInfo, argsz) == 0);
static_assert(offsetof(VfioPrecopyInfo, flags) == 4);
static_assert(offsetof(VfioPrecopyInfo, initial_bytes) == 8);
static_assert(offsetof(VfioPrecopyInfo, dirty_bytes) == 16);

// Newer than 6.12; means something only after SET of MIG_PRECOPY_INFOv2 succeeded.
inline constexpr uint32_t kVfioPrecopyInfoReinit = 1u << 0;

// On the session's descriptor, not the device's.
inline constexpr uint32_t kVfioMigGetPrecopyInfo = vfioRequest(21);

struct VfioDeviceFeatureMigDataSize {
  uint64_t stop_copy_length;
};
static_assert(sizeof(VfioDeviceFeatureMigDataSize) == 8);
static_assert(offsetof(VfioDeviceFeatureMigDataSize, stop_copy_length) == 0);

inline constexpr uint32_t kVfioDeviceFeatureMigDataSize = 9;

// No payload.
inline constexpr uint32_t kVfioDeviceFeatureMigPrecopyInfov2 = 12;  // newer than 6.12

}  // namespace vfm::uapi
