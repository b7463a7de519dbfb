// SPDX-License-Identifier: MIT
// What of the device memory a save has still to send: everything once, in order, then the pages that changed
// after they were sent. Shared by both protocols. Not thread-safe (the device's lock guards it).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/device/info.h"

namespace vfm {

class SaveProgress {
 public:
  // `roundsOnDemand`: changed pages are offered only after beginRound().
  SaveProgress(uint64_t bytes, bool roundsOnDemand);

  // The device changed this range.
  void touched(uint64_t offset, uint64_t length);

  // The next stretch to send, at most `limit` bytes long (a multiple of the page): none when nothing is left
  // for now. Nothing is marked as sent by this.
  std::optional<Area> nextRun(uint64_t limit);
  // These bytes, the next ones of the run last given, are read right after this call: a page counts as sent
  // with its first byte.
  void sending(uint64_t offset, uint64_t length);

  void beginRound();
  // The device does not change any more: from here on changed pages need no round.
  void stopRounds() { roundsOnDemand_ = false; }

  uint64_t firstPassBytes() const { return size_ - cursor_; }
  uint64_t dirtyBytes() const { return changedBytes() + roundBytes(); }
  // Not yet in a round, and still to be sent in this one.
  uint64_t changedBytes() const { return changed_.count * kPage; }
  uint64_t roundBytes() const { return round_.count * kPage; }
  uint64_t size() const { return size_; }

 private:
  static constexpr uint64_t kPage = 4096;
  struct Pages {
    std::vector<uint64_t> words;
    uint64_t count = 0;
    bool test(uint64_t page) const { return (words[page / 64] >> (page % 64)) & 1; }
    void set(uint64_t page);
    void clear(uint64_t page);
  };

  uint64_t size_;
  uint64_t pages_;
  uint64_t cursor_ = 0;  // the first pass has sent everything before this
  uint64_t search_ = 0;  // where the search for the next changed page starts
  bool roundsOnDemand_;
  Pages changed_;  // since they were last sent
  Pages round_;    // to be sent in this round
};

}  // namespace vfm
