// SPDX-License-Identifier: MIT
// A stretch of a region in our address space, by mmap of the device descriptor.
#pragma once

#include <memory>

#include "core/device/info.h"
#include "core/device/mapping.h"
#include "core/kernel/device_handle.h"

namespace vfm::kernel {

class KernelMapping final : public Mapping {
 public:
  // `region` is the device's own. Reason::kInvalidArgument: `area` is empty, leaves the region's mappable
  // areas or does not begin on a page, or the region is not readable or writable as `protection` wants it.
  static Result<std::shared_ptr<Mapping>> map(const std::shared_ptr<DeviceHandle>& device,
                                              const RegionInfo& region, Area area, Protection protection);

  KernelMapping(Sys& sys, std::shared_ptr<const void> keeper, uint8_t* data, size_t size);
  ~KernelMapping() override;

 private:
  Sys& sys_;
  // A mapping keeps the device open in the kernel, and that its group: while it lasts, whoever opens a device
  // of the group must find the group's descriptor. Of a device node it keeps the binding.
  std::shared_ptr<const void> keeper_;
};

}  // namespace vfm::kernel
