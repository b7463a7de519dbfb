// SPDX-License-Identifier: MIT
// Waiting for a descriptor with an end to it: a deadline, and whoever may cancel.
#pragma once

#include <chrono>

#include "core/base/result.h"
#include "core/io/cancellation.h"

namespace vfm {

class Deadline {
 public:
  static constexpr int kNever = -1;
  // Negative: none.
  explicit Deadline(int milliseconds)
      : endless_(milliseconds < 0), end_(Clock::now() + std::chrono::milliseconds(milliseconds)) {}

  // As poll(2) wants it: -1 for no end, 0 once it has passed; a started millisecond counts whole, so that
  // nobody polls without waiting.
  int left() const;
  bool passed() const { return !endless_ && Clock::now() >= end_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool endless_;
  Clock::time_point end_;
};

// What ends a wait early. Borrowed for the wait. `call` is for one call of an object whose `owner` has a
// cancellation for all of them.
struct Patience {
  const Cancellation& owner;
  Deadline deadline{Deadline::kNever};
  const Cancellation* call = nullptr;

  bool cancelled() const { return owner.cancelled() || (call != nullptr && call->cancelled()); }
};

// Until `fd` is ready for `events`, or in error, which the next call reports. Reason::kCancelled; ETIMEDOUT.
Status awaitReady(int fd, short events, const Patience& patience, const char* operation);

// Where there is no descriptor to wait for: `milliseconds`, or up to the deadline if that comes first.
// Reason::kCancelled.
Status pause(int milliseconds, const Patience& patience, const char* operation);

}  // namespace vfm
