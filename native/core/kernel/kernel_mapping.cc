// SPDX-License-Identifier: MIT
#include "core/kernel/kernel_mapping.h"

#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "uapi/region.h"

namespace vfm::kernel {
namespace {

bool wants(Protection protection, Protection what) {
  return (static_cast<uint8_t>(protection) & static_cast<uint8_t>(what)) != 0;
}

Failure refused(const RegionInfo& region, Area area, const char* why) {
  return Failure::because(
      Reason::kInvalidArgument, "mapping of region " + std::to_string(region.index),
      std::to_string(area.size) + " bytes at " + std::to_string(area.offset) + ": " + why);
}

}  // namespace

KernelMapping::KernelMapping(Sys& sys, std::shared_ptr<const void> keeper, uint8_t* data, size_t size)
    : Mapping(data, size), sys_(sys), keeper_(std::move(keeper)) {}

KernelMapping::~KernelMapping() { sys_.munmap(data(), size()); }

Result<std::shared_ptr<Mapping>> KernelMapping::map(const std::shared_ptr<DeviceHandle>& device,
                                                    const RegionInfo& region, Area area,
                                                    Protection protection) {
  if (area.size == 0) return refused(region, area, "empty");
  if (area.offset % device->sys().pageSize() != 0) return refused(region, area, "does not begin on a page");
  const bool inside = std::any_of(region.mappable.begin(), region.mappable.end(), [&](const Area& mappable) {
    return mappable.contains(area.offset, area.size);
  });
  if (!inside) return refused(region, area, "not within one of the region's mappable areas");
  if (wants(protection, Protection::kRead) && (region.flags & uapi::kVfioRegionInfoFlagRead) == 0) {
    return refused(region, area, "the region is not readable");
  }
  if (wants(protection, Protection::kWrite) && (region.flags & uapi::kVfioRegionInfoFlagWrite) == 0) {
    return refused(region, area, "the region is not writable");
  }

  const int prot = (wants(protection, Protection::kRead) ? PROT_READ : 0) |
                   (wants(protection, Protection::kWrite) ? PROT_WRITE : 0);
  void* address = nullptr;
  const int result = device->sys().mmap(static_cast<size_t>(area.size), prot, MAP_SHARED, device->fd(),
                                        region.offset + area.offset, &address);
  if (result < 0)
    return Failure::system(-result, "mmap", "mapping of region " + std::to_string(region.index));
  return std::shared_ptr<Mapping>(std::make_shared<KernelMapping>(
      device->sys(), device->keeper(), static_cast<uint8_t*>(address), static_cast<size_t>(area.size)));
}

}  // namespace vfm::kernel
