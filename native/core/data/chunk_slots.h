// SPDX-License-Identifier: MIT
// The memory of an iteration's chunks: one chunk is in the hands of one at a time, whoever that is, and the
// others come in other memory meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "core/data/memory.h"

namespace vfm {

class ChunkSlots {
 private:
  struct Slot {
    std::shared_ptr<Memory> memory;  // null until a chunk was read into it
    std::atomic<bool> claimed{false};
  };

 public:
  // A slot, until the last one lets go of it; that may be any thread.
  class Claim {
   public:
    explicit Claim(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}
    ~Claim() { slot_->claimed.store(false, std::memory_order_release); }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    std::shared_ptr<Memory>& memory() const { return slot_->memory; }

   private:
    std::shared_ptr<Slot> slot_;
  };

  ChunkSlots() {
    for (auto& slot : slots_) slot = std::make_shared<Slot>();
  }

  // Memory that nobody has; always the same while others are free again, since the caches know it. With all
  // of them claimed, one more that is not kept.
  std::shared_ptr<Claim> claim() const {
    for (const auto& slot : slots_)
      if (!slot->claimed.exchange(true, std::memory_order_acquire)) return std::make_shared<Claim>(slot);
    return std::make_shared<Claim>(std::make_shared<Slot>());
  }

 private:
  // Two are read ahead, and one is lent and one written, or two are written.
  std::array<std::shared_ptr<Slot>, 4> slots_;
};

}  // namespace vfm
