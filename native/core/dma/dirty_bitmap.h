// SPDX-License-Identifier: MIT
// Which pages of a stretch of I/O addresses a device wrote: what every dirty tracking mechanism reports into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/result.h"

namespace vfm {

// A stretch of I/O addresses. Never empty, never past the end of the address space.
struct IovaRange {
  uint64_t first = 0;
  uint64_t last = 0;  // the last address of it, not the one after: a range may end at 2^64 - 1
  // What `last - first + 1` is; 0 stands for all 2^64.
  uint64_t size() const { return last - first + 1; }
  bool contains(uint64_t iova, uint64_t length) const {
    return length > 0 && iova >= first && iova <= last && length - 1 <= last - iova;
  }
};

// One bit a page, least significant first: bit n is the page at `iova() + n * pageSize()` (what drivers do;
// the uAPI's text gives another formula). Kernels and devices only ever set bits, so a new bitmap is all
// clear.
class DirtyBitmap {
 public:
  // iova and length must be multiples of the page size, which is a power of two; at most 2^32 pages.
  static Result<std::shared_ptr<DirtyBitmap>> create(uint64_t iova, uint64_t length, uint64_t pageSize);

  uint64_t iova() const { return iova_; }
  uint64_t length() const { return length_; }
  uint64_t pageSize() const { return pageSize_; }
  uint64_t pages() const { return length_ / pageSize_; }

  // What the kernel fills: whole u64s, little-endian bit order. Valid as long as the bitmap.
  uint64_t* words() { return words_.data(); }
  const uint64_t* words() const { return words_.data(); }
  size_t wordCount() const { return words_.size(); }
  size_t byteCount() const { return words_.size() * sizeof(uint64_t); }

  // Marks the pages that the stretch touches; what lies outside the bitmap is ignored.
  void mark(uint64_t iova, uint64_t length);
  // What a failed report means: everything may be dirty.
  void markAll();
  void clear();
  // Adds the dirty pages of another bitmap; page sizes may differ.
  void merge(const DirtyBitmap& other);

  // Bits beyond the last page (the kernel may leave them in the last word) do not count.
  uint64_t dirtyPages() const;
  // The first run of dirty pages that begins at page `from` or later, as I/O addresses.
  std::optional<IovaRange> nextRun(uint64_t from) const;

 private:
  DirtyBitmap(uint64_t iova, uint64_t length, uint64_t pageSize);

  uint64_t iova_;
  uint64_t length_;
  uint64_t pageSize_;
  std::vector<uint64_t> words_;
};

}  // namespace vfm
