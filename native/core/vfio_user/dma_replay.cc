// SPDX-License-Identifier: MIT
#include "core/vfio_user/dma_replay.h"

namespace vfm::vfio_user {

Status DmaReplay::unmapped(const DmaMapping& mapping, DirtyBitmap* dirty) {
  // The server's log of a mapping goes with the mapping.
  Status kept = log_->collect(mapping.iova, mapping.memory.size);
  if (kept && dirty) kept = log_->take(*dirty);
  Status unmapped = mappings_->unmap(mapping.iova, mapping.memory.size);
  return kept ? unmapped : kept;
}

Status DmaReplay::startDirtyTracking() {
  // Servers log whatever is mapped, now and later; the range is for those that look at it.
  auto started = log_->start({IovaRange{0, UINT64_MAX - 4096}});
  if (!started) return std::move(started).failure();
  return {};
}

}  // namespace vfm::vfio_user
