// SPDX-License-Identifier: MIT
// v2: takes the bytes of a load session. Partial writes are legal and continued.
#pragma once

#include <atomic>
#include <memory>

#include "core/data/chunk_sink.h"
#include "core/data/memory.h"
#include "core/device/session.h"

namespace vfm {

class SessionSink final : public ChunkSink {
 public:
  explicit SessionSink(std::shared_ptr<Session> session);

  Result<Bytes> prepare(size_t length) override;
  Status commit() override;
  Status put(ConstBytes chunk) override;
  bool needsBorders() const override { return false; }
  void cancel() override;

 private:
  std::shared_ptr<Session> session_;
  std::shared_ptr<Memory> buffer_;
  size_t prepared_ = 0;
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm
