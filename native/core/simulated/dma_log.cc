// SPDX-License-Identifier: MIT
#include "core/simulated/dma_log.h"

#include <algorithm>
#include <cerrno>

namespace vfm {

namespace {
constexpr uint64_t kSmallestPage = 4096;
}

int DmaLog::start(const std::vector<IovaRange>& ranges, uint64_t pageSize) {
  if (ranges.empty()) return EINVAL;
  if (ranges.size() > kMostRanges) return E2BIG;
  if (active_ || pageSize < kSmallestPage || (pageSize & (pageSize - 1)) != 0) return EINVAL;
  std::vector<IovaRange> sorted = ranges;
  std::sort(sorted.begin(), sorted.end(),
            [](const IovaRange& a, const IovaRange& b) { return a.first < b.first; });
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i].last < sorted[i].first) return EINVAL;
    if (((sorted[i].first | sorted[i].size()) & (pageSize - 1)) != 0) return EINVAL;
    if (i > 0 && sorted[i].first <= sorted[i - 1].last) return EINVAL;
  }
  ranges_ = std::move(sorted);
  pageSize_ = pageSize;
  active_ = true;
  return 0;
}

int DmaLog::stop() {
  if (!active_) return EINVAL;
  end();
  return 0;
}

void DmaLog::end() {
  active_ = false;
  ranges_.clear();
  pages_.clear();
}

bool DmaLog::touches(uint64_t first, uint64_t last) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const IovaRange& range) { return first <= range.last && last >= range.first; });
}

void DmaLog::note(uint64_t iova, uint64_t length) {
  if (!active_ || length == 0) return;
  const uint64_t last = iova + (length - 1);
  for (uint64_t page = iova / pageSize_; page <= last / pageSize_; ++page) {
    const uint64_t first = page * pageSize_;
    if (touches(std::max(iova, first), std::min(last, first + (pageSize_ - 1)))) pages_.insert(page);
  }
}

int DmaLog::report(DirtyBitmap& into) {
  const uint64_t last = into.iova() + (into.length() - 1);
  if (!active_ || into.pageSize() < kSmallestPage || !touches(into.iova(), last)) return EINVAL;
  auto page = pages_.lower_bound(into.iova() / pageSize_);
  while (page != pages_.end() && *page <= last / pageSize_) {
    into.mark(*page * pageSize_, pageSize_);
    page = pages_.erase(page);
  }
  return 0;
}

}  // namespace vfm
