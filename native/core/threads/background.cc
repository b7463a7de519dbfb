// SPDX-License-Identifier: MIT
#include "core/threads/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace vfm {
namespace {

// On Linux niceness belongs to the thread (setpriority(2), "C library/kernel differences").
id_t self() { return static_cast<id_t>(::syscall(SYS_gettid)); }

// Which threads could not be given back their priority, and are not lowered again and again.
thread_local bool stuck = false;

}  // namespace

Background::Background() : before_(::getpriority(PRIO_PROCESS, self())) {
  if (stuck) return;
  lowered_ = ::setpriority(PRIO_PROCESS, self(), std::min(before_ + kNiceness, 19)) == 0;
}

Background::~Background() {
  if (lowered_ && ::setpriority(PRIO_PROCESS, self(), before_) != 0) stuck = true;
}

void TakingTurns::moved(size_t bytes) {
  since_ += bytes;
  if (since_ < kBytes) return;
  since_ = 0;
  ::sched_yield();
}

}  // namespace vfm
