// SPDX-License-Identifier: MIT
// Reads a stream of bytes from a borrowed descriptor.
#pragma once

#include "core/base/span.h"
#include "core/io/cancellation.h"
#include "core/io/channel.h"

namespace vfm {

class Input {
 public:
  // `fd`: as for Output::over, open for reading; read from its current position on, never with an offset.
  static Result<Input> over(int fd);

  // Waits for at least one byte; 0 is the end of the stream (or an empty `bytes`). Fails with the errno of
  // the read or kCancelled. One thread at a time.
  Result<size_t> readSome(Bytes bytes, const Cancellation& cancellation);

  // Whether readSome() would find a byte, the end of the stream or a failure at once.
  bool ready() const { return channel_.ready(); }

  // Fills `bytes`; less only where the stream ends.
  Result<size_t> readFully(Bytes bytes, const Cancellation& cancellation);

 private:
  explicit Input(Channel channel) : channel_(std::move(channel)) {}

  Channel channel_;
};

}  // namespace vfm
