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

Result<Turn> SessionSource::next() { return nextInto(buffer_, Place::kAnywhere); }

Result<Turn> SessionSource::nextInto(std::shared_ptr<Memory>& memory, Place) {
  if (!memory || memory->size() < chunkSize_) {
    memory.reset();  // never two at once
    auto allocated = Memory::allocate(chunkSize_);
    if (!allocated) return std::move(allocated).failure();
    memory = std::move(*allocated);
  }
  return fill(memory, chunkSize_);
}

Result<Turn> SessionSource::nextOwned() {
  auto allocated = Memory::allocate(chunkSize_);
  if (!allocated) return std::move(allocated).failure();
  return fill(*allocated, chunkSize_);
}

Result<Turn> SessionSource::fill(const std::shared_ptr<Memory>& memory, size_t size) {
  size_t filled = 0;
  while (filled < size) {
    if (cancelled_) return Failure::because(Reason::kCancelled, "read of the migration data");
    auto outcome = session_->read(Bytes{memory->data() + filled, size - filled});
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
  return Turn{Progress::kBytes, Bytes{memory->data(), filled}, memory};
}

void SessionSource::cancel() {
  cancelled_ = true;
  session_->cancel();
}

}  // namespace vfm
