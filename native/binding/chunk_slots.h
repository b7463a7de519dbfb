// SPDX-License-Identifier: MIT
// The memory of an iteration's chunks. A chunk that somebody took over keeps its memory until he is done; the
// next ones come in other memory meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include "core/base/span.h"
#include "core/data/memory.h"

namespace vfm::binding {

struct ChunkSlot {
  std::shared_ptr<Memory> memory;  // null until a chunk was read into it
  std::atomic<bool> taken{false};
};

class ChunkSlots {
 public:
  // Memory that nobody has; always the same while nothing is taken over, since the caches know it. With all
  // of them taken over, one more that is not kept.
  std::shared_ptr<ChunkSlot> free() const {
    for (const auto& slot : slots_)
      if (!slot->taken.load(std::memory_order_acquire)) return slot;
    return std::make_shared<ChunkSlot>();
  }

 private:
  // One is read into while two are written.
  std::array<std::shared_ptr<ChunkSlot>, 3> slots_{
      std::make_shared<ChunkSlot>(), std::make_shared<ChunkSlot>(), std::make_shared<ChunkSlot>()};
};

// A chunk in the hands of whoever took it over.
class TakenChunk {
 public:
  TakenChunk(ConstBytes bytes, std::shared_ptr<void> keep, std::shared_ptr<ChunkSlot> slot)
      : bytes(bytes), keep_(std::move(keep)), slot_(std::move(slot)) {
    slot_->taken.store(true, std::memory_order_release);
  }
  ~TakenChunk() { done(); }
  TakenChunk(const TakenChunk&) = delete;
  TakenChunk& operator=(const TakenChunk&) = delete;
  // The memory may be read into again.
  void done() {
    if (slot_) std::exchange(slot_, nullptr)->taken.store(false, std::memory_order_release);
  }

  const ConstBytes bytes;

 private:
  std::shared_ptr<void> keep_;
  std::shared_ptr<ChunkSlot> slot_;
};

}  // namespace vfm::binding
