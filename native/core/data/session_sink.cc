// SPDX-License-Identifier: MIT
#include "core/data/session_sink.h"

namespace vfm {

SessionSink::SessionSink(std::shared_ptr<Session> session) : session_(std::move(session)) {}

Result<Bytes> SessionSink::prepare(size_t length) {
  if (!buffer_ || buffer_->size() < length) {
    buffer_.reset();  // never two at once
    auto allocated = Memory::allocate(length);
    if (!allocated) return std::move(allocated).failure();
    buffer_ = std::move(*allocated);
  }
  prepared_ = length;
  return Bytes{buffer_->data(), length};
}

Status SessionSink::commit() { return put(ConstBytes{buffer_->data(), prepared_}); }

Status SessionSink::put(ConstBytes chunk) {
  while (chunk.size > 0) {
    if (cancelled_) return Failure::because(Reason::kCancelled, "write of the migration data");
    auto written = session_->write(chunk);
    if (!written) return std::move(written).failure();
    if (*written == 0 || *written > chunk.size) {
      return Failure::because(
          Reason::kShortTransfer, "write of the migration data",
          "the device took " + std::to_string(*written) + " of " + std::to_string(chunk.size) + " bytes");
    }
    chunk = chunk.from(*written);
  }
  return {};
}

void SessionSink::cancel() {
  cancelled_ = true;
  session_->cancel();
}

}  // namespace vfm
