// SPDX-License-Identifier: MIT
#include "core/io/input.h"

#include <sys/socket.h>

#include <algorithm>

namespace vfm {

Result<Input> Input::over(int fd) {
  auto channel = Channel::over(fd, Direction::kRead);
  if (!channel) return std::move(channel).failure();
  return Input(std::move(channel).value());
}

Result<size_t> Input::readSome(Bytes bytes, const Cancellation& cancellation) {
  if (bytes.size == 0) return size_t{0};
  const bool socket = channel_.kind() == Channel::Kind::kSocket;
  for (;;) {
    if (cancellation.cancelled()) return Failure::because(Reason::kCancelled, "read a stream");
    if (channel_.kind() == Channel::Kind::kPollFirst) {
      if (Status ready = channel_.wait(cancellation); !ready) return std::move(ready).failure();
    }
    const size_t length = std::min(bytes.size, channel_.piece());
    const ssize_t count = socket ? ::recv(channel_.fd(), bytes.data, length, MSG_DONTWAIT)
                                 : ::read(channel_.fd(), bytes.data, length);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      return Failure::system(errno, socket ? "recv" : "read", "read a stream");
    }
    if (Status ready = channel_.wait(cancellation); !ready) return std::move(ready).failure();
  }
}

Result<size_t> Input::readFully(Bytes bytes, const Cancellation& cancellation) {
  size_t done = 0;
  while (done < bytes.size) {
    auto count = readSome(bytes.from(done), cancellation);
    if (!count) return count;
    if (*count == 0) break;
    done += *count;
  }
  return done;
}

}  // namespace vfm
