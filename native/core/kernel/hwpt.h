// SPDX-License-Identifier: MIT
// A hardware page table (HWPT): an IOAS in the format of one device's IOMMU, and the dirty bits that keeps.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "core/dma/dirty_bitmap.h"
#include "core/kernel/iommufd.h"

namespace vfm::kernel {

class Ioas;

// Whether reading a dirty bit takes it away. Left for a read just before the mapping goes: it saves the
// IOMMU's caches a flush.
enum class AfterRead : uint8_t { kClear, kKeep };

// Made by Ioas::allocateHwpt. Holds its IOAS; destroyed in the kernel with the last share, unless a device is
// still attached: then with the iommufd.
class Hwpt {
 public:
  // IOMMU_HWPT_ALLOC. EOPNOTSUPP: the IOMMU cannot do what is asked (no dirty tracking, above all); ENOENT:
  // `deviceId` is of an emulated device, which has no page table.
  static Result<std::shared_ptr<Hwpt>> allocate(std::shared_ptr<Ioas> ioas, uint32_t deviceId,
                                                bool dirtyTracking);

  Hwpt(std::shared_ptr<Ioas> ioas, uint32_t id, uint32_t deviceId, bool dirtyTracking);
  ~Hwpt();
  Hwpt(const Hwpt&) = delete;
  Hwpt& operator=(const Hwpt&) = delete;

  uint32_t id() const { return id_; }
  uint32_t deviceId() const { return deviceId_; }
  bool dirtyTracking() const { return dirtyTracking_; }
  const std::shared_ptr<Ioas>& ioas() const { return ioas_; }

  // IOMMU_HWPT_SET_DIRTY_TRACKING. Switching it on forgets what was dirty. Twice: no error with
  // the IOMMUs of Linux 6.12, EINVAL with its mock.
  Status setDirtyTracking(bool enabled);

  // IOMMU_HWPT_GET_DIRTY_BITMAP over all of the bitmap, which must be mapped without a hole: Linux 6.12
  // answers success for one with holes, and leaves out what lies behind the first. Ioas::reportDirty sees to
  // it.
  Status readDirty(DirtyBitmap& into, AfterRead after);

 private:
  const std::shared_ptr<Ioas> ioas_;
  const uint32_t id_;
  const uint32_t deviceId_;
  const bool dirtyTracking_;
};

}  // namespace vfm::kernel
