// SPDX-License-Identifier: MIT
#include "core/kernel/kernel_device.h"

#include <cstring>
#include <string>
#include <vector>

#include "core/kernel/capability_chain.h"
#include "core/kernel/feature_name.h"
#include "core/kernel/hot_reset.h"
#include "core/kernel/kernel_mapping.h"
#include "uapi/device.h"
#include "uapi/region.h"

namespace vfm::kernel {
namespace {

// Enough for any sparse region seen (16 bytes an area), and no more than a confused driver may make us
// allocate.
constexpr size_t kLargestRegionInfo = 1 << 20;
// Regions and interrupts are enumerated one ioctl each; a device that claims more is not describing itself.
constexpr uint32_t kMostIndexes = 1 << 16;

}  // namespace

std::vector<Companion> KernelDevice::companions() const {
  std::vector<Companion> companions;
  if (const auto& group = handle_->group()) {
    companions.push_back({Companion::Kind::kGroup, group->descriptor()});
    if (auto container = group->container()) {
      companions.push_back({Companion::Kind::kContainer, container->descriptor()});
    }
  }
  if (const auto& binding = handle_->binding()) {
    companions.push_back({Companion::Kind::kIommufd, binding->iommufd()->descriptor()});
  }
  return companions;
}

Result<DeviceInfo> KernelDevice::info() {
  uapi::VfioDeviceInfo info{};
  info.argsz = sizeof(info);
  const int result = retryInterrupted([&] {
    return handle_->sys().ioctl(handle_->fd(), uapi::kVfioDeviceGetInfo, static_cast<void*>(&info));
  });
  if (result < 0) return ioctlFailure(result, "VFIO_DEVICE_GET_INFO");
  if (info.num_regions > kMostIndexes || info.num_irqs > kMostIndexes) {
    return Failure::because(Reason::kMalformed, "VFIO_DEVICE_GET_INFO",
                            std::to_string(info.num_regions) + " regions and " +
                                std::to_string(info.num_irqs) + " interrupt indexes");
  }
  return DeviceInfo{info.flags, info.num_regions, info.num_irqs};
}

Result<RegionInfo> KernelDevice::regionInfo(uint32_t index) {
  {
    std::lock_guard lock(regionsMutex_);
    auto found = regions_.find(index);
    if (found != regions_.end()) return found->second;
  }
  auto region = queryRegion(index);
  if (region) {
    std::lock_guard lock(regionsMutex_);
    regions_.emplace(index, *region);
  }
  return region;
}

Result<RegionInfo> KernelDevice::queryRegion(uint32_t index) {
  // The kernel answers argsz as large as the chain needs and leaves the chain out when it did not fit: ask
  // again with room. The chain may grow in between (it does not, in any known driver), hence the few rounds.
  constexpr int kRounds = 4;
  size_t size = sizeof(uapi::VfioRegionInfo);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint64_t> storage((size + 7) / 8);
    auto* bytes = reinterpret_cast<uint8_t*>(storage.data());
    uapi::VfioRegionInfo info{};
    info.argsz = static_cast<uint32_t>(size);
    info.index = index;
    std::memcpy(bytes, &info, sizeof(info));
    const int result = retryInterrupted([&] {
      return handle_->sys().ioctl(handle_->fd(), uapi::kVfioDeviceGetRegionInfo, static_cast<void*>(bytes));
    });
    if (result < 0) return ioctlFailure(result, "VFIO_DEVICE_GET_REGION_INFO " + std::to_string(index));
    std::memcpy(&info, bytes, sizeof(info));
    if (info.argsz <= size) {
      return parseRegionInfo(ConstBytes(bytes, size), index, handle_->sys().pageSize());
    }
    if (info.argsz > kLargestRegionInfo) break;
    size = info.argsz;
  }
  return Failure::because(Reason::kMalformed, "VFIO_DEVICE_GET_REGION_INFO " + std::to_string(index),
                          "the device asks for ever more room, or for more than " +
                              std::to_string(kLargestRegionInfo) + " bytes");
}

Status KernelDevice::reset() {
  // No lock: a device stuck in a state change is what reset is for. Not repeated on EINTR: it may have reset.
  const int result = handle_->sys().ioctl(handle_->fd(), uapi::kVfioDeviceReset, uint64_t{0});
  if (result < 0) return ioctlFailure(result, "VFIO_DEVICE_RESET");
  return Status::success();
}

Result<HotResetInfo> KernelDevice::hotResetInfo() { return kernel::hotResetInfo(*handle_); }

Status KernelDevice::hotReset(const std::vector<int>& groups) { return kernel::hotReset(*handle_, groups); }

Result<uint64_t> KernelDevice::locate(uint32_t index, uint64_t offset, size_t size, const char* operation) {
  auto region = regionInfo(index);
  if (!region) return std::move(region).failure();
  if (!Area{0, region->size}.contains(offset, size)) {
    return Failure::because(Reason::kInvalidArgument, operation,
                            std::to_string(size) + " bytes at " + std::to_string(offset) + " of region " +
                                std::to_string(index) + ", which has " + std::to_string(region->size));
  }
  return region->offset + offset;  // parseRegionInfo has seen to it that this stays a file offset
}

Result<size_t> KernelDevice::readRegion(uint32_t index, uint64_t offset, Bytes into) {
  auto at = locate(index, offset, into.size, "read of a region");
  if (!at) return std::move(at).failure();
  if (into.size == 0) return size_t{0};
  const ssize_t moved =
      retryInterrupted([&] { return handle_->sys().pread(handle_->fd(), into.data, into.size, *at); });
  if (moved < 0)
    return Failure::system(static_cast<int>(-moved), "pread", "read of region " + std::to_string(index));
  if (moved == 0)
    return Failure::because(Reason::kShortTransfer, "read of region " + std::to_string(index), "0 bytes");
  return static_cast<size_t>(moved);
}

Result<size_t> KernelDevice::writeRegion(uint32_t index, uint64_t offset, ConstBytes from) {
  auto at = locate(index, offset, from.size, "write of a region");
  if (!at) return std::move(at).failure();
  if (from.size == 0) return size_t{0};
  const ssize_t moved =
      retryInterrupted([&] { return handle_->sys().pwrite(handle_->fd(), from.data, from.size, *at); });
  if (moved < 0)
    return Failure::system(static_cast<int>(-moved), "pwrite", "write of region " + std::to_string(index));
  if (moved == 0)
    return Failure::because(Reason::kShortTransfer, "write of region " + std::to_string(index), "0 bytes");
  return static_cast<size_t>(moved);
}

Result<std::shared_ptr<Mapping>> KernelDevice::map(uint32_t index, Area area, Protection protection) {
  auto region = regionInfo(index);
  if (!region) return std::move(region).failure();
  return KernelMapping::map(handle_, *region, area, protection);
}

Status KernelDevice::feature(uint32_t flags, Bytes payload) {
  return handle_->feature(flags, payload, featureOperation(flags).c_str());
}

}  // namespace vfm::kernel
