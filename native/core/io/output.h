// SPDX-License-Identifier: MIT
// Writes a stream of bytes to a borrowed descriptor: all of it, or a Failure.
#pragma once

#include <sys/uio.h>

#include "core/base/span.h"
#include "core/io/cancellation.h"
#include "core/io/channel.h"
#include "core/io/send_buffer.h"

namespace vfm {

class Output {
 public:
  // `fd`: file, block device, stream socket, pipe, FIFO, terminal or other pollable descriptor, at its
  // current position. Borrowed, never closed, its flags never changed; a UNIX socket has a larger send buffer
  // as long as this object lives (SendBuffer). For failures see Channel::over.
  static Result<Output> over(int fd);

  Channel::Medium medium() const { return channel_.medium(); }

  // Writes the parts one after the other, completely. The memory is borrowed for the call and not copied
  // here. Fails with the errno of the write (ENOSPC, EPIPE, EIO, ...; SIGPIPE is never raised) or kCancelled;
  // either way an unknown part of the bytes is out, so the stream cannot be continued. One thread at a time.
  Status writeAll(const iovec* parts, int count, const Cancellation& cancellation);
  Status writeAll(ConstBytes bytes, const Cancellation& cancellation);

 private:
  Output(Channel channel, SendBuffer buffer) : channel_(std::move(channel)), buffer_(std::move(buffer)) {}
  Result<size_t> writeSome(const iovec* parts, int count);

  Channel channel_;
  SendBuffer buffer_;
};

}  // namespace vfm
