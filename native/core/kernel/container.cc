// SPDX-License-Identifier: MIT
#include "core/kernel/container.h"

#include <fcntl.h>

#include <string>

#include "core/kernel/type1.h"
#include "uapi/container.h"

namespace vfm::kernel {

Container::Container(Sys& sys, Descriptor fd)
    : sys_(sys), type1_(std::make_unique<Type1>(sys, *this)), fd_(std::move(fd)) {}

Container::~Container() = default;

Result<std::shared_ptr<Container>> Container::open(Sys& sys) {
  constexpr const char* kPath = "/dev/vfio/vfio";
  const int fd = retryInterrupted([&] { return sys.open(kPath, O_RDWR); });
  if (fd < 0) return Failure::system(-fd, "open", kPath);
  return over(sys, Descriptor(sys, fd), std::nullopt);
}

Result<std::shared_ptr<Container>> Container::over(Sys& sys, Descriptor fd, std::optional<uint32_t> iommu) {
  auto container = std::make_shared<Container>(sys, std::move(fd));
  auto version = container->apiVersion();
  if (!version) return std::move(version).failure();
  if (*version != uapi::kVfioApiVersion) {
    return Failure::because(
        Reason::kVersion, "VFIO_GET_API_VERSION",
        "expected " + std::to_string(uapi::kVfioApiVersion) + ", found " + std::to_string(*version));
  }
  container->iommu_ = iommu;
  return container;
}

Result<uint32_t> Container::apiVersion() {
  const int version =
      retryInterrupted([&] { return sys_.ioctl(fd_.get(), uapi::kVfioGetApiVersion, uint64_t{0}); });
  if (version < 0) return ioctlFailure(version, "VFIO_GET_API_VERSION");
  return static_cast<uint32_t>(version);
}

Result<uint32_t> Container::checkExtension(uint32_t extension) {
  const int found =
      retryInterrupted([&] { return sys_.ioctl(fd_.get(), uapi::kVfioCheckExtension, uint64_t{extension}); });
  if (found < 0) return ioctlFailure(found, "VFIO_CHECK_EXTENSION " + std::to_string(extension));
  return static_cast<uint32_t>(found);
}

Status Container::setIommu(uint32_t type, NoIommu noIommu) {
  if (type == uapi::kVfioNoiommuIommu && noIommu == NoIommu::kRefuse) {
    return Failure::because(Reason::kUnsupported, "VFIO_SET_IOMMU NOIOMMU",
                            "no IOMMU protects the machine's memory from this device; refused unless forced");
  }
  std::lock_guard lock(mutex_);
  return setIommuLocked(type);
}

Status Container::setIommuLocked(uint32_t type) {
  if (iommu_ == type) return Status::success();
  const int result =
      retryInterrupted([&] { return sys_.ioctl(fd_.get(), uapi::kVfioSetIommu, uint64_t{type}); });
  if (result < 0) return ioctlFailure(result, "VFIO_SET_IOMMU " + std::to_string(type));
  iommu_ = type;
  return Status::success();
}

Status Container::setBestIommu(NoIommu noIommu) {
  std::lock_guard lock(mutex_);
  if (iommu_) return Status::success();
  for (const uint32_t type : {uapi::kVfioType1v2Iommu, uapi::kVfioType1Iommu, uapi::kVfioNoiommuIommu}) {
    auto supported = checkExtension(type);
    if (!supported) return std::move(supported).failure();
    if (*supported == 0) continue;
    if (type == uapi::kVfioNoiommuIommu && noIommu == NoIommu::kRefuse) {
      return Failure::because(
          Reason::kUnsupported, "VFIO_SET_IOMMU NOIOMMU",
          "no IOMMU protects the machine's memory from this device; refused unless forced");
    }
    return setIommuLocked(type);
  }
  return Failure::because(Reason::kUnsupported, "VFIO_SET_IOMMU",
                          "the container offers neither TYPE1v2 nor TYPE1 (is vfio_iommu_type1 loaded?)");
}

std::optional<uint32_t> Container::iommu() const {
  std::lock_guard lock(mutex_);
  return iommu_;
}

void Container::groupAttached() {
  std::lock_guard lock(mutex_);
  ++groups_;
}

void Container::groupDetached() {
  {
    std::lock_guard lock(mutex_);
    if (groups_ == 0 || --groups_ > 0) return;
    iommu_.reset();
  }
  type1_->forget();
}

}  // namespace vfm::kernel
