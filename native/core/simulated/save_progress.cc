// SPDX-License-Identifier: MIT
#include "core/simulated/save_progress.h"

#include <algorithm>

namespace vfm {

void SaveProgress::Pages::set(uint64_t page) {
  uint64_t bit = uint64_t{1} << (page % 64);
  if (!(words[page / 64] & bit)) ++count;
  words[page / 64] |= bit;
}

void SaveProgress::Pages::clear(uint64_t page) {
  uint64_t bit = uint64_t{1} << (page % 64);
  if (words[page / 64] & bit) --count;
  words[page / 64] &= ~bit;
}

SaveProgress::SaveProgress(uint64_t bytes, bool roundsOnDemand)
    : size_(bytes), pages_(bytes / kPage), roundsOnDemand_(roundsOnDemand) {
  changed_.words.resize((pages_ + 63) / 64);
  round_.words.resize((pages_ + 63) / 64);
}

void SaveProgress::touched(uint64_t offset, uint64_t length) {
  // Pages that the first pass has not begun, or that wait in this round, are going to be sent anyway.
  uint64_t end = std::min(offset + length, cursor_);
  for (uint64_t page = offset / kPage; page * kPage < end; ++page) {
    if (!round_.test(page)) changed_.set(page);
  }
}

void SaveProgress::beginRound() {
  for (size_t i = 0; i < round_.words.size(); ++i) {
    uint64_t added = changed_.words[i] & ~round_.words[i];
    round_.count += static_cast<uint64_t>(__builtin_popcountll(added));
    round_.words[i] |= changed_.words[i];
    changed_.words[i] = 0;
  }
  changed_.count = 0;
}

std::optional<Area> SaveProgress::nextRun(uint64_t limit) {
  if (cursor_ < size_) return Area{cursor_, std::min(limit, size_ - cursor_)};
  if (round_.count == 0 && changed_.count > 0 && !roundsOnDemand_) beginRound();
  if (round_.count == 0) return std::nullopt;

  if (search_ >= pages_) search_ = 0;
  uint64_t word = search_ / 64;
  uint64_t masked = round_.words[word] & (~uint64_t{0} << (search_ % 64));
  while (masked == 0) {  // ends: count says that there is a bit
    word = (word + 1) % round_.words.size();
    masked = round_.words[word];
  }
  uint64_t first = word * 64 + static_cast<uint64_t>(__builtin_ctzll(masked));
  uint64_t last = first + 1;
  uint64_t most = std::max<uint64_t>(limit / kPage, 1);
  while (last < pages_ && last - first < most && round_.test(last)) ++last;
  search_ = last;
  return Area{first * kPage, (last - first) * kPage};
}

void SaveProgress::sending(uint64_t offset, uint64_t length) {
  if (offset == cursor_ && cursor_ < size_) {
    cursor_ += length;
    return;
  }
  uint64_t first = (offset + kPage - 1) / kPage;
  for (uint64_t page = first; page * kPage < offset + length; ++page) {
    round_.clear(page);
  }
}

}  // namespace vfm
