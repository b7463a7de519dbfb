// SPDX-License-Identifier: MIT
// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO and VFIO_DEVICE_PCI_HOT_RESET.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "core/device/hot_reset.h"
#include "core/kernel/device_handle.h"

namespace vfm::kernel {

// ENOTTY: not a device of vfio-pci or its relatives; ENODEV: neither its slot nor its bus can be reset (it is
// on a root bus); EPERM: a device there is in no IOMMU group.
Result<HotResetInfo> hotResetInfo(const DeviceHandle& device);

// Shows the kernel that all of it is ours: by the groups that this process has open and the descriptors of
// others in `groups` (borrowed), or by nothing at all where the device is bound to an iommufd. EINVAL: it is
// not; the detail names what is missing.
Status hotReset(const DeviceHandle& device, const std::vector<int>& groups);

}  // namespace vfm::kernel
