// SPDX-License-Identifier: MIT
#include "core/kernel/adopt.h"

#include <fcntl.h>

#include <cstdlib>
#include <string>

#include "core/kernel/group_registry.h"
#include "uapi/container.h"
#include "uapi/type1.h"

namespace vfm::kernel {
namespace {

std::string adoptionOf(int fd) { return "adoption of descriptor " + std::to_string(fd); }

Result<Descriptor> duplicate(Sys& sys, int fd) {
  const int copy = sys.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Failure::system(-copy, "fcntl", adoptionOf(fd));
  return Descriptor(sys, copy);
}

// What of the IOMMU of an adopted container can be found out. None: no group is in it, or the IOMMU is of a
// kind that nobody here knows.
std::optional<uint32_t> iommuOf(Sys& sys, int fd) {
  uapi::VfioIommuType1Info info{};
  info.argsz = sizeof(info);
  const int got =
      retryInterrupted([&] { return sys.ioctl(fd, uapi::kVfioIommuGetInfo, static_cast<void*>(&info)); });
  if (got == -ENOTTY) return uapi::kVfioNoiommuIommu;
  if (got < 0) return std::nullopt;
  uapi::VfioIommuType1DirtyBitmap both{};
  both.argsz = sizeof(both);
  both.flags = uapi::kVfioIommuDirtyPagesFlagStart | uapi::kVfioIommuDirtyPagesFlagStop;
  const int asked =
      retryInterrupted([&] { return sys.ioctl(fd, uapi::kVfioIommuDirtyPages, static_cast<void*>(&both)); });
  return asked == -EACCES ? uapi::kVfioType1Iommu : uapi::kVfioType1v2Iommu;
}

// "12" or "noiommu-12", as sysfs names a group's node.
std::optional<GroupName> parseGroupName(const std::string& name) {
  constexpr char kPrefix[] = "noiommu-";
  const bool noIommu = name.rfind(kPrefix, 0) == 0;
  const std::string digits = noIommu ? name.substr(sizeof(kPrefix) - 1) : name;
  if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return GroupName{static_cast<uint32_t>(std::strtoul(digits.c_str(), nullptr, 10)), noIommu};
}

}  // namespace

Result<std::shared_ptr<KernelDevice>> adoptDevice(Sys& sys, int fd, Adoption adoption,
                                                  std::shared_ptr<Group> group) {
  if (fd < 0) return Failure::because(Reason::kInvalidArgument, adoptionOf(fd), "not a descriptor");
  auto identity = identifyDescriptor(sys, fd);
  if (!identity) return std::move(identity).failure();
  const DescriptorKind kind = identity->kind;
  if (kind != DescriptorKind::kGroupDevice && kind != DescriptorKind::kDeviceNode) {
    return Failure::because(Reason::kInvalidArgument, adoptionOf(fd),
                            std::string("it is ") + describe(kind) + ", not a VFIO device");
  }

  auto copy = duplicate(sys, fd);
  if (!copy) return std::move(copy).failure();
  auto handle = std::make_shared<DeviceHandle>(sys, std::move(group), std::move(copy).value());
  auto device = std::make_shared<KernelDevice>(std::move(handle));
  auto info = device->info();
  if (!info) {
    Failure failure = std::move(info).failure();
    if (kind == DescriptorKind::kDeviceNode && failure.error == EINVAL) {
      failure.detail = "the device node is not bound to an iommufd: its owner must do that first";
    }
    return failure;
  }
  // Taking over is duplicating and closing the original: nothing changes hands before all is known to be
  // well.
  if (adoption == Adoption::kTakeOver) sys.close(fd);
  return device;
}

Result<std::shared_ptr<Container>> adoptContainer(Sys& sys, int fd) {
  auto identity = requireKind(sys, fd, DescriptorKind::kContainer);
  if (!identity) return std::move(identity).failure();
  auto copy = duplicate(sys, fd);
  if (!copy) return std::move(copy).failure();
  return Container::over(sys, std::move(copy).value(), iommuOf(sys, fd));
}

Result<std::shared_ptr<Group>> adoptGroup(Sys& sys, int fd, std::shared_ptr<Container> container) {
  auto identity = requireKind(sys, fd, DescriptorKind::kGroup);
  if (!identity) return std::move(identity).failure();
  const auto name = parseGroupName(identity->name);
  if (!name) {
    return Failure::because(Reason::kMalformed, adoptionOf(fd), "a group called " + identity->name);
  }
  auto group =
      GroupRegistry::instance().findOrOpen(sys, name->path(), [&]() -> Result<std::unique_ptr<Group>> {
        auto copy = duplicate(sys, fd);
        if (!copy) return std::move(copy).failure();
        return std::make_unique<Group>(sys, *name, std::move(copy).value());
      });
  if (!group) return group;
  if (container) {
    auto joined = (*group)->adoptContainer(std::move(container));
    if (!joined) return std::move(joined).failure();
  }
  return group;
}

Result<Descriptor> takeFromProcess(Sys& sys, int pid, int fd) {
  const std::string operation = "descriptor " + std::to_string(fd) + " of process " + std::to_string(pid);
  const int opened = sys.pidfdOpen(pid);
  if (opened < 0) return Failure::system(-opened, "pidfd_open", operation);
  const Descriptor process(sys, opened);
  const int taken = sys.pidfdGetfd(process.get(), fd);
  if (taken < 0) return Failure::system(-taken, "pidfd_getfd", operation);
  return Descriptor(sys, taken);
}

}  // namespace vfm::kernel
