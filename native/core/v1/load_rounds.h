// SPDX-License-Identifier: MIT
// v1: the rounds of a load (data_offset, data, data_size), one for each saved chunk, with the size it was
// saved with.
#pragma once

#include <atomic>
#include <memory>

#include "core/data/chunk_sink.h"
#include "core/data/memory.h"
#include "core/v1/data_section.h"
#include "core/v1/registers.h"

namespace vfm {

class V1LoadRounds final : public ChunkSink {
 public:
  V1LoadRounds(std::shared_ptr<Device> device, uint32_t region, DataPath path, size_t maxChunk);

  Result<Bytes> prepare(size_t length) override;
  Status commit() override;
  Status put(ConstBytes chunk) override;
  bool needsBorders() const override { return true; }
  void cancel() override { cancelled_ = true; }
  void noteIn(std::shared_ptr<FlightRing> ring) override { registers_.noteIn(std::move(ring)); }

 private:
  // Where the device wants the next chunk; refuses one that does not fit there.
  Result<uint64_t> place(size_t length);
  Status consume(size_t length);

  std::shared_ptr<Device> device_;
  V1Registers registers_;
  uint32_t region_;
  DataPath path_;
  size_t maxChunk_;
  std::unique_ptr<V1DataSection> section_;
  std::shared_ptr<Memory> buffer_;
  uint64_t offset_ = 0;
  size_t prepared_ = 0;
  bool inPlace_ = false;
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm
