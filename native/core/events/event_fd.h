// SPDX-License-Identifier: MIT
// A counter in the kernel that anybody with its descriptor can add to and somebody waits on: how VFIO
// delivers interrupts. Never blocks, whoever made it.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace vfm {

class EventFd {
 public:
  // A new one: non-blocking and close-on-exec.
  static Result<std::shared_ptr<EventFd>> create();
  // A duplicate of somebody's, which has to be a non-blocking eventfd (Reason::kInvalidArgument): a read or a
  // write of a blocking one could hold up the thread that waits for all of them, and the flag belongs to
  // everybody who holds it, so it is not changed here.
  static Result<std::shared_ptr<EventFd>> adopt(int descriptor);

  int descriptor() const { return fd_.get(); }

  // Adds to the counter. EAGAIN: it would exceed 2^64 - 2.
  Status signal(uint64_t count);
  // Takes what has been counted; 0 when nothing has.
  Result<uint64_t> take();

  explicit EventFd(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

}  // namespace vfm
