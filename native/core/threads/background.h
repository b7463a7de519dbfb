// SPDX-License-Identifier: MIT
// Bulk work gives way to whoever waits for something: lower priority for a thread while it pumps.
#pragma once

#include <cstddef>

namespace vfm {

// The calling thread runs with a higher niceness until the end of the scope. Giving it back is a privilege
// (CAP_SYS_NICE or RLIMIT_NICE): without, the thread stays as it is, so only threads whose work is bulk data
// do this.
class Background {
 public:
  static constexpr int kNiceness = 10;  // on top of what the thread has; 19 at most

  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

 private:
  int before_;
  bool lowered_ = false;
};

// Whoever waits for the processor of a thread that moves bulk data gets a turn after every so many bytes: not
// for each chunk, which may be small.
class TakingTurns {
 public:
  static constexpr size_t kBytes = size_t{256} << 10;  // about 50 microseconds of copying

  void moved(size_t bytes);

 private:
  size_t since_ = 0;
};

}  // namespace vfm
