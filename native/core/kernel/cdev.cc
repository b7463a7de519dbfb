// SPDX-License-Identifier: MIT
#include "core/kernel/cdev.h"

#include <fcntl.h>

#include "core/kernel/descriptor_kind.h"
#include "core/kernel/kernel_device.h"
#include "uapi/cdev.h"

namespace vfm::kernel {
namespace {

constexpr const char* kBind = "VFIO_DEVICE_BIND_IOMMUFD";

const char* bindDetail(int result) {
  switch (result) {
    case -EINVAL:
      return "a device is bound once: somebody has it open by its node already";
    case -EBUSY:
      return "its group is open: a device is used either by its group or by its node";
    default:
      return "";
  }
}

}  // namespace

Status CdevBinding::attach(int device, const std::shared_ptr<Ioas>& ioas) {
  if (ioas->iommufd() != iommufd_) {
    return Failure::because(Reason::kInvalidArgument, "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
                            "the address space is of another iommufd than the device is bound to");
  }
  std::lock_guard one(attaching_);
  if (this->ioas() == ioas) return Status::success();

  std::shared_ptr<Hwpt> hwpt;
  if (ioas->dirtyTracking()) {
    auto allocated = ioas->allocateHwpt(deviceId_, true);
    if (!allocated) return std::move(allocated).failure();
    hwpt = std::move(allocated).value();
  }
  uapi::VfioDeviceAttachIommufdPt command{};
  command.argsz = sizeof(command);
  command.pt_id = hwpt ? hwpt->id() : ioas->id();
  const int result = retryInterrupted([&] {
    return iommufd_->sys().ioctl(device, uapi::kVfioDeviceAttachIommufdPt, static_cast<void*>(&command));
  });
  if (result < 0) {
    return ioctlFailure(result, "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
                        result == -EINVAL
                            ? "mappings that the device's IOMMU cannot take (outside its ranges, "
                              "or finer than its pages) must go first"
                            : "");
  }
  std::shared_ptr<Ioas> before = ioas;
  {
    std::lock_guard lock(mutex_);
    ioas_.swap(before);
    hwpt_.swap(hwpt);
  }
  hwpt.reset();  // the page table that the device left, before its IOAS
  return Status::success();
}

Status CdevBinding::detach(int device) {
  std::lock_guard one(attaching_);
  if (!ioas()) return Status::success();
  uapi::VfioDeviceDetachIommufdPt command{};
  command.argsz = sizeof(command);
  const int result = retryInterrupted([&] {
    return iommufd_->sys().ioctl(device, uapi::kVfioDeviceDetachIommufdPt, static_cast<void*>(&command));
  });
  if (result < 0) return ioctlFailure(result, "VFIO_DEVICE_DETACH_IOMMUFD_PT");
  std::shared_ptr<Ioas> ioas;
  std::shared_ptr<Hwpt> hwpt;
  std::lock_guard lock(mutex_);
  ioas_.swap(ioas);
  hwpt_.swap(hwpt);
  return Status::success();
}

std::shared_ptr<Ioas> CdevBinding::ioas() const {
  std::lock_guard lock(mutex_);
  return ioas_;
}

Result<std::shared_ptr<KernelDevice>> openCdev(const std::shared_ptr<Iommufd>& iommufd,
                                               const std::string& path) {
  Sys& sys = iommufd->sys();
  const int fd = retryInterrupted([&] { return sys.open(path.c_str(), O_RDWR); });
  if (fd < 0) return Failure::system(-fd, "open", path);
  Descriptor node(sys, fd);
  // Known before anything is asked of it: the request's number means something else elsewhere.
  auto identity = identifyDescriptor(sys, fd);
  if (!identity) return std::move(identity).failure();
  if (identity->kind != DescriptorKind::kDeviceNode) {
    return Failure::because(Reason::kInvalidArgument, kBind, path + " is no node of a VFIO device");
  }
  uapi::VfioDeviceBindIommufd command{};
  command.argsz = sizeof(command);
  command.iommufd = iommufd->descriptor();
  const int result = retryInterrupted(
      [&] { return sys.ioctl(fd, uapi::kVfioDeviceBindIommufd, static_cast<void*>(&command)); });
  if (result < 0) return ioctlFailure(result, kBind, bindDetail(result));
  return std::make_shared<KernelDevice>(std::make_shared<DeviceHandle>(
      sys, std::move(node), std::make_shared<CdevBinding>(iommufd, command.out_devid)));
}

}  // namespace vfm::kernel
