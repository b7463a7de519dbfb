// SPDX-License-Identifier: MIT
// The log that a v2 device keeps of the pages it writes (VFIO_DEVICE_FEATURE_DMA_LOGGING_*), with the rules
// of the kernel's core and of the project's module. Errors are positive errnos, 0 is success. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "core/dma/dirty_bitmap.h"

namespace vfm {

class DmaLog {
 public:
  static constexpr size_t kMostRanges = 256;  // a page of 4096 bytes full of them

  // One log at a time. EINVAL: one runs, no range, page size no power of two or below 4096, ranges that are
  // not whole pages or overlap; E2BIG: more than kMostRanges ranges.
  int start(const std::vector<IovaRange>& ranges, uint64_t pageSize);
  int stop();
  // The device is about to write there.
  void note(uint64_t iova, uint64_t length);
  // Adds the pages noted and forgets them. EINVAL: no log runs, or none of its ranges is touched.
  int report(DirtyBitmap& into);
  void end();  // a log that does not run may end too
  bool active() const { return active_; }

 private:
  bool touches(uint64_t first, uint64_t last) const;

  bool active_ = false;
  uint64_t pageSize_ = 0;
  std::vector<IovaRange> ranges_;
  std::set<uint64_t> pages_;  // I/O address by page size
};

}  // namespace vfm
