// SPDX-License-Identifier: MIT
#include "core/kernel/open_device.h"

namespace vfm::kernel {

Result<std::shared_ptr<KernelDevice>> openDevice(Sys& sys, const DeviceLocation& location,
                                                 const OpenOptions& options) {
  auto group = Group::open(sys, location.group, options.noIommu);
  if (!group) return std::move(group).failure();
  auto prepared = (*group)->prepare(options.container, options.noIommu);
  if (!prepared) return std::move(prepared).failure();
  auto descriptor = (*group)->deviceDescriptor(location.name);
  if (!descriptor) return std::move(descriptor).failure();
  return std::make_shared<KernelDevice>(
      std::make_shared<DeviceHandle>(sys, std::move(group).value(), std::move(descriptor).value()));
}

}  // namespace vfm::kernel
