// SPDX-License-Identifier: MIT
// Reads a source ahead of whoever takes its chunks, on another thread, so that the next chunk is there when
// he is done with the present one. Only for a device whose state does not change meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/data/chunk_slots.h"
#include "core/data/chunk_source.h"
#include "core/data/flight_ring.h"

namespace vfm {

struct Arrival {
  Turn turn;
  std::shared_ptr<ChunkSlots::Claim> claim;  // on the memory of `turn`; null where that is the device's own
};

// One turn of `source`, into memory of `slots` as far as `place` says.
Result<Arrival> readInto(ChunkSource& source, FlightRing& flight, const ChunkSlots& slots, Place place);

class ReadAhead {
 public:
  // Chunks that were read, or are being read, before they are asked for.
  static constexpr size_t kDepth = 2;

  ReadAhead(std::shared_ptr<ChunkSource> source, std::shared_ptr<FlightRing> flight,
            std::shared_ptr<const ChunkSlots> slots)
      : source_(std::move(source)), flight_(std::move(flight)), slots_(std::move(slots)) {}

  // On a thread that has nothing else to do, once. Returns after the first turn without bytes, a failure, a
  // chunk above kLargestAside (v1: up to what was agreed on; memory stays bounded), or stop().
  void run();

  // The next of them, in order, from one thread. Empty: not there yet, and `arrived` is called when it is,
  // once, on the other thread. After the last one: Reason::kCancelled.
  std::optional<Result<Arrival>> take(std::function<void()> arrived);
  // Nothing is left to take and nothing will come.
  bool over() const;
  // From any thread: no turn is begun any more. One in progress ends by the source's cancel().
  void stop();

 private:
  static Failure cancelled();
  static bool leavesRoom(const Arrival& arrival);

  std::shared_ptr<ChunkSource> source_;  // let go of on the thread that reads, when that ends
  const std::shared_ptr<FlightRing> flight_;
  const std::shared_ptr<const ChunkSlots> slots_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Result<Arrival>> ready_;
  std::function<void()> arrived_;  // set: somebody waits
  bool stopped_ = false;
  bool ended_ = false;
};

}  // namespace vfm
