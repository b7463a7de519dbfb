// SPDX-License-Identifier: MIT
#include "core/dma/dirty_bitmap.h"

#include <algorithm>
#include <string>

namespace vfm {
namespace {

constexpr uint64_t kBits = 64;
constexpr uint64_t kMostPages = 1ull << 32;

uint64_t maskFrom(uint64_t bit) { return ~0ull << bit; }

Failure impossible(std::string detail) {
  return Failure::because(Reason::kInvalidArgument, "dirty bitmap", std::move(detail));
}

}  // namespace

Result<std::shared_ptr<DirtyBitmap>> DirtyBitmap::create(uint64_t iova, uint64_t length, uint64_t pageSize) {
  if (pageSize == 0 || (pageSize & (pageSize - 1)) != 0) {
    return impossible("the page size " + std::to_string(pageSize) + " is no power of two");
  }
  if (length == 0 || iova % pageSize != 0 || length % pageSize != 0) {
    return impossible(std::to_string(length) + " bytes at " + std::to_string(iova) +
                      " are not whole pages of " + std::to_string(pageSize));
  }
  if (length - 1 > UINT64_MAX - iova) return impossible("the stretch goes past the end of the address space");
  if (length / pageSize > kMostPages) {
    return impossible("more than 2^32 pages: choose larger pages or shorter stretches");
  }
  return std::shared_ptr<DirtyBitmap>(new DirtyBitmap(iova, length, pageSize));
}

DirtyBitmap::DirtyBitmap(uint64_t iova, uint64_t length, uint64_t pageSize)
    : iova_(iova),
      length_(length),
      pageSize_(pageSize),
      words_(static_cast<size_t>((length / pageSize + kBits - 1) / kBits)) {}

void DirtyBitmap::mark(uint64_t iova, uint64_t length) {
  if (length == 0) return;
  const uint64_t end = iova_ + (length_ - 1);
  const uint64_t last = length - 1 > UINT64_MAX - iova ? UINT64_MAX : iova + (length - 1);
  if (last < iova_ || iova > end) return;
  const uint64_t from = (std::max(iova, iova_) - iova_) / pageSize_;
  const uint64_t to = (std::min(last, end) - iova_) / pageSize_;
  for (uint64_t word = from / kBits; word <= to / kBits; ++word) {
    uint64_t bits = ~0ull;
    if (word == from / kBits) bits &= maskFrom(from % kBits);
    if (word == to / kBits) bits &= ~0ull >> (kBits - 1 - to % kBits);
    words_[word] |= bits;
  }
}

void DirtyBitmap::markAll() { mark(iova_, length_); }

void DirtyBitmap::clear() { std::fill(words_.begin(), words_.end(), 0); }

void DirtyBitmap::merge(const DirtyBitmap& other) {
  if (other.iova_ == iova_ && other.pageSize_ == pageSize_ && other.length_ == length_) {
    for (size_t word = 0; word < words_.size(); ++word) words_[word] |= other.words_[word];
    return;
  }
  for (auto run = other.nextRun(0); run;) {
    mark(run->first, run->size());
    run = other.nextRun((run->last - other.iova_) / other.pageSize_ + 1);
  }
}

uint64_t DirtyBitmap::dirtyPages() const {
  uint64_t count = 0;
  for (const uint64_t word : words_) count += static_cast<uint64_t>(__builtin_popcountll(word));
  if (const uint64_t used = pages() % kBits; used != 0) {
    count -= static_cast<uint64_t>(__builtin_popcountll(words_.back() & maskFrom(used)));
  }
  return count;
}

std::optional<IovaRange> DirtyBitmap::nextRun(uint64_t from) const {
  const uint64_t count = pages();
  // The first page at or after `page` whose bit is `dirty`, or count.
  auto find = [&](uint64_t page, bool dirty) {
    while (page < count) {
      const uint64_t word = (dirty ? words_[page / kBits] : ~words_[page / kBits]) & maskFrom(page % kBits);
      if (word != 0) {
        return std::min(count, page / kBits * kBits + static_cast<uint64_t>(__builtin_ctzll(word)));
      }
      page = (page / kBits + 1) * kBits;
    }
    return count;
  };
  const uint64_t begin = find(from, true);
  if (begin == count) return std::nullopt;
  const uint64_t end = find(begin, false);
  return IovaRange{iova_ + begin * pageSize_, iova_ + (end - 1) * pageSize_ + (pageSize_ - 1)};
}

}  // namespace vfm
