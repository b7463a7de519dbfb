// SPDX-License-Identifier: MIT
#include "core/kernel/group.h"

#include <fcntl.h>

#include "core/kernel/group_registry.h"
#include "uapi/group.h"

namespace vfm::kernel {

std::string GroupName::path() const {
  return std::string("/dev/vfio/") + (noIommu ? "noiommu-" : "") + std::to_string(number);
}

Result<std::shared_ptr<Group>> Group::open(Sys& sys, GroupName name, NoIommu noIommu) {
  const std::string path = name.path();
  if (name.noIommu && noIommu == NoIommu::kRefuse) {
    return Failure::because(Reason::kUnsupported, "open " + path,
                            "no IOMMU protects the machine's memory from this group; refused unless forced");
  }
  return GroupRegistry::instance().findOrOpen(sys, path, [&]() -> Result<std::unique_ptr<Group>> {
    const int fd = retryInterrupted([&] { return sys.open(path.c_str(), O_RDWR); });
    if (fd < 0) return Failure::system(-fd, "open", path);
    return std::make_unique<Group>(sys, name, Descriptor(sys, fd));
  });
}

Group::~Group() {
  // The kernel takes the group out of its container when the group's last descriptor goes.
  fd_.reset();
  if (container_) container_->groupDetached();
}

Result<GroupStatus> Group::status() {
  std::lock_guard lock(mutex_);
  return statusLocked();
}

Result<GroupStatus> Group::statusLocked() {
  uapi::VfioGroupStatus status{};
  status.argsz = sizeof(status);
  const int result = retryInterrupted(
      [&] { return sys_.ioctl(fd_.get(), uapi::kVfioGroupGetStatus, static_cast<void*>(&status)); });
  if (result < 0) return ioctlFailure(result, "VFIO_GROUP_GET_STATUS");
  return GroupStatus{(status.flags & uapi::kVfioGroupFlagsViable) != 0,
                     (status.flags & uapi::kVfioGroupFlagsContainerSet) != 0};
}

Status Group::setContainer(const std::shared_ptr<Container>& container) {
  std::lock_guard lock(mutex_);
  return setContainerLocked(container);
}

Status Group::setContainerLocked(const std::shared_ptr<Container>& container) {
  if (container_ == container) return Status::success();
  if (container_) {
    return Failure::system(EBUSY, "", "VFIO_GROUP_SET_CONTAINER",
                           "the group is in another container of this process");
  }
  auto status = statusLocked();
  if (!status) return std::move(status).failure();
  if (!status->viable) {
    // What the kernel answers too when the group's DMA ownership is refused, but here with the reason.
    return Failure::system(
        EPERM, "ioctl", "VFIO_GROUP_GET_STATUS",
        "group " + std::to_string(name_.number) +
            " is not viable: another of its devices is bound to a driver that is not VFIO's");
  }
  int32_t fd = container->descriptor();
  const int result = retryInterrupted(
      [&] { return sys_.ioctl(fd_.get(), uapi::kVfioGroupSetContainer, static_cast<void*>(&fd)); });
  if (result < 0) return ioctlFailure(result, "VFIO_GROUP_SET_CONTAINER");
  container_ = container;
  container_->groupAttached();
  return Status::success();
}

Status Group::unsetContainer() {
  std::lock_guard lock(mutex_);
  return unsetContainerLocked();
}

Status Group::unsetContainerLocked() {
  const int result =
      retryInterrupted([&] { return sys_.ioctl(fd_.get(), uapi::kVfioGroupUnsetContainer, uint64_t{0}); });
  if (result < 0) return ioctlFailure(result, "VFIO_GROUP_UNSET_CONTAINER");
  if (container_) container_->groupDetached();
  container_.reset();
  return Status::success();
}

Status Group::adoptContainer(std::shared_ptr<Container> container) {
  std::lock_guard lock(mutex_);
  if (container_) return Status::success();
  auto status = statusLocked();
  if (!status) return std::move(status).failure();
  if (!status->containerSet) return Status::success();
  container_ = std::move(container);
  container_->groupAttached();
  return Status::success();
}

std::shared_ptr<Container> Group::container() const {
  std::lock_guard lock(mutex_);
  return container_;
}

Status Group::prepare(const std::shared_ptr<Container>& container, NoIommu noIommu) {
  std::lock_guard lock(mutex_);
  const bool attachedBefore = container_ != nullptr;
  std::shared_ptr<Container> wanted = container ? container : container_;
  if (!wanted) {
    auto opened = Container::open(sys_);
    if (!opened) return std::move(opened).failure();
    wanted = std::move(opened).value();
  }
  if (auto set = setContainerLocked(wanted); !set) return set;
  auto iommu = wanted->setBestIommu(noIommu);
  if (!iommu && !attachedBefore) {
    // The first failure is the one to report; should this one fail too, the group's close undoes both.
    if (auto undone = unsetContainerLocked(); !undone) return iommu;
  }
  return iommu;
}

Result<Descriptor> Group::deviceDescriptor(const std::string& device) {
  constexpr size_t kLongestName = 4095;  // the kernel copies a page at most, the NUL included
  if (device.empty() || device.size() > kLongestName || device.find('\0') != std::string::npos) {
    return Failure::because(Reason::kInvalidArgument, "VFIO_GROUP_GET_DEVICE_FD", "not a device name");
  }
  std::string name = device;
  const int fd = retryInterrupted(
      [&] { return sys_.ioctl(fd_.get(), uapi::kVfioGroupGetDeviceFd, static_cast<void*>(name.data())); });
  // Not what follows the first blank: a VF token is a secret.
  if (fd < 0) return ioctlFailure(fd, "VFIO_GROUP_GET_DEVICE_FD " + device.substr(0, device.find(' ')));
  return Descriptor(sys_, fd);
}

}  // namespace vfm::kernel
