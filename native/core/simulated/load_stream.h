// SPDX-License-Identifier: MIT
// Takes in what a SaveStream wrote, cut into any pieces, and knows whether all of it came. Believes nothing:
// a wrong byte in a header is EINVAL, and from then on the load is void. Not thread-safe (the device's lock
// guards it).
#pragma once

#include <array>
#include <cstdint>

#include "core/base/span.h"
#include "core/simulated/machine.h"

namespace vfm {

class LoadStream {
 public:
  explicit LoadStream(Machine& machine) : machine_(machine) {}

  // 0 or an errno: EINVAL for a foreign or damaged stream, ENOMEM for bytes after the end.
  int write(ConstBytes from);

  bool complete() const { return phase_ == Phase::kDone && !broken_; }
  const MigratedRegisters& registers() const { return registers_; }

  void end() { ended_ = true; }
  bool ended() const { return ended_; }

 private:
  enum class Phase : uint8_t { kHeader, kRecord, kMemory, kRegisters, kDone };
  bool gather(ConstBytes& from, size_t size);
  int accept();
  int acceptRecord();
  int take(ConstBytes& from);

  Machine& machine_;
  Phase phase_ = Phase::kHeader;
  std::array<uint8_t, 32> gathered_{};
  size_t gatheredSize_ = 0;
  uint64_t offset_ = 0;     // where the next byte of memory goes
  uint64_t remaining_ = 0;  // of the memory record
  uint64_t covered_ = 0;    // the first pass has reached here
  MigratedRegisters registers_;
  bool broken_ = false;
  bool ended_ = false;
};

}  // namespace vfm
