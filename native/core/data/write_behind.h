// SPDX-License-Identifier: MIT
// A thread that writes what another one has read, chunk by chunk and in order, while that one reads on.
// Measuring a chunk (its checksum, its digest) falls to whichever of the two would wait otherwise: to the one
// that writes when it comes to a chunk that is not measured yet, to the one that reads when it has no slot to
// read into. Which of them has the more to do differs from device to device and from sink to sink.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/data/flight_ring.h"
#include "core/data/memory.h"
#include "core/stream/frame_writer.h"
#include "core/threads/joined_thread.h"
#include "core/threads/tally.h"

namespace vfm {

class WriteBehind {
 public:
  struct Slot {
    std::shared_ptr<Memory> memory;  // kept from turn to turn
    ConstBytes chunk;
    ChunkIntegrity measured;  // of a chunk that becomes a frame
    std::optional<ChunkTimer> timer;

   private:
    friend class WriteBehind;
    enum Measuring : int { kOpen, kClaimed, kDone };
    std::atomic<int> measuring{kOpen};
  };
  using Measure = std::function<void(Slot&)>;
  using Put = std::function<Status(Slot&)>;

  static constexpr uint32_t kSlots = 4;
  static_assert((kSlots & (kSlots - 1)) == 0, "turns are counted in 32 bits, and wrap");

  // `put` is called on the thread, for one slot at a time; `measure` before it, on either of the two. Fails
  // when no thread can be had.
  static Result<std::unique_ptr<WriteBehind>> start(Measure measure, Put put);
  // Everything handed over is written or has failed before the thread ends.
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  // All of these by one thread.
  // Waits for a slot to fill, or measures. The same one until it is handed over.
  Slot& slot();
  void hand();
  // Until all is written that was handed over: the first failure, after which nothing was written any more.
  Status settle();
  bool failed() const { return failed_.load(std::memory_order_acquire); }

 private:
  WriteBehind(Measure measure, Put put) : measure_(std::move(measure)), put_(std::move(put)) {}
  void run();
  bool measured(Slot& slot);
  bool measuredOne(uint32_t written);

  std::array<Slot, kSlots> slots_;
  Measure measure_;
  Put put_;
  Tally handed_;
  Tally written_;
  Tally measured_;  // by the one that reads
  std::atomic<bool> ending_{false};
  std::atomic<bool> failed_{false};
  Status outcome_;  // the thread's, until written_ says so
  std::unique_ptr<JoinedThread> thread_;
};

}  // namespace vfm
