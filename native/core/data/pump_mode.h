// SPDX-License-Identifier: MIT
// Whether a pump reads and writes in turn or at once. Neither is always faster: two threads win where both
// calls copy (a file with pages, a socket whose reader is quick), one wins where writing costs nothing
// (/dev/null), where the processor is busy with others, and on everything small. So it is tried out, on the
// data itself, and kept while it lasts.
#pragma once

#include <chrono>
#include <cstdint>

namespace vfm {

class PumpMode {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr uint64_t kWindow = uint64_t{8} << 20;  // bytes that one measurement takes
  static constexpr int kPairs = 2;                        // windows of each mode before the first decision
  // How much faster the other mode must be: a second thread costs processor time.
  static constexpr double kMargin = 1.05;
  // How much faster it must be where the kind of sink speaks against it: a window is a few milliseconds, and
  // the scheduler takes as many from whomever it likes.
  static constexpr double kUnexpected = 1.25;
  // Bytes until the loser gets another window: few until a second trial agrees with the first, then doubled
  // each time that changes nothing, and long at once where the loser was far behind.
  static constexpr uint64_t kFirstRest = uint64_t{64} << 20;
  static constexpr uint64_t kAgreedRest = uint64_t{512} << 20;
  static constexpr uint64_t kClearRest = uint64_t{2} << 30;
  static constexpr double kClearly = 1.15;
  static constexpr uint64_t kLongestRest = uint64_t{8} << 30;

  bool overlapped() const { return overlapped_; }

  // Which mode mostly wins with this kind of sink. Before anything was moved.
  void expect(bool overlapped);

  // A pump begins at `now`: the time since it last ran was nobody's.
  void begin(Clock::time_point now);
  // After each chunk. Looks at the clock only at the end of a window, where the answer is true: the mode may
  // have changed.
  template <typename Now>
  bool moved(uint64_t bytes, Now&& now) {
    left_ -= static_cast<int64_t>(bytes);
    if (left_ > 0) return false;
    windowEnds(now());
    return true;
  }
  // Stays with one thread from now on: chunks that are too large to have several of, or a sink that takes
  // them for nothing.
  void settleOnSerial();

 private:
  void windowEnds(Clock::time_point now);
  void decide();
  void start(bool overlapped, uint64_t bytes, Clock::time_point now);
  void rest(Clock::time_point now);

  bool settled_ = false;
  bool overlapped_ = false;
  bool warm_ = false;        // the first window pays for page faults and cold caches, and is not counted
  bool resting_ = false;     // decided; the present window is a long one
  int windows_ = 0;          // measured since the last decision
  double best_[2] = {0, 0};  // bytes per second, by mode
  bool choice_ = false;
  bool known_ = false;  // the choice comes from the kind of sink, or from a trial
  bool tried_ = false;  // a trial has ended
  uint64_t restBytes_ = kFirstRest;
  uint64_t size_ = kWindow;
  int64_t left_ = static_cast<int64_t>(kWindow);
  Clock::time_point began_{};
};

}  // namespace vfm
