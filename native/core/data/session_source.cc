// SPDX-License-Identifier: MIT
#include "core/data/session_source.h"

#include <time.h>

namespace vfm {
namespace {

// Only a descriptor that somebody made non-blocking answers "again", and most drivers' cannot be polled
// (epoll: EPERM).
void pause() {
  const timespec wait{0, 1'000'000};
  nanosleep(&wait, nullptr);
}

}  // namespace

SessionSource::SessionSource(std::shared_ptr<Session> session, size_t bufferSize)
    : session_(std::move(session)), bufferSize_(bufferSize) {}

Result<Turn> SessionSource::next() {
  if (!buffer_) {
    auto allocated = Memory::allocate(bufferSize_);
    if (!allocated) return std::move(allocated).failure();
    buffer_ = std::move(*allocated);
  }
  return fill(buffer_);
}

Result<Turn> SessionSource::nextOwned() {
  auto allocated = Memory::allocate(bufferSize_);
  if (!allocated) return std::move(allocated).failure();
  return fill(std::move(*allocated));
}

Result<Turn> SessionSource::fill(std::shared_ptr<Memory> memory) {
  size_t filled = 0;
  while (filled < bufferSize_) {
    if (cancelled_) return Failure::because(Reason::kCancelled, "read of the migration data");
    auto outcome = session_->read(Bytes{memory->data() + filled, bufferSize_ - filled});
    if (!outcome) {
      // What was read before the failure is lost with the session; a save that lost its end is no save.
      return std::move(outcome).failure();
    }
    if (outcome->progress == Progress::kBytes) {
      filled += outcome->bytes;
    } else if (outcome->progress == Progress::kAgain) {
      pause();
    } else if (filled > 0) {
      break;  // drained and end are repeatable: the next turn finds out again
    } else {
      return Turn{outcome->progress, {}, nullptr};
    }
  }
  return Turn{Progress::kBytes, Bytes{memory->data(), filled}, std::move(memory)};
}

void SessionSource::cancel() {
  cancelled_ = true;
  session_->cancel();
}

}  // namespace vfm
