// SPDX-License-Identifier: MIT
// Where a KernelDevice's DMA goes.
#include "core/kernel/cdev.h"
#include "core/kernel/kernel_device.h"
#include "core/kernel/type1.h"

namespace vfm::kernel {
namespace {

constexpr const char* kAttach = "VFIO_DEVICE_ATTACH_IOMMUFD_PT";
constexpr const char* kDetach = "VFIO_DEVICE_DETACH_IOMMUFD_PT";

Failure fixed(const DeviceHandle& handle, const char* operation) {
  return Failure::because(Reason::kUnsupported, operation,
                          handle.group()
                              ? "a device opened through its group is where the group's container is"
                              : "who opened this device decides where it is attached");
}

}  // namespace

std::shared_ptr<AddressSpace> KernelDevice::addressSpace() {
  if (handle_->binding()) return handle_->binding()->ioas();
  const auto container = handle_->group() ? handle_->group()->container() : nullptr;
  return container ? Type1::of(container) : nullptr;
}

Status KernelDevice::attach(std::shared_ptr<AddressSpace> space) {
  if (!handle_->binding()) return fixed(*handle_, kAttach);
  auto ioas = Ioas::of(space);
  if (!ioas) {
    return Failure::because(Reason::kUnsupported, kAttach,
                            "a device opened by its node can be attached to an IOAS only");
  }
  return handle_->binding()->attach(handle_->fd(), ioas);
}

Status KernelDevice::detach() {
  if (!handle_->binding()) return fixed(*handle_, kDetach);
  return handle_->binding()->detach(handle_->fd());
}

}  // namespace vfm::kernel
