// SPDX-License-Identifier: MIT
// v2: the bytes of a save session, in pieces as large as the buffer. Where a read ends means nothing in v2,
// so short reads are joined.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>

#include "core/data/chunk_source.h"
#include "core/data/memory.h"
#include "core/device/session.h"

namespace vfm {

class SessionSource final : public ChunkSource {
 public:
  SessionSource(std::shared_ptr<Session> session, size_t bufferSize);

  Result<Turn> next() override;
  Result<Turn> nextInto(std::shared_ptr<Memory>& memory, Place place) override;
  Result<Turn> nextOwned() override;
  void limitChunks(size_t bytes) override { chunkSize_ = std::min(bytes, bufferSize_); }
  void cancel() override;

 private:
  Result<Turn> fill(const std::shared_ptr<Memory>& memory, size_t size);

  std::shared_ptr<Session> session_;
  size_t bufferSize_;
  size_t chunkSize_ = bufferSize_;
  std::shared_ptr<Memory> buffer_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm
