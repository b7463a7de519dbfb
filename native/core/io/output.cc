// SPDX-License-Identifier: MIT
#include "core/io/output.h"

#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <ctime>

namespace vfm {
namespace {

// Keeps SIGPIPE from this thread during one write to a pipe; MSG_NOSIGNAL exists for sockets only, and a
// library has no business changing the process's disposition.
class SigpipeHeld {
 public:
  explicit SigpipeHeld(bool wanted) : wanted_(wanted) {
    if (!wanted_) return;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    if (sigismember(&before_, SIGPIPE) == 1) {
      wanted_ = false;  // a thread of ours, which blocks all signals for good
      return;
    }
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  }
  ~SigpipeHeld() {
    if (!wanted_) return;
    const int error = errno;
    if (!was_pending_) {
      const timespec now{0, 0};
      while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;

 private:
  bool wanted_;
  bool was_pending_ = false;
  sigset_t pipe_;
  sigset_t before_;
};

constexpr int kWindow = 8;  // parts per system call; a frame has at most four

}  // namespace

Result<Output> Output::over(int fd) {
  auto channel = Channel::over(fd, Direction::kWrite);
  if (!channel) return std::move(channel).failure();
  SendBuffer buffer;
  if (channel->kind() == Channel::Kind::kSocket) buffer = SendBuffer::over(fd);
  return Output(std::move(channel).value(), std::move(buffer));
}

Result<size_t> Output::writeSome(const iovec* parts, int count) {
  ssize_t written;
  if (channel_.kind() == Channel::Kind::kSocket) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = static_cast<size_t>(count);
    written = ::sendmsg(channel_.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    const SigpipeHeld held(channel_.raisesSigpipe());
    written = ::writev(channel_.fd(), parts, count);
  }
  if (written >= 0) return static_cast<size_t>(written);
  const char* call = channel_.kind() == Channel::Kind::kSocket ? "sendmsg" : "writev";
  return Failure::system(errno, call, "write a stream");
}

Status Output::writeAll(const iovec* parts, int count, const Cancellation& cancellation) {
  int part = 0;
  size_t done = 0;  // bytes of parts[part] already out
  for (;;) {
    while (part < count && done == parts[part].iov_len) {
      ++part;
      done = 0;
    }
    if (part == count) return Status::success();
    if (cancellation.cancelled()) return Failure::because(Reason::kCancelled, "write a stream");
    if (channel_.kind() == Channel::Kind::kPollFirst) {
      if (Status ready = channel_.wait(cancellation); !ready) return ready;
    }

    iovec window[kWindow];
    int used = 0;
    size_t room = channel_.piece();
    for (int i = part; i < count && used < kWindow && room > 0; ++i) {
      const size_t skipped = i == part ? done : 0;
      const size_t length = std::min(parts[i].iov_len - skipped, room);
      if (length == 0) continue;
      window[used++] = {static_cast<uint8_t*>(parts[i].iov_base) + skipped, length};
      room -= length;
    }

    auto written = writeSome(window, used);
    if (!written) {
      const int error = written.failure().error;
      if (error == EINTR) continue;
      if (error != EAGAIN && error != EWOULDBLOCK) return std::move(written).failure();
      if (Status ready = channel_.wait(cancellation); !ready) return ready;
      continue;
    }
    if (*written == 0) {
      return Failure::because(Reason::kShortTransfer, "write a stream",
                              "the descriptor took no bytes and gave no error");
    }
    size_t left = *written;
    while (left > 0) {
      const size_t taken = std::min(left, parts[part].iov_len - done);
      done += taken;
      left -= taken;
      if (done == parts[part].iov_len && left > 0) {
        ++part;
        done = 0;
      }
    }
  }
}

Status Output::writeAll(ConstBytes bytes, const Cancellation& cancellation) {
  const iovec part{const_cast<uint8_t*>(bytes.data), bytes.size};
  return writeAll(&part, 1, cancellation);
}

}  // namespace vfm
