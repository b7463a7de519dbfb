// SPDX-License-Identifier: MIT
#include "core/kernel/iommufd.h"

#include <fcntl.h>

#include <string>

#include "core/kernel/container.h"
#include "core/kernel/descriptor_kind.h"
#include "uapi/hw_info.h"
#include "uapi/iommufd.h"

namespace vfm::kernel {
namespace {

// A VT-d unit describes itself in 24 bytes; no driver of today needs more than a few hundred.
constexpr uint32_t kFirstHwData = 256;
constexpr uint32_t kLargestHwData = 1 << 16;

uint64_t addressOf(const void* memory) { return reinterpret_cast<uintptr_t>(memory); }

uapi::IommuOption rlimitMode(uint16_t op, uint64_t value) {
  uapi::IommuOption option{};
  option.option_id = uapi::kIommuOptionRlimitMode;
  option.op = op;
  option.val64 = value;
  return option;
}

}  // namespace

bool HwInfo::dirtyTracking() const { return (capabilities & uapi::kIommuHwCapDirtyTracking) != 0; }

Result<std::shared_ptr<Iommufd>> Iommufd::open(Sys& sys) {
  constexpr const char* kPath = "/dev/iommu";
  const int fd = retryInterrupted([&] { return sys.open(kPath, O_RDWR); });
  if (fd == -ENOENT) return Failure::system(ENOENT, "open", kPath, "this kernel has no iommufd");
  if (fd < 0) return Failure::system(-fd, "open", kPath);
  return std::make_shared<Iommufd>(sys, Descriptor(sys, fd));
}

Result<std::shared_ptr<Iommufd>> Iommufd::adopt(Sys& sys, int fd) {
  const std::string operation = "adoption of descriptor " + std::to_string(fd);
  auto identity = requireKind(sys, fd, DescriptorKind::kIommufd);
  if (!identity) return std::move(identity).failure();
  const int duplicate = sys.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return Failure::system(-duplicate, "fcntl", operation);
  return std::make_shared<Iommufd>(sys, Descriptor(sys, duplicate));
}

Status Iommufd::destroy(uint32_t id) {
  uapi::IommuDestroy command{};
  command.id = id;
  const int result = call(uapi::kIommuDestroy, command);
  if (result < 0) return ioctlFailure(result, "IOMMU_DESTROY " + std::to_string(id));
  return Status::success();
}

Result<MemoryCharge> Iommufd::memoryCharge() {
  uapi::IommuOption option = rlimitMode(uapi::kIommuOptionOpGet, 0);
  const int result = call(uapi::kIommuOption, option);
  if (result < 0) return ioctlFailure(result, "IOMMU_OPTION GET RLIMIT_MODE");
  if (option.val64 > 1) {
    return Failure::because(Reason::kMalformed, "IOMMU_OPTION GET RLIMIT_MODE",
                            "mode " + std::to_string(option.val64));
  }
  return option.val64 == 1 ? MemoryCharge::kProcess : MemoryCharge::kUser;
}

Status Iommufd::setMemoryCharge(MemoryCharge charge) {
  uapi::IommuOption option = rlimitMode(uapi::kIommuOptionOpSet, charge == MemoryCharge::kProcess ? 1 : 0);
  const int result = call(uapi::kIommuOption, option);
  if (result == -EBUSY) {
    return ioctlFailure(result, "IOMMU_OPTION SET RLIMIT_MODE", "it must be set before anything is made");
  }
  if (result < 0) return ioctlFailure(result, "IOMMU_OPTION SET RLIMIT_MODE");
  return Status::success();
}

Result<HwInfo> Iommufd::hwInfo(uint32_t deviceId) {
  // The kernel fills what fits and answers how much it knows: once more, with room, when that was more.
  std::vector<uint8_t> data(kFirstHwData);
  for (int round = 0; round < 2; ++round) {
    uapi::IommuHwInfo info{};
    info.dev_id = deviceId;
    info.data_len = static_cast<uint32_t>(data.size());
    info.data_uptr = addressOf(data.data());
    const int result = call(uapi::kIommuGetHwInfo, info);
    if (result < 0) {
      return ioctlFailure(result, "IOMMU_GET_HW_INFO",
                          result == -ENOENT ? "no IOMMU is behind an emulated device" : "");
    }
    if (info.data_len > kLargestHwData) break;
    if (info.data_len <= data.size()) {
      data.resize(info.data_len);
      return HwInfo{info.out_data_type, info.out_capabilities, info.out_max_pasid_log2, std::move(data)};
    }
    data.assign(info.data_len, 0);
  }
  return Failure::because(
      Reason::kMalformed, "IOMMU_GET_HW_INFO",
      "the driver asks for ever more room, or for more than " + std::to_string(kLargestHwData) + " bytes");
}

Result<uint32_t> Iommufd::compatIoas() {
  uapi::IommuVfioIoas command{};
  command.op = uapi::kIommuVfioIoasGet;
  const int result = call(uapi::kIommuVfioIoas, command);
  if (result < 0) return ioctlFailure(result, "IOMMU_VFIO_IOAS GET");
  return uint32_t{command.ioas_id};
}

Status Iommufd::setCompatIoas(uint32_t ioas) {
  uapi::IommuVfioIoas command{};
  command.op = uapi::kIommuVfioIoasSet;
  command.ioas_id = ioas;
  const int result = call(uapi::kIommuVfioIoas, command);
  if (result < 0) return ioctlFailure(result, "IOMMU_VFIO_IOAS SET " + std::to_string(ioas));
  return Status::success();
}

Status Iommufd::clearCompatIoas() {
  uapi::IommuVfioIoas command{};
  command.op = uapi::kIommuVfioIoasClear;
  const int result = call(uapi::kIommuVfioIoas, command);
  if (result < 0) return ioctlFailure(result, "IOMMU_VFIO_IOAS CLEAR");
  return Status::success();
}

Result<std::shared_ptr<Container>> Iommufd::container() {
  const int duplicate = sys_.fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return Failure::system(-duplicate, "fcntl", "container of an iommufd");
  auto container = std::make_shared<Container>(sys_, Descriptor(sys_, duplicate));
  auto version = container->apiVersion();
  if (!version) return std::move(version).failure();
  return container;
}

}  // namespace vfm::kernel
