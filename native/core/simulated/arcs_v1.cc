// SPDX-License-Identifier: MIT
#include "core/simulated/arcs_v1.h"

namespace vfm::v1 {

namespace {

constexpr uint8_t bit(uint32_t state) { return static_cast<uint8_t>(1u << state); }

// Row: the state left; bits: the states that may be asked for in it.
constexpr uint8_t kI915Arcs[5] = {
    bit(kRunning) | bit(kStopAndCopy),
    bit(kStop) | bit(kStopAndCopy) | bit(kPreCopy) | bit(kResuming),
    bit(kStop),
    bit(kStopAndCopy),
    bit(kRunning),
};
constexpr uint8_t kLibvfioUserArcs[5] = {
    bit(kStop) | bit(kRunning),
    bit(kStop) | bit(kRunning) | bit(kStopAndCopy) | bit(kPreCopy) | bit(kResuming),
    bit(kStop) | bit(kRunning) | bit(kStopAndCopy),
    bit(kStop) | bit(kStopAndCopy) | bit(kPreCopy),
    bit(kRunning) | bit(kResuming),
};

}  // namespace

bool accepts(V1Arcs arcs, uint32_t from, uint32_t to) {
  if (!isReachable(from) || !isReachable(to)) return false;
  switch (arcs) {
    case V1Arcs::kFull:
      return true;
    case V1Arcs::kI915:
      return kI915Arcs[from] & bit(to);
    case V1Arcs::kLibvfioUser:
      return kLibvfioUserArcs[from] & bit(to);
  }
  return false;
}

const char* stateName(uint32_t state) {
  constexpr const char* kNames[8] = {"stop",     "running",      "stop-copy", "pre-copy",
                                     "resuming", "reserved-101", "error",     "reserved-111"};
  return kNames[state & kStateMask];
}

}  // namespace vfm::v1
