// SPDX-License-Identifier: MIT
#include "core/io/channel.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>

namespace vfm {
namespace {

// Bounds how long one call to a disk can keep a cancellation waiting, and costs nothing beside the copy.
constexpr size_t kStoragePiece = size_t{8} << 20;
constexpr size_t kUnbounded = size_t{1} << 30;  // below the kernel's MAX_RW_COUNT (2 GiB less a page)

// /dev/null, /dev/zero and their like never make anybody wait.
bool isMemoryDevice(const struct stat& facts) {
  constexpr unsigned kMemoryMajor = 1;  // the kernel's admin-guide/devices.txt
  return S_ISCHR(facts.st_mode) && major(facts.st_rdev) == kMemoryMajor;
}

const char* verb(Direction direction) { return direction == Direction::kRead ? "read" : "write"; }

// A new description of the same pipe or terminal, so that O_NONBLOCK stays our own business. Invalid if the
// kernel refuses (no /proc, other owner, FIFO without a reader).
UniqueFd reopenNonBlocking(int fd, Direction direction) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int access = direction == Direction::kRead ? O_RDONLY : O_WRONLY;
  return UniqueFd(::open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

}  // namespace

Result<Channel> Channel::over(int fd, Direction direction) {
  const std::string operation =
      std::string("prepare descriptor ") + std::to_string(fd) + " to " + verb(direction);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return Failure::system(errno, "fcntl", operation);
  const int unwanted = direction == Direction::kRead ? O_WRONLY : O_RDONLY;
  if ((flags & O_PATH) != 0 || (flags & O_ACCMODE) == unwanted) {
    return Failure::system(EBADF, "fcntl", operation,
                           std::string("the descriptor is not open to ") + verb(direction));
  }
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return Failure::system(errno, "fstat", operation);

  Channel channel(fd, direction);
  channel.piece_ = kUnbounded;
  if (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode) || isMemoryDevice(facts)) {
    channel.kind_ = Kind::kStorage;
    channel.medium_ = isMemoryDevice(facts) ? Medium::kNothing : Medium::kFile;
    channel.piece_ = kStoragePiece;
    return channel;
  }
  if (S_ISSOCK(facts.st_mode)) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
      return Failure::system(errno, "getsockopt", operation);
    }
    if (type != SOCK_STREAM) {
      return Failure::because(Reason::kUnsupported, operation, "only stream sockets carry a stream");
    }
    channel.kind_ = Kind::kSocket;
    int domain = 0;
    size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX)
      channel.medium_ = Medium::kLocalSocket;
    return channel;
  }
  channel.raises_sigpipe_ = direction == Direction::kWrite && S_ISFIFO(facts.st_mode);
  if ((flags & O_NONBLOCK) != 0) {
    channel.kind_ = Kind::kNonBlocking;
    return channel;
  }
  // Only what is known to be safe to open twice: opening some character devices has effects of its own.
  if (S_ISFIFO(facts.st_mode) || (S_ISCHR(facts.st_mode) && ::isatty(fd) == 1)) {
    channel.reopened_ = reopenNonBlocking(fd, direction);
    if (channel.reopened_) {
      channel.kind_ = Kind::kNonBlocking;
      return channel;
    }
  }
  channel.kind_ = Kind::kPollFirst;
  // POLLOUT on a pipe promises room for PIPE_BUF bytes and no more (pipe(7)). Reading blocks only on an empty
  // pipe.
  if (direction == Direction::kWrite) channel.piece_ = PIPE_BUF;
  return channel;
}

bool Channel::ready() const {
  if (kind_ == Kind::kStorage) return true;
  pollfd watched{fd(), static_cast<short>(direction_ == Direction::kRead ? POLLIN : POLLOUT), 0};
  return ::poll(&watched, 1, 0) == 1;
}

Status Channel::wait(const Cancellation& cancellation) const {
  const short event = direction_ == Direction::kRead ? POLLIN : POLLOUT;
  pollfd watched[2] = {{fd(), event, 0}, {cancellation.fd(), POLLIN, 0}};
  for (;;) {
    if (cancellation.cancelled()) {
      return Failure::because(Reason::kCancelled, std::string(verb(direction_)) + " a stream");
    }
    if (::poll(watched, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return Failure::system(errno, "poll", std::string(verb(direction_)) + " a stream");
    }
    if (watched[0].revents != 0 && watched[1].revents == 0) return Status::success();
  }
}

}  // namespace vfm
