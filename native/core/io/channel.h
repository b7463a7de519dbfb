// SPDX-License-Identifier: MIT
// How a borrowed descriptor can be read or written without ever blocking past a cancellation.
#pragma once

#include <poll.h>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/io/cancellation.h"

namespace vfm {

enum class Direction { kRead, kWrite };

// Found out once, when an Input or Output is made over a descriptor.
class Channel {
 public:
  enum class Kind {
    kSocket,       // stream socket: MSG_DONTWAIT per call, whatever O_NONBLOCK says
    kNonBlocking,  // O_NONBLOCK description: call, and poll on EAGAIN
    kPollFirst,    // blocking and not ours to change: poll, then at most `piece()` bytes
    kStorage  // regular file, block device, /dev/null: never "not ready"; cancellation is looked at between
              // pieces
  };

  // `fd` is borrowed: it must stay open as long as this object, its flags are never changed.
  // Pipes, FIFOs and terminals in blocking mode are opened a second time (through /proc/self/fd) to get a
  // description that may be O_NONBLOCK; that second description lives as long as this object, so the other
  // end of a pipe sees end-of-file or EPIPE only when both are gone. Fails with EBADF (not open, or not for
  // this direction), kUnsupported (a socket that keeps message borders).
  static Result<Channel> over(int fd, Direction direction);

  // What the bytes go to or come from, where that says what moving them costs.
  enum class Medium {
    kFile,         // pages of a file, or a block device: a copy
    kNothing,      // /dev/null and its like: no copy
    kLocalSocket,  // a UNIX socket: a copy, and somebody to wait for
    kOther
  };

  Kind kind() const { return kind_; }
  Medium medium() const { return medium_; }
  int fd() const { return reopened_ ? reopened_.get() : fd_; }
  // Most bytes to move in one system call.
  size_t piece() const { return piece_; }
  // Whether writing may raise SIGPIPE (sockets are asked not to, per call).
  bool raisesSigpipe() const { return raises_sigpipe_; }

  // Whether it is now.
  bool ready() const;
  // Until the descriptor is ready (or in error, which the next call will report), or kCancelled.
  Status wait(const Cancellation& cancellation) const;

 private:
  Channel(int fd, Direction direction) : fd_(fd), direction_(direction) {}

  int fd_;
  Direction direction_;
  UniqueFd reopened_;
  Kind kind_ = Kind::kPollFirst;
  Medium medium_ = Medium::kOther;
  size_t piece_ = 0;
  bool raises_sigpipe_ = false;
};

}  // namespace vfm
