// SPDX-License-Identifier: MIT
// Takes in what a SaveStream wrote, cut into any pieces, and knows whether all of it came. Believes nothing:
// a wrong byte in a header makes the load void, and what is said about that is the driver's rule. Not
// thread-safe (the device's lock guards it).
#pragma once

#include <array>
#include <cstdint>

#include "core/base/span.h"
#include "core/simulated/load_rules.h"
#include "core/simulated/machine.h"
#include "core/simulated/options.h"

namespace vfm {

class LoadStream {
 public:
  LoadStream(Machine& machine, Personality personality)
      : machine_(machine), personality_(personality), rules_(loadRulesOf(personality)) {}

  // 0 or an errno; `taken`: how many bytes were.
  int write(ConstBytes from, size_t& taken);

  // RESUMING is left: 0 or the errno that keeps the device there.
  int finish() const;
  // All of it came, so that there is something to restore.
  bool complete() const { return arrived_ && (!broken_ || rules_.overlong == 0); }
  const MigratedRegisters& registers() const { return registers_; }

  void end() { ended_ = true; }
  bool ended() const { return ended_; }

 private:
  enum class Phase : uint8_t { kHeader, kRecord, kMemory, kRegisters, kDone };
  int parse(ConstBytes from);
  bool gather(ConstBytes& from, size_t size);
  int accept();
  int acceptRecord();
  int take(ConstBytes& from);

  Machine& machine_;
  const Personality personality_;
  const LoadRules& rules_;
  Phase phase_ = Phase::kHeader;
  std::array<uint8_t, 32> gathered_{};
  size_t gatheredSize_ = 0;
  uint64_t offset_ = 0;     // where the next byte of memory goes
  uint64_t remaining_ = 0;  // of the memory record
  uint64_t covered_ = 0;    // the first pass has reached here
  MigratedRegisters registers_;
  uint64_t received_ = 0;
  bool arrived_ = false;
  bool broken_ = false;
  int refusal_ = 0;  // of every further write
  bool ended_ = false;
};

}  // namespace vfm
