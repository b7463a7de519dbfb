// SPDX-License-Identifier: MIT
// The v1 states (the low three bits of device_state) and who accepts which change between them.
#pragma once

#include <cstdint>

#include "core/simulated/options.h"
#include "uapi/migration_v1.h"

namespace vfm::v1 {

constexpr uint32_t kRunning = uapi::kVfioDeviceStateV1Running;
constexpr uint32_t kSaving = uapi::kVfioDeviceStateV1Saving;
constexpr uint32_t kResuming = uapi::kVfioDeviceStateV1Resuming;
constexpr uint32_t kStateMask = 7;

constexpr uint32_t kStop = 0;
constexpr uint32_t kStopAndCopy = kSaving;
constexpr uint32_t kPreCopy = kSaving | kRunning;
constexpr uint32_t kError = kSaving | kResuming;

// One of the five states that can be asked for; not error, not 101, not 111.
constexpr bool isReachable(uint32_t state) { return state <= kResuming; }

bool accepts(V1Arcs arcs, uint32_t from, uint32_t to);

// As faults and delays name them.
const char* stateName(uint32_t state);

}  // namespace vfm::v1
