// SPDX-License-Identifier: MIT
// A request to stop, seen by every thread that waits: a flag to look at and a descriptor to poll.
#pragma once

#include <atomic>
#include <memory>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace vfm {

// Shared between the thread that works and the one that may cancel it, so neither has to outlive the other.
// Once cancelled it stays cancelled; an operation that may be tried again gets a new one.
class Cancellation {
 public:
  // Fails with the errno of eventfd(2): EMFILE, ENFILE, ENOMEM.
  static Result<std::shared_ptr<Cancellation>> create();

  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // From any thread, any number of times; never blocks.
  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_acquire); }
  // Readable (POLLIN) from the first cancel() on, for ever: nobody reads it, so every poller sees it.
  // Borrowed: valid as long as this object.
  int fd() const noexcept { return event_.get(); }

 private:
  explicit Cancellation(UniqueFd event) : event_(std::move(event)) {}

  UniqueFd event_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm
