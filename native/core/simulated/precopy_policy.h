// SPDX-License-Identifier: MIT
// What a pre-copy sends, what the pre-copy information says, and what asking for it starts: the part of a
// save in which drivers differ most. One object per save. Not thread-safe (the device's lock guards it).
#pragma once

#include <chrono>
#include <memory>

#include "core/device/session.h"
#include "core/simulated/options.h"
#include "core/simulated/save_progress.h"

namespace vfm {

class PrecopyPolicy {
 public:
  using Clock = std::chrono::steady_clock;

  // What of the stream has been begun or must come first, besides the pages of the memory.
  struct Unsent {
    uint64_t header = 0;
    uint64_t inFlight = 0;
  };

  virtual ~PrecopyPolicy() = default;

  // Changed pages are offered only when a round was begun.
  virtual bool roundsOnDemand() const { return false; }
  // The memory is sent before the device has stopped.
  virtual bool sendsMemory() const { return true; }
  // VFIO_MIG_GET_PRECOPY_INFO. `quiesced`: in PRE_COPY_P2P. `began`: a new round of saving begins.
  virtual PrecopyInfo answer(SaveProgress& progress, const Unsent& unsent, bool quiesced, bool& began) = 0;
  // The device entered STOP_COPY.
  virtual void stopped(SaveProgress& progress) { progress.stopRounds(); }
};

std::unique_ptr<PrecopyPolicy> precopyPolicyOf(const SimulatedOptions& options);

}  // namespace vfm
