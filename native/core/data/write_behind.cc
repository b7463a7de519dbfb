// SPDX-License-Identifier: MIT
#include "core/data/write_behind.h"

#include "core/threads/background.h"

namespace vfm {

Result<std::unique_ptr<WriteBehind>> WriteBehind::start(Measure measure, Put put) {
  std::unique_ptr<WriteBehind> behind(new WriteBehind(std::move(measure), std::move(put)));
  auto thread = JoinedThread::start("vfio-write", [self = behind.get()] { self->run(); });
  if (!thread) return std::move(thread).failure();
  behind->thread_ = std::move(*thread);
  return behind;
}

WriteBehind::~WriteBehind() {
  (void)settle();
  ending_.store(true, std::memory_order_release);
  handed_.raise();  // one that stands for no slot
  thread_.reset();
}

// Whether it was this thread that measured it.
bool WriteBehind::measured(Slot& slot) {
  int open = Slot::kOpen;
  if (!slot.measuring.compare_exchange_strong(open, Slot::kClaimed, std::memory_order_acquire)) return false;
  measure_(slot);
  slot.measuring.store(Slot::kDone, std::memory_order_release);
  return true;
}

// Of what is handed over the newest: the one that writes comes to it last, and it is in the caches here.
bool WriteBehind::measuredOne(uint32_t written) {
  for (uint32_t turn = handed_.now(); turn-- != written;) {
    if (!measured(slots_[turn % kSlots])) continue;
    measured_.raise();
    return true;
  }
  return false;
}

void WriteBehind::run() {
  const Background background;
  TakingTurns turns;
  for (uint32_t turn = 0;; ++turn) {
    handed_.waitPast(turn);
    if (ending_.load(std::memory_order_acquire)) return;
    Slot& slot = slots_[turn % kSlots];
    if (!failed() && !measured(slot)) {
      for (uint32_t seen = measured_.now(); slot.measuring.load(std::memory_order_acquire) != Slot::kDone;
           seen = measured_.now())
        measured_.waitPast(seen);
    }
    if (!failed()) {
      Status put = put_(slot);
      if (!put) {
        outcome_ = std::move(put);
        failed_.store(true, std::memory_order_release);
      }
    }
    slot.timer.reset();
    const size_t bytes = slot.chunk.size;
    written_.raise();  // the slot is no longer ours
    turns.moved(bytes);
  }
}

WriteBehind::Slot& WriteBehind::slot() {
  const uint32_t turn = handed_.now();
  for (uint32_t written = written_.now(); turn - written >= kSlots; written = written_.now())
    if (!measuredOne(written)) written_.waitPast(written);
  return slots_[turn % kSlots];
}

void WriteBehind::hand() {
  slot().measuring.store(Slot::kOpen, std::memory_order_relaxed);
  handed_.raise();
}

Status WriteBehind::settle() {
  for (uint32_t written = written_.now(); written != handed_.now(); written = written_.now())
    if (!measuredOne(written)) written_.waitPast(written);
  return failed() ? outcome_ : Status::success();
}

}  // namespace vfm
