// SPDX-License-Identifier: MIT
// How many workload steps are due: a clock that runs while the device does. The device asks at every access
// and applies the steps then; nothing but the device itself could have seen the memory in between.
#pragma once

#include <chrono>
#include <cstdint>

namespace vfm {

class Workload {
 public:
  using Clock = std::chrono::steady_clock;

  // Steps that became due since the last call. Call it before anything changes that it depends on.
  uint64_t due(Clock::time_point now) {
    if (!on_ || stepBytes_ == 0) return 0;
    auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(now - since_).count();
    unsigned __int128 total =
        static_cast<unsigned __int128>(elapsed < 0 ? 0 : elapsed) * stepBytes_ / kNanosPerStepByte;
    if (total > UINT64_MAX) total = UINT64_MAX;
    uint64_t all = static_cast<uint64_t>(total);
    uint64_t fresh = all - done_;
    done_ = all;
    return fresh;
  }

  // From now on. `bytesPerSecond` as DIRTY_RATE has it: 4096 make a step.
  void set(bool on, uint64_t bytesPerSecond, Clock::time_point now) {
    if (on == on_ && bytesPerSecond == stepBytes_) return;
    on_ = on;
    stepBytes_ = bytesPerSecond;
    since_ = now;
    done_ = 0;
  }

 private:
  static constexpr unsigned __int128 kNanosPerStepByte = static_cast<unsigned __int128>(4096) * 1000000000u;
  bool on_ = false;
  uint64_t stepBytes_ = 0;
  Clock::time_point since_{};
  uint64_t done_ = 0;
};

}  // namespace vfm
