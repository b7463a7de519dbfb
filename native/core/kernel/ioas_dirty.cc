// SPDX-License-Identifier: MIT
// Dirty tracking of an IOAS: that of all its page tables, over what is mapped.
#include <algorithm>
#include <string>

#include "core/kernel/ioas.h"

namespace vfm::kernel {
namespace {

Failure notAsked(const char* operation) {
  return Failure::because(Reason::kUnsupported, operation,
                          "this address space was made without dirty tracking: its devices' page tables have "
                          "no dirty bits, and cannot get them later");
}

uint64_t lastOf(const DirtyBitmap& bitmap) { return bitmap.iova() + (bitmap.length() - 1); }

}  // namespace

Result<std::shared_ptr<Hwpt>> Ioas::allocateHwpt(uint32_t deviceId, bool dirtyTracking) {
  auto allocated = Hwpt::allocate(shared_from_this(), deviceId, dirtyTracking);
  if (!allocated) return allocated;
  std::lock_guard lock(mutex_);
  if (started_ && dirtyTracking) {
    if (auto on = (*allocated)->setDirtyTracking(true); !on) return std::move(on).failure();
  }
  hwpts_.push_back(*allocated);
  return allocated;
}

// Those that can, and on the way it forgets those that are gone.
std::vector<std::shared_ptr<Hwpt>> Ioas::tracking() {
  std::vector<std::shared_ptr<Hwpt>> found;
  hwpts_.erase(std::remove_if(hwpts_.begin(), hwpts_.end(),
                              [&](const std::weak_ptr<Hwpt>& held) {
                                auto hwpt = held.lock();
                                if (!hwpt) return true;
                                if (hwpt->dirtyTracking()) found.push_back(std::move(hwpt));
                                return false;
                              }),
               hwpts_.end());
  return found;
}

Status Ioas::startDirtyTracking() {
  if (!options_.dirtyTracking) return notAsked("IOMMU_HWPT_SET_DIRTY_TRACKING");
  std::vector<std::shared_ptr<Hwpt>> hwpts;  // let go after the lock: the last share is a system call
  std::lock_guard lock(mutex_);
  if (started_) return Status::success();
  hwpts = tracking();
  for (size_t i = 0; i < hwpts.size(); ++i) {
    auto on = hwpts[i]->setDirtyTracking(true);
    if (on) continue;
    for (size_t done = 0; done < i; ++done) static_cast<void>(hwpts[done]->setDirtyTracking(false));
    return on;
  }
  started_ = true;
  return Status::success();
}

Status Ioas::stopDirtyTracking() {
  if (!options_.dirtyTracking) return notAsked("IOMMU_HWPT_SET_DIRTY_TRACKING");
  std::vector<std::shared_ptr<Hwpt>> hwpts;
  std::lock_guard lock(mutex_);
  if (!started_) return Status::success();
  hwpts = tracking();
  started_ = false;
  Status first;
  for (const auto& hwpt : hwpts) {
    auto off = hwpt->setDirtyTracking(false);
    if (!off && first) first = std::move(off);
  }
  return first;
}

Status Ioas::reportDirty(DirtyBitmap& into) {
  if (!options_.dirtyTracking) return notAsked("IOMMU_HWPT_GET_DIRTY_BITMAP");
  std::vector<std::shared_ptr<Hwpt>> hwpts;
  std::lock_guard lock(mutex_);
  if (!started_) {
    return Failure::system(EINVAL, "", "IOMMU_HWPT_GET_DIRTY_BITMAP", "dirty tracking is not started");
  }
  hwpts = tracking();
  for (const auto& hwpt : hwpts) {
    auto read = readRuns(*hwpt, into, IovaRange{into.iova(), lastOf(into)}, AfterRead::kClear);
    if (!read) return read;
  }
  return Status::success();
}

Status Ioas::reportDirty(Hwpt& hwpt, DirtyBitmap& into, AfterRead after) {
  std::lock_guard lock(mutex_);
  return readRuns(hwpt, into, IovaRange{into.iova(), lastOf(into)}, after);
}

// Stretches of the range that are mapped without a hole: mappings that touch are one.
std::vector<IovaRange> Ioas::runsWithin(IovaRange range) const {
  std::vector<IovaRange> runs;
  for (const auto& [begins, piece] : mapped_.all()) {
    if (begins > range.last) break;
    if (piece.last() < range.first) continue;
    const IovaRange part{std::max(begins, range.first), std::min(piece.last(), range.last)};
    if (!runs.empty() && runs.back().last + 1 == part.first) {
      runs.back().last = part.last;
    } else {
      runs.push_back(part);
    }
  }
  return runs;
}

// One request for each run, since the kernel (6.12, iommu_read_and_clear_dirty) stops at the first hole and
// answers success.
Status Ioas::readRuns(Hwpt& hwpt, DirtyBitmap& into, IovaRange within, AfterRead after) {
  const IovaRange range{std::max(within.first, into.iova()), std::min(within.last, lastOf(into))};
  if (range.first > range.last) return Status::success();
  for (const IovaRange& run : runsWithin(range)) {
    // What is mapped comes in pages of ours, which may be smaller than the bitmap's.
    const uint64_t ends = run.last + 1;
    const bool whole = run.first % into.pageSize() == 0 && ends % into.pageSize() == 0;
    const uint64_t page = whole ? into.pageSize() : iommufd_->sys().pageSize();
    auto part = DirtyBitmap::create(run.first, run.size(), page);
    if (!part) return std::move(part).failure();
    if (auto read = hwpt.readDirty(**part, after); !read) return read;
    into.merge(**part);
  }
  return Status::success();
}

}  // namespace vfm::kernel
