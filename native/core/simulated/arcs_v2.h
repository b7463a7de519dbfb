// SPDX-License-Identifier: MIT
// The v2 states and the paths between them: which single change a combined one begins with
// (vfio_mig_get_next_state() in drivers/vfio/vfio_main.c), for devices with and without the P2P and pre-copy
// states.
#pragma once

#include <cstdint>

#include "uapi/migration_v2.h"

namespace vfm::v2 {

constexpr uint32_t kError = uapi::kVfioDeviceStateError;
constexpr uint32_t kStop = uapi::kVfioDeviceStateStop;
constexpr uint32_t kRunning = uapi::kVfioDeviceStateRunning;
constexpr uint32_t kStopCopy = uapi::kVfioDeviceStateStopCopy;
constexpr uint32_t kResuming = uapi::kVfioDeviceStateResuming;
constexpr uint32_t kRunningP2p = uapi::kVfioDeviceStateRunningP2p;
constexpr uint32_t kPreCopy = uapi::kVfioDeviceStatePreCopy;
constexpr uint32_t kPreCopyP2p = uapi::kVfioDeviceStatePreCopyP2p;
constexpr uint32_t kStates = uapi::kVfioDeviceStateNr;

constexpr uint32_t kFlagStopCopy = uapi::kVfioMigrationStopCopy;
constexpr uint32_t kFlagP2p = uapi::kVfioMigrationP2p;
constexpr uint32_t kFlagPreCopy = uapi::kVfioMigrationPreCopy;

// Flags a device needs to have this state.
uint32_t flagsOf(uint32_t state);
inline bool hasState(uint32_t flags, uint32_t state) {
  return state < kStates && (flags & flagsOf(state)) == flagsOf(state);
}

// The next state on the way from `from` to `to` (different states of this device); kError: there is no way.
uint32_t nextHop(uint32_t flags, uint32_t from, uint32_t to);

constexpr bool isSaving(uint32_t state) {  // the states that share one save session
  return state == kPreCopy || state == kPreCopyP2p || state == kStopCopy;
}
constexpr bool isPreCopy(uint32_t state) { return state == kPreCopy || state == kPreCopyP2p; }

const char* stateName(uint32_t state);

}  // namespace vfm::v2
