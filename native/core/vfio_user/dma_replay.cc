// SPDX-License-Identifier: MIT
#include "core/vfio_user/dma_replay.h"

namespace vfm::vfio_user {

Status DmaReplay::unmapped(const DmaMapping& mapping, DirtyBitmap* dirty) {
  // The server's log of a mapping goes with the mapping.
  Status kept = log_->collect(mapping.iova, mapping.memory.size);
  if (kept && dirty) log_->take(*dirty);
  Status unmapped = mappings_->unmap(mapping.iova, mapping.memory.size);
  return kept ? unmapped : kept;
}

Status DmaReplay::startDirtyTracking() {
  // Servers are known to log whatever is mapped, now and later; for those that look at the ranges, they are
  // what is mapped now. One that then refuses to report what came later fails the report, which says it all.
  std::vector<IovaRange> ranges = mappings_->ranges();
  if (ranges.empty()) ranges.push_back(IovaRange{0, 4095});
  auto started = log_->start(ranges);
  if (!started) return std::move(started).failure();
  return {};
}

}  // namespace vfm::vfio_user
