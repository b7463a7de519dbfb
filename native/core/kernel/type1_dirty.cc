// SPDX-License-Identifier: MIT
// Dirty pages of a container: VFIO_IOMMU_DIRTY_PAGES, and the bitmap of an unmap.
#include <algorithm>
#include <cerrno>
#include <string>

#include "core/dma/iova_text.h"
#include "core/kernel/container.h"
#include "core/kernel/type1.h"
#include "uapi/type1.h"

namespace vfm::kernel {
namespace {

constexpr const char* kStart = "VFIO_IOMMU_DIRTY_PAGES START";
constexpr const char* kStop = "VFIO_IOMMU_DIRTY_PAGES STOP";
constexpr const char* kReport = "VFIO_IOMMU_DIRTY_PAGES GET_BITMAP";
constexpr const char* kUnmap = "VFIO_IOMMU_UNMAP_DMA GET_DIRTY_BITMAP";
// One piece of a report: 32 GiB in pages of 4 KiB.
constexpr uint64_t kUsualBytes = 1 << 20;

struct Stretch {
  uint64_t iova = 0;
  uint64_t size = 0;
};

// Neighbouring mappings together, as long as their bitmap stays small: the kernel takes several in one
// request, but none in part.
std::vector<Stretch> stretchesOf(const std::vector<DmaMapping>& mappings, uint64_t page) {
  std::vector<Stretch> stretches;
  for (const DmaMapping& mapping : mappings) {
    if (!stretches.empty()) {
      Stretch& before = stretches.back();
      const uint64_t together = mapping.last() - before.iova + 1;
      if (together != 0 && together / page / 8 <= kUsualBytes) {
        before.size = together;
        continue;
      }
    }
    stretches.push_back(Stretch{mapping.iova, mapping.memory.size});
  }
  return stretches;
}

struct DirtyRequest {
  uapi::VfioIommuType1DirtyBitmap head;
  uapi::VfioIommuType1DirtyBitmapGet range;
};
static_assert(sizeof(DirtyRequest) ==
              sizeof(uapi::VfioIommuType1DirtyBitmap) + sizeof(uapi::VfioIommuType1DirtyBitmapGet));

struct UnmapRequest {
  uapi::VfioIommuType1DmaUnmap unmap;
  uapi::VfioBitmap bitmap;
};
static_assert(sizeof(UnmapRequest) == sizeof(uapi::VfioIommuType1DmaUnmap) + sizeof(uapi::VfioBitmap));

uapi::VfioBitmap bitmapOf(DirtyBitmap& bitmap) {
  return uapi::VfioBitmap{bitmap.pageSize(), bitmap.byteCount(), bitmap.words()};
}

Failure dirtyFailure(int result, const char* operation) {
  const char* meaning = "";
  switch (-result) {
    case EACCES:
      meaning = "only TYPE1v2 tracks dirty pages";
      break;
    case ENOTTY:
      meaning = "this kernel, or what stands in for type1 in it, has no dirty tracking";
      break;
    case EINVAL:
      meaning = "has dirty tracking been started?";
      break;
    default:
      break;
  }
  return ioctlFailure(result, operation, meaning);
}

}  // namespace

Status Type1::dirtyPages(uint32_t flags, const char* operation) {
  std::lock_guard lock(mutex_);
  uapi::VfioIommuType1DirtyBitmap request{};
  request.argsz = sizeof(request);
  request.flags = flags;
  const int result = retryInterrupted([&] {
    return sys_.ioctl(container_.descriptor(), uapi::kVfioIommuDirtyPages, static_cast<void*>(&request));
  });
  if (result < 0) return dirtyFailure(result, operation);
  return {};
}

Status Type1::startDirtyTracking() { return dirtyPages(uapi::kVfioIommuDirtyPagesFlagStart, kStart); }

Status Type1::stopDirtyTracking() { return dirtyPages(uapi::kVfioIommuDirtyPagesFlagStop, kStop); }

Status Type1::checkReport(const DirtyBitmap& bitmap, const AddressSpaceInfo& space,
                          const char* operation) const {
  const uint64_t page = smallestPage(space.pageSizes);
  if (bitmap.pageSize() < page) {
    return Failure::system(EINVAL, "ioctl", operation,
                           "pages of " + std::to_string(bitmap.pageSize()) +
                               "; the smallest that are tracked have " + std::to_string(page));
  }
  if (Status whole = mappings_.checkStretch(bitmap.iova(), bitmap.length(), page, "ioctl", operation);
      !whole) {
    return whole;
  }
  if (space.largestDirtyBitmap == 0) return {};
  for (const DmaMapping& mapping : mappings_.within(bitmap.iova(), bitmap.length())) {
    if ((mapping.memory.size / page + 63) / 64 * 8 > space.largestDirtyBitmap) {
      return Failure::because(Reason::kUnsupported, operation,
                              "the bitmap of " + rangeText(mapping.iova, mapping.last()) +
                                  " is larger than the kernel takes (" +
                                  std::to_string(space.largestDirtyBitmap) + " bytes): map smaller pieces");
    }
  }
  return {};
}

Status Type1::reportDirty(DirtyBitmap& into) {
  std::lock_guard lock(mutex_);
  auto space = infoLocked();
  if (!space) return std::move(space).failure();
  if (Status ready = checkReport(into, *space, kReport); !ready) return ready;
  const uint64_t page = smallestPage(space->pageSizes);
  auto stretches = stretchesOf(mappings_.within(into.iova(), into.length()), page);
  // Where nothing is mapped the kernel still says whether tracking is on.
  if (stretches.empty()) stretches.push_back(Stretch{into.iova(), page});
  for (const Stretch& stretch : stretches) {
    // Never into the caller's own: where a mapping begins in the middle of a word the kernel overwrites bits.
    auto piece = DirtyBitmap::create(stretch.iova, stretch.size, page);
    if (!piece) return std::move(piece).failure();
    DirtyRequest request{};
    request.head.argsz = sizeof(request);  // without the bitmap itself
    request.head.flags = uapi::kVfioIommuDirtyPagesFlagGetBitmap;
    request.range.iova = stretch.iova;
    request.range.size = stretch.size;
    request.range.bitmap = bitmapOf(**piece);
    const int result = retryInterrupted([&] {
      return sys_.ioctl(container_.descriptor(), uapi::kVfioIommuDirtyPages, static_cast<void*>(&request));
    });
    if (result < 0) return dirtyFailure(result, kReport);
    into.merge(**piece);
  }
  return {};
}

Result<uint64_t> Type1::unmapDirty(const std::vector<DmaMapping>& mappings, DirtyBitmap& dirty) {
  auto space = infoLocked();
  if (!space) return std::move(space).failure();
  if (Status ready = checkReport(dirty, *space, kUnmap); !ready) return std::move(ready).failure();
  const uint64_t page = smallestPage(space->pageSizes);
  uint64_t total = 0;
  auto stretches = stretchesOf(mappings, page);
  // Where nothing is mapped the kernel still says whether tracking is on.
  if (stretches.empty()) stretches.push_back(Stretch{dirty.iova(), page});
  for (const Stretch& stretch : stretches) {
    auto piece = DirtyBitmap::create(stretch.iova, stretch.size, page);
    if (!piece) return std::move(piece).failure();
    UnmapRequest request{};
    request.unmap.argsz = sizeof(request);
    request.unmap.flags = uapi::kVfioDmaUnmapFlagGetDirtyBitmap;
    request.unmap.iova = stretch.iova;
    request.unmap.size = stretch.size;
    request.bitmap = bitmapOf(**piece);
    const int result = retryInterrupted([&] {
      return sys_.ioctl(container_.descriptor(), uapi::kVfioIommuUnmapDma, static_cast<void*>(&request));
    });
    if (result < 0) return dirtyFailure(result, kUnmap);
    dirty.merge(**piece);
    total += request.unmap.size;
    for (const DmaMapping& gone : mappings_.within(stretch.iova, stretch.size)) mappings_.remove(gone.iova);
  }
  return total;
}

}  // namespace vfm::kernel
