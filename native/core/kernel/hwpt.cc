// SPDX-License-Identifier: MIT
#include "core/kernel/hwpt.h"

#include <string>

#include "core/kernel/ioas.h"
#include "uapi/hwpt.h"

namespace vfm::kernel {
namespace {

Failure allocationFailure(int result, bool dirtyTracking) {
  const char* detail = "";
  if (result == -EOPNOTSUPP && dirtyTracking) detail = "the device's IOMMU keeps no dirty bits";
  if (result == -ENOENT) detail = "an emulated device has no page table: its driver moves the data";
  return ioctlFailure(result, dirtyTracking ? "IOMMU_HWPT_ALLOC DIRTY_TRACKING" : "IOMMU_HWPT_ALLOC", detail);
}

}  // namespace

Hwpt::Hwpt(std::shared_ptr<Ioas> ioas, uint32_t id, uint32_t deviceId, bool dirtyTracking)
    : ioas_(std::move(ioas)), id_(id), deviceId_(deviceId), dirtyTracking_(dirtyTracking) {}

Hwpt::~Hwpt() {
  // Nobody is left to tell. EBUSY: a device is attached still; the kernel destroys both with the iommufd.
  static_cast<void>(ioas_->iommufd()->destroy(id_));
}

Result<std::shared_ptr<Hwpt>> Hwpt::allocate(std::shared_ptr<Ioas> ioas, uint32_t deviceId,
                                             bool dirtyTracking) {
  uapi::IommuHwptAlloc command{};
  command.flags = dirtyTracking ? uapi::kIommuHwptAllocDirtyTracking : 0;
  command.dev_id = deviceId;
  command.pt_id = ioas->id();
  command.data_type = uapi::kIommuHwptDataNone;
  const int result = ioas->iommufd()->call(uapi::kIommuHwptAlloc, command);
  if (result < 0) return allocationFailure(result, dirtyTracking);
  return std::make_shared<Hwpt>(std::move(ioas), command.out_hwpt_id, deviceId, dirtyTracking);
}

Status Hwpt::setDirtyTracking(bool enabled) {
  uapi::IommuHwptSetDirtyTracking command{};
  command.flags = enabled ? uapi::kIommuHwptDirtyTrackingEnable : 0;
  command.hwpt_id = id_;
  const int result = ioas_->iommufd()->call(uapi::kIommuHwptSetDirtyTracking, command);
  if (result < 0) {
    return ioctlFailure(result, "IOMMU_HWPT_SET_DIRTY_TRACKING " + std::to_string(id_),
                        dirtyTracking_ ? "" : "this page table was made without dirty tracking");
  }
  return Status::success();
}

Status Hwpt::readDirty(DirtyBitmap& into, AfterRead after) {
  uapi::IommuHwptGetDirtyBitmap command{};
  command.hwpt_id = id_;
  command.flags = after == AfterRead::kKeep ? uapi::kIommuHwptGetDirtyBitmapNoClear : 0;
  command.iova = into.iova();
  command.length = into.length();
  command.page_size = into.pageSize();
  command.data = reinterpret_cast<uintptr_t>(into.words());
  const int result = ioas_->iommufd()->call(uapi::kIommuHwptGetDirtyBitmap, command);
  if (result < 0) return ioctlFailure(result, "IOMMU_HWPT_GET_DIRTY_BITMAP " + std::to_string(id_));
  return Status::success();
}

}  // namespace vfm::kernel
