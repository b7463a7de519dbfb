// SPDX-License-Identifier: MIT
// The v2 states and the paths between them: which single change a combined one begins with
// (vfio_mig_get_next_state() in drivers/vfio/vfio_main.c), for devices with and without the P2P and pre-copy
// states.
#pragma once

#include <cstdint>

namespace vfm::v2 {

// enum vfio_device_mig_state
constexpr uint32_t kError = 0;
constexpr uint32_t kStop = 1;
constexpr uint32_t kRunning = 2;
constexpr uint32_t kStopCopy = 3;
constexpr uint32_t kResuming = 4;
constexpr uint32_t kRunningP2p = 5;
constexpr uint32_t kPreCopy = 6;
constexpr uint32_t kPreCopyP2p = 7;
constexpr uint32_t kStates = 8;

// VFIO_MIGRATION_*
constexpr uint32_t kFlagStopCopy = 1;
constexpr uint32_t kFlagP2p = 2;
constexpr uint32_t kFlagPreCopy = 4;

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
