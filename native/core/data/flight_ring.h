// SPDX-License-Identifier: MIT
// What the pumps note of each chunk and each register access while somebody wants to know: sizes and times,
// never data. Bounded: what is not fetched in time is dropped, the oldest first, and counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/base/result.h"

namespace vfm {

// CLOCK_MONOTONIC, in nanoseconds.
uint64_t monotonicNs();

// Seven words, which the binding hands on as they are.
struct FlightRecord {
  enum Kind : uint64_t { kChunk = 0, kRegisterRead = 1, kRegisterWrite = 2 };
  // For a failure without an errno: this, plus its Reason.
  static constexpr uint64_t kReason = uint64_t{1} << 32;

  uint64_t kind = kChunk;
  uint64_t ns = 0;  // when it began
  uint64_t durationNs = 0;
  uint64_t bytes = 0;   // of the chunk, or the width of the register
  uint64_t offset = 0;  // of the register in its region
  uint64_t detail = 0;  // chunk: how many of the nanoseconds the device took; register: its value, of
                        // device_state only
  uint64_t error = 0;   // an errno, or kReason + Reason; 0 when it went well
};

class FlightRing {
 public:
  // What came too fast.
  struct Lost {
    uint64_t chunks = 0;
    uint64_t bytes = 0;  // of those chunks
    uint64_t registers = 0;
    uint64_t deviceNs = 0;  // of those chunks
    uint64_t lastNs = 0;    // when the youngest of them all began
  };
  struct Taken {
    std::vector<FlightRecord> records;  // the oldest first
    Lost lost;                          // older than all of them
  };

  // The one question that is asked when nobody records.
  bool on() const { return on_.load(std::memory_order_acquire); }

  // From any thread. `capacity` in records; what was noted before is kept, as far as it fits.
  void start(size_t capacity);
  // Frees the memory, and with it what nobody fetched.
  void stop();
  void add(const FlightRecord& record);
  // What was noted since the last call.
  Taken take();

 private:
  void lose(const FlightRecord& record);
  Taken takeLocked();

  std::atomic<bool> on_{false};
  std::mutex mutex_;
  std::vector<FlightRecord> ring_;  // its size is the capacity
  size_t first_ = 0;
  size_t count_ = 0;
  Lost lost_;
};

uint64_t errorWord(const Failure& failure);

// Times one chunk. Does nothing while the ring is off.
class ChunkTimer {
 public:
  enum class Device {
    kFirst,  // the device yields the chunk, then it is handed on
    kLast    // the chunk comes from somewhere, then the device takes it
  };

  ChunkTimer(FlightRing& ring, Device device)
      : ring_(ring), device_(device), began_(ring.on() ? monotonicNs() : 0) {}

  // Between the two.
  void half() {
    if (began_ != 0) half_ = monotonicNs();
  }
  void done(uint64_t bytes) {
    if (began_ != 0) note(bytes, 0);
  }
  void failed(const Failure& failure) {
    if (began_ != 0) note(0, errorWord(failure));
  }

 private:
  void note(uint64_t bytes, uint64_t error);

  FlightRing& ring_;
  Device device_;
  uint64_t began_;
  uint64_t half_ = 0;
};

}  // namespace vfm
