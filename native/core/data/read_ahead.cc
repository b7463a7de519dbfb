// SPDX-License-Identifier: MIT
#include "core/data/read_ahead.h"

#include <utility>

namespace vfm {

Result<Arrival> readInto(ChunkSource& source, FlightRing& flight, const ChunkSlots& slots, Place place) {
  auto claim = slots.claim();
  ChunkTimer timer(flight, ChunkTimer::Device::kFirst);
  auto turn = source.nextInto(claim->memory(), place);
  timer.half();
  if (!turn) {
    timer.failed(turn.failure());
    return std::move(turn).failure();
  }
  if (turn->progress == Progress::kBytes) timer.done(turn->bytes.size);
  if (turn->memory != claim->memory()) claim.reset();
  return Arrival{std::move(*turn), std::move(claim)};
}

Failure ReadAhead::cancelled() {
  return Failure::because(Reason::kCancelled, "next chunk", "nothing is read any more");
}

// Whether the chunk may stay out while the next one is read.
bool ReadAhead::leavesRoom(const Arrival& arrival) {
  return arrival.turn.progress == Progress::kBytes && arrival.claim != nullptr &&
         arrival.turn.bytes.size <= ChunkSource::kLargestAside;
}

void ReadAhead::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_) {
    room_.wait(lock, [this] { return stopped_ || ready_.size() < kDepth; });
    if (stopped_) {
      ended_ = true;
    } else {
      lock.unlock();
      auto arrival = readInto(*source_, *flight_, *slots_, Place::kAside);
      const bool last = !arrival || !leavesRoom(*arrival);
      if (last) source_.reset();
      lock.lock();
      ended_ = last;
      ready_.push_back(std::move(arrival));
    }
    if (auto arrived = std::exchange(arrived_, nullptr)) {
      lock.unlock();
      arrived();
      lock.lock();
    }
  }
  lock.unlock();
  source_.reset();
}

std::optional<Result<Arrival>> ReadAhead::take(std::function<void()> arrived) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (ready_.empty()) {
    if (ended_) return cancelled();
    arrived_ = std::move(arrived);
    return std::nullopt;
  }
  Result<Arrival> first = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();  // first: whom this wakes wants the lock first of all
  room_.notify_one();
  return first;
}

bool ReadAhead::over() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ended_ && ready_.empty();
}

void ReadAhead::stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  stopped_ = true;
  room_.notify_one();
}

}  // namespace vfm
