// SPDX-License-Identifier: MIT
#include "core/data/write_behind.h"

#include "core/threads/background.h"

namespace vfm {

Result<std::unique_ptr<WriteBehind>> WriteBehind::start(Put put) {
  std::unique_ptr<WriteBehind> behind(new WriteBehind(std::move(put)));
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

void WriteBehind::run() {
  const Background background;
  TakingTurns turns;
  for (uint32_t turn = 0;; ++turn) {
    handed_.waitPast(turn);
    if (ending_.load(std::memory_order_acquire)) return;
    Slot& slot = slots_[turn % kSlots];
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
    written_.waitPast(written);
  return slots_[turn % kSlots];
}

void WriteBehind::hand() { handed_.raise(); }

Status WriteBehind::settle() {
  for (uint32_t written = written_.now(); written != handed_.now(); written = written_.now())
    written_.waitPast(written);
  return failed() ? outcome_ : Status::success();
}

}  // namespace vfm
