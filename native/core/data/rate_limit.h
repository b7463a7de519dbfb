// SPDX-License-Identifier: MIT
// A limit to how fast pumps move data: a token bucket that several of them may share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "core/base/result.h"
#include "core/io/cancellation.h"

namespace vfm {

// A pump asks before it takes a chunk, whose size it does not know yet, and pays after it has moved it: the
// bucket may go into debt, by one chunk of each pump, and nobody passes until that is paid. Over any time t
// no more than burst + rate * t bytes and those last chunks go through. Any thread.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  // The bucket begins full.
  RateLimit(uint64_t bytesPerSecond, uint64_t burst);

  // 0 bytes per second: no limit. Holds at once, also for who is waiting; what was saved up or is owed stays.
  void set(uint64_t bytesPerSecond, uint64_t burst);

  // Until the bucket is not empty, or `interrupted` is true (looked at some times a second): then it answers
  // success too, since a pump has a better word for that. Reason::kCancelled.
  Status admit(const Cancellation& cancellation, const std::atomic<bool>& interrupted);
  void pay(uint64_t bytes);

 private:
  // With the mutex held: what has flowed in since the last time.
  void refill();

  // Looked at without the mutex, so that a limit that is off costs next to nothing.
  std::atomic<bool> limited_;
  std::mutex mutex_;
  double rate_;   // bytes per second; 0: no limit
  double burst_;  // bytes
  double level_;  // bytes; negative: owed
  Clock::time_point filled_;
};

// A pump's share in a limit, or none.
struct Pace {
  RateLimit* limit = nullptr;                  // borrowed
  const Cancellation* cancellation = nullptr;  // set where `limit` is
};

}  // namespace vfm
