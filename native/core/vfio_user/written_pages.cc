// SPDX-License-Identifier: MIT
#include "core/vfio_user/written_pages.h"

#include <algorithm>

namespace vfm::vfio_user {

void WrittenPages::mark(uint64_t iova, uint64_t length) {
  uint64_t first = iova & ~(kPage - 1);
  uint64_t last = (iova + (length - 1)) | (kPage - 1);
  // Everything that overlaps or touches becomes one stretch.
  auto next = stretches_.upper_bound(first);
  if (next != stretches_.begin()) {
    auto before = std::prev(next);
    if (before->second >= first || before->second + 1 == first) {
      first = before->first;
      last = std::max(last, before->second);
      next = stretches_.erase(before);
    }
  }
  while (next != stretches_.end() && (next->first <= last || next->first - 1 == last)) {
    last = std::max(last, next->second);
    next = stretches_.erase(next);
  }
  stretches_.emplace_hint(next, first, last);
  if (stretches_.size() > kMostStretches) {
    const uint64_t from = stretches_.begin()->first;
    const uint64_t to = stretches_.rbegin()->second;
    stretches_.clear();
    stretches_.emplace(from, to);
  }
}

void WrittenPages::take(DirtyBitmap& into) {
  const uint64_t first = into.iova();
  const uint64_t last = into.iova() + (into.length() - 1);
  auto at = stretches_.upper_bound(first);
  if (at != stretches_.begin()) --at;
  while (at != stretches_.end() && at->first <= last) {
    const auto [from, to] = *at;
    if (to < first) {
      ++at;
      continue;
    }
    const uint64_t begin = std::max(from, first);
    const uint64_t end = std::min(to, last);
    into.mark(begin, end - begin + 1);
    at = stretches_.erase(at);
    if (from < first) stretches_.emplace(from, first - 1);
    if (to > last) at = stretches_.emplace(last + 1, to).first;
  }
}

}  // namespace vfm::vfio_user
