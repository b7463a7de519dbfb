// SPDX-License-Identifier: MIT
#include "core/simulated/arcs_v2.h"

namespace vfm::v2 {

namespace {
constexpr uint8_t X = kError, S = kStop, R = kRunning, SC = kStopCopy, RS = kResuming, RP = kRunningP2p,
                  PC = kPreCopy, PP = kPreCopyP2p;

// Row: the state left; column: the state asked for; both in the order of the uAPI's numbers.
constexpr uint8_t kFirstHop[kStates][kStates] = {
    //          X  S   R   SC  RS  RP  PC  PP
    /* X  */ {X, X, X, X, X, X, X, X},
    /* S  */ {X, S, RP, SC, RS, RP, RP, RP},
    /* R  */ {X, RP, R, RP, RP, RP, PC, RP},
    /* SC */ {X, S, S, SC, S, S, X, X},
    /* RS */ {X, S, S, S, RS, S, S, S},
    /* RP */ {X, S, R, S, S, RP, R, PP},
    /* PC */ {X, R, R, PP, R, R, PC, PP},
    /* PP */ {X, RP, RP, SC, RP, RP, PC, PP},
};
}  // namespace

uint32_t flagsOf(uint32_t state) {
  switch (state) {
    case kStopCopy:
    case kResuming:
      return kFlagStopCopy;
    case kRunningP2p:
      return kFlagP2p;
    case kPreCopy:
      return kFlagPreCopy;
    case kPreCopyP2p:
      return kFlagP2p | kFlagPreCopy;
    default:
      return 0;
  }
}

uint32_t nextHop(uint32_t flags, uint32_t from, uint32_t to) {
  if (from >= kStates || to >= kStates) return kError;
  uint32_t next = kFirstHop[from][to];
  while (next != kError && !hasState(flags, next)) next = kFirstHop[next][to];
  return next;
}

const char* stateName(uint32_t state) {
  constexpr const char* kNames[kStates] = {"error",    "stop",        "running",  "stop-copy",
                                           "resuming", "running-p2p", "pre-copy", "pre-copy-p2p"};
  return state < kStates ? kNames[state] : "unknown";
}

}  // namespace vfm::v2
