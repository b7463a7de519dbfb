// SPDX-License-Identifier: MIT
#include "core/data/flight_ring.h"

#include <time.h>

#include <utility>

namespace vfm {

uint64_t monotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t errorWord(const Failure& failure) {
  if (failure.error > 0) return static_cast<uint64_t>(failure.error);
  return FlightRecord::kReason + static_cast<uint64_t>(failure.reason);
}

void FlightRing::start(size_t capacity) {
  const std::lock_guard lock(mutex_);
  if (capacity == 0) return;
  if (ring_.size() != capacity) {
    Taken kept = takeLocked();
    ring_.assign(capacity, {});
    lost_ = kept.lost;
    for (const FlightRecord& record : kept.records) {
      if (count_ == capacity) {
        lose(ring_[first_]);
        first_ = (first_ + 1) % capacity;
        count_ -= 1;
      }
      ring_[(first_ + count_) % capacity] = record;
      count_ += 1;
    }
  }
  on_.store(true, std::memory_order_release);
}

void FlightRing::stop() {
  const std::lock_guard lock(mutex_);
  on_.store(false, std::memory_order_release);
  ring_ = {};
  first_ = 0;
  count_ = 0;
  lost_ = {};
}

void FlightRing::add(const FlightRecord& record) {
  const std::lock_guard lock(mutex_);
  // Switched off meanwhile.
  if (ring_.empty()) return;
  if (count_ == ring_.size()) {
    lose(ring_[first_]);
    ring_[first_] = record;
    first_ = (first_ + 1) % ring_.size();
    return;
  }
  ring_[(first_ + count_) % ring_.size()] = record;
  count_ += 1;
}

FlightRing::Taken FlightRing::take() {
  const std::lock_guard lock(mutex_);
  return takeLocked();
}

FlightRing::Taken FlightRing::takeLocked() {
  Taken taken;
  taken.lost = std::exchange(lost_, Lost{});
  taken.records.reserve(count_);
  for (size_t at = 0; at < count_; ++at) taken.records.push_back(ring_[(first_ + at) % ring_.size()]);
  first_ = 0;
  count_ = 0;
  return taken;
}

void FlightRing::lose(const FlightRecord& record) {
  if (record.kind == FlightRecord::kChunk) {
    lost_.chunks += 1;
    lost_.bytes += record.bytes;
    lost_.deviceNs += record.detail;
  } else {
    lost_.registers += 1;
  }
  lost_.lastNs = record.ns;
}

void ChunkTimer::note(uint64_t bytes, uint64_t error) {
  const uint64_t now = monotonicNs();
  // A failure in the first half has no second one.
  const uint64_t half = half_ == 0 ? now : half_;
  const uint64_t spent = device_ == Device::kFirst ? half - began_ : now - half;
  FlightRecord record;
  record.ns = began_;
  record.durationNs = now - began_;
  record.bytes = bytes;
  record.detail = spent;
  record.error = error;
  ring_.add(record);
}

}  // namespace vfm
