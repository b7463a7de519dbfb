// SPDX-License-Identifier: MIT
// From a group and a name to a device: group, container, IOMMU, descriptor.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/kernel/kernel_device.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

struct DeviceLocation {
  GroupName group;
  std::string name;  // as Group::deviceDescriptor takes it
};

struct OpenOptions {
  std::shared_ptr<Container> container;  // null: the one the group is in already, or one of its own
  NoIommu noIommu = NoIommu::kRefuse;
};

// The failures are those of Group::open, Group::prepare and Group::deviceDescriptor. Nothing stays open after
// one.
Result<std::shared_ptr<KernelDevice>> openDevice(Sys& sys, const DeviceLocation& location,
                                                 const OpenOptions& options);

}  // namespace vfm::kernel
