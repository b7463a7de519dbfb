// SPDX-License-Identifier: MIT
#include "core/io/wait.h"

#include <poll.h>

#include <algorithm>
#include <climits>

namespace vfm {
namespace {

// poll(2) skips a negative descriptor.
constexpr int kNone = -1;

struct Watched {
  Watched(int fd, short events, const Patience& patience)
      : polled{{fd, events, 0},
               {patience.owner.fd(), POLLIN, 0},
               {patience.call != nullptr ? patience.call->fd() : kNone, POLLIN, 0}} {}
  pollfd polled[3];
};

}  // namespace

int Deadline::left() const {
  if (endless_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, INT_MAX));
}

Status awaitReady(int fd, short events, const Patience& patience, const char* operation) {
  Watched watched(fd, events, patience);
  for (;;) {
    if (patience.cancelled()) return Failure::because(Reason::kCancelled, operation);
    const int ready = ::poll(watched.polled, 3, patience.deadline.left());
    if (ready < 0 && errno != EINTR) return Failure::system(errno, "poll", operation);
    if (patience.cancelled()) return Failure::because(Reason::kCancelled, operation);
    if (ready > 0 && watched.polled[0].revents != 0) return Status::success();
    if (patience.deadline.passed()) return Failure::system(ETIMEDOUT, "poll", operation);
  }
}

Status pause(int milliseconds, const Patience& patience, const char* operation) {
  Watched watched(kNone, 0, patience);
  const int left = patience.deadline.left();
  (void)::poll(watched.polled, 3, left < 0 ? milliseconds : std::min(milliseconds, left));
  if (patience.cancelled()) return Failure::because(Reason::kCancelled, operation);
  return Status::success();
}

}  // namespace vfm
