// SPDX-License-Identifier: MIT
// How long a device takes to save: a first image, the image of every round, and in STOP_COPY one chunk after
// the other, of which at most two wait to be read (mlx5's MAX_NUM_CHUNKS). Not thread-safe (the device's lock
// guards it).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace vfm {

class SavePacer {
 public:
  using Clock = std::chrono::steady_clock;

  // 0: everything is there at once.
  SavePacer(uint32_t milliseconds, uint64_t chunkBytes)
      : time_(milliseconds), chunkBytes_(milliseconds == 0 ? UINT64_MAX : chunkBytes) {}

  // An image is saved from now on. `blocks`: a read waits for it, instead of finding nothing for now.
  // `inChunks`: there is more of it when the first chunk is ready.
  void begin(Clock::time_point now, bool blocks, bool inChunks) {
    blocks_ = blocks;
    inChunks_ = inChunks;
    ready_ = now + time_;
    taken_ = now;
    left_ = inChunks ? chunkBytes_ : UINT64_MAX;
  }

  bool blocks() const { return blocks_; }
  Clock::time_point ready() const { return ready_; }
  bool isReady(Clock::time_point now) const { return now >= ready_; }
  // Bytes of the chunk that is ready.
  uint64_t left() const { return left_; }

  void took(uint64_t bytes, Clock::time_point now) {
    if (!inChunks_) return;
    left_ -= std::min(left_, bytes);
    if (left_ > 0) return;
    // The next one was begun when this one was ready and the place of the one before it was free.
    ready_ = std::max(ready_, taken_) + time_;
    taken_ = now;
    left_ = chunkBytes_;
  }

 private:
  std::chrono::milliseconds time_;
  uint64_t chunkBytes_;
  bool blocks_ = true;
  bool inChunks_ = false;
  Clock::time_point ready_{};
  Clock::time_point taken_{};  // when the chunk before this one had been read
  uint64_t left_ = UINT64_MAX;
};

}  // namespace vfm
