// SPDX-License-Identifier: MIT
// Which addresses a device has written since somebody last asked: as stretches, since a client may map more
// address space than a bitmap of it has room for.
#pragma once

#include <cstdint>
#include <map>

#include "core/dma/dirty_bitmap.h"

namespace vfm::vfio_user {

class WrittenPages {
 public:
  static constexpr uint64_t kPage = 4096;
  // Beyond so many stretches the gaps between them count as written, too.
  static constexpr size_t kMostStretches = 1 << 16;

  // `length` > 0, not past the end of the address space. Whole pages.
  void mark(uint64_t iova, uint64_t length);
  // Adds what was written inside the bitmap's stretch to it, and forgets that.
  void take(DirtyBitmap& into);
  void clear() { stretches_.clear(); }

 private:
  std::map<uint64_t, uint64_t> stretches_;  // first to last address; neither overlapping nor touching
};

}  // namespace vfm::vfio_user
