// SPDX-License-Identifier: MIT
// A count that one thread raises and another waits for, asleep. The waiter alone says when it sleeps: a
// raiser that cleared that mark could miss the sleeper of the next turn.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace vfm {

class Tally {
 public:
  uint32_t now() const { return value_.load(std::memory_order_acquire); }

  void raise() {
    value_.fetch_add(1, std::memory_order_seq_cst);
    if (sleeps_.load(std::memory_order_seq_cst)) ::syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, 1);
  }

  // Until it is another number than `seen`. One waiter at a time.
  void waitPast(uint32_t seen) {
    while (now() == seen) {
      sleeps_.store(true, std::memory_order_seq_cst);
      if (value_.load(std::memory_order_seq_cst) == seen)
        ::syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, seen, nullptr);
      sleeps_.store(false, std::memory_order_seq_cst);
    }
  }

 private:
  std::atomic<uint32_t> value_{0};
  std::atomic<bool> sleeps_{false};
};

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "the kernel looks at the number itself");

}  // namespace vfm
