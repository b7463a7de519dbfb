// SPDX-License-Identifier: MIT
// v1: the rounds of a save, in the order the uAPI makes mandatory (pending_bytes, data_offset, data_size,
// data, pending_bytes again as the acknowledge). One chunk is what one round yields, and is kept whole.
#pragma once

#include <atomic>
#include <memory>

#include "core/data/chunk_source.h"
#include "core/data/memory.h"
#include "core/v1/data_section.h"
#include "core/v1/registers.h"

namespace vfm {

class V1SaveRounds final : public ChunkSource {
 public:
  V1SaveRounds(std::shared_ptr<Device> device, uint32_t region, DataPath path, size_t maxChunk);

  // Acknowledges the chunk of the turn before, so its memory may change from here on.
  Result<Turn> next() override { return round(buffer_, kInPlace); }
  Result<Turn> nextInto(std::shared_ptr<Memory>& memory, Place place) override {
    return round(memory, place == Place::kAnywhere ? kInPlace : kLargestAside);
  }
  Result<Turn> nextOwned() override {
    std::shared_ptr<Memory> memory;
    return round(memory, kCopied);
  }
  void cancel() override { cancelled_ = true; }
  void noteIn(std::shared_ptr<FlightRing> ring) override { registers_.noteIn(std::move(ring)); }

 private:
  // How large a chunk is at most that is copied out of a mapping.
  static constexpr size_t kInPlace = 0;
  static constexpr size_t kCopied = SIZE_MAX;
  Result<Turn> round(std::shared_ptr<Memory>& memory, size_t largestCopied);
  // kBytes when there is something to fetch; decides drained or end from the state sampled before the
  // pending_bytes that said 0.
  Result<Progress> pending();
  Result<Progress> phaseWithoutData();

  std::shared_ptr<Device> device_;
  V1Registers registers_;
  uint32_t region_;
  DataPath path_;
  size_t maxChunk_;
  std::unique_ptr<V1DataSection> section_;  // opened at the first round
  std::shared_ptr<Memory> buffer_;          // for chunks that no mapping holds whole
  std::atomic<bool> cancelled_{false};
};

}  // namespace vfm
