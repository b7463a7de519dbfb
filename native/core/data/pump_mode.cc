// SPDX-License-Identifier: MIT
#include "core/data/pump_mode.h"

#include <algorithm>

namespace vfm {

void PumpMode::begin(Clock::time_point now) {
  // What the window had moved before the pump paused cannot be timed any more.
  start(overlapped_, size_, now);
}

void PumpMode::start(bool overlapped, uint64_t bytes, Clock::time_point now) {
  overlapped_ = overlapped;
  size_ = bytes;
  left_ = static_cast<int64_t>(bytes);
  began_ = now;
}

void PumpMode::settleOnSerial() {
  settled_ = true;
  overlapped_ = false;
}

void PumpMode::rest(Clock::time_point now) {
  resting_ = true;
  windows_ = 0;
  start(choice_, restBytes_, now);
}

void PumpMode::expect(bool overlapped) {
  if (known_ || warm_ || settled_) return;
  known_ = true;
  choice_ = overlapped;
}

void PumpMode::windowEnds(Clock::time_point now) {
  if (settled_) return start(false, kLongestRest, now);
  if (!warm_) {
    warm_ = true;
    return start(choice_, kWindow, now);
  }
  if (resting_) {
    // The present mode first: both as they are now.
    resting_ = false;
    best_[0] = best_[1] = 0;
    return start(choice_, kWindow, now);
  }
  const double seconds = std::max(std::chrono::duration<double>(now - began_).count(), 1e-9);
  double& best = best_[overlapped_ ? 1 : 0];
  // The fastest of several: whoever else uses the processor only ever makes it slower.
  best = std::max(best, static_cast<double>(size_) / seconds);
  if (++windows_ < 2 * kPairs) return start(!overlapped_, kWindow, now);
  decide();
  rest(now);
}

void PumpMode::decide() {
  const bool before = choice_;
  const double margin = known_ && !tried_ ? kUnexpected : kMargin;
  const double stays = best_[choice_ ? 1 : 0];
  const double comes = best_[choice_ ? 0 : 1];
  if (comes > stays * margin) choice_ = !choice_;
  const bool agreed = known_ && choice_ == before;
  const bool clear = std::max(stays, comes) > std::min(stays, comes) * kClearly;
  tried_ = true;
  known_ = true;
  if (!agreed)
    restBytes_ = kFirstRest;
  else if (clear)
    restBytes_ = std::max(restBytes_, kClearRest);
  else
    restBytes_ = std::clamp(restBytes_ * 2, kAgreedRest, kLongestRest);
}

}  // namespace vfm
