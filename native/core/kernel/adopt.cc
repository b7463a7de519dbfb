// SPDX-License-Identifier: MIT
#include "core/kernel/adopt.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string>
#include <string_view>

namespace vfm::kernel {
namespace {

Result<std::string> readLink(Sys& sys, const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = sys.readlink(path.c_str(), target, sizeof(target));
  if (length < 0) return Failure::system(static_cast<int>(-length), "readlink", path);
  return std::string(target, static_cast<size_t>(length));
}

bool beginsWith(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

const char* describe(DescriptorKind kind) {
  switch (kind) {
    case DescriptorKind::kContainer:
      return "a VFIO container";
    case DescriptorKind::kGroup:
      return "a VFIO group (a device descriptor is made from it)";
    case DescriptorKind::kIommufd:
      return "an iommufd";
    default:
      return "no VFIO device";
  }
}

Result<DescriptorKind> classOfNode(Sys& sys, dev_t number) {
  const std::string node =
      "/sys/dev/char/" + std::to_string(major(number)) + ":" + std::to_string(minor(number));
  auto subsystem = readLink(sys, node + "/subsystem");
  if (!subsystem) return std::move(subsystem).failure();
  const std::string name = subsystem->substr(subsystem->rfind('/') + 1);
  if (name == "vfio-dev") return DescriptorKind::kDeviceNode;
  if (name == "vfio") return DescriptorKind::kGroup;
  if (name != "misc") return DescriptorKind::kOther;
  auto device = readLink(sys, node);  // ".../devices/virtual/misc/vfio"
  if (!device) return std::move(device).failure();
  const std::string misc = device->substr(device->rfind('/') + 1);
  if (misc == "vfio") return DescriptorKind::kContainer;
  if (misc == "iommu") return DescriptorKind::kIommufd;
  return DescriptorKind::kOther;
}

}  // namespace

Result<DescriptorKind> identifyDescriptor(Sys& sys, int fd) {
  struct stat status {};
  const int stated = sys.fstat(fd, &status);
  if (stated < 0) return Failure::system(-stated, "fstat", "descriptor " + std::to_string(fd));
  if (S_ISCHR(status.st_mode)) return classOfNode(sys, status.st_rdev);
  // The name of an anonymous inode cannot be forged by a file: those have a path, which begins with '/' (or
  // with the name of the kind of socket or pipe).
  auto name = readLink(sys, "/proc/self/fd/" + std::to_string(fd));
  if (!name) return std::move(name).failure();
  return beginsWith(*name, "anon_inode:[vfio-device]") ? DescriptorKind::kGroupDevice
                                                       : DescriptorKind::kOther;
}

Result<std::shared_ptr<KernelDevice>> adoptDevice(Sys& sys, int fd, Adoption adoption) {
  const std::string operation = "adoption of descriptor " + std::to_string(fd);
  if (fd < 0) return Failure::because(Reason::kInvalidArgument, operation, "not a descriptor");
  auto kind = identifyDescriptor(sys, fd);
  if (!kind) return std::move(kind).failure();
  if (*kind != DescriptorKind::kGroupDevice && *kind != DescriptorKind::kDeviceNode) {
    return Failure::because(Reason::kInvalidArgument, operation, std::string("it is ") + describe(*kind));
  }

  const int duplicate = sys.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return Failure::system(-duplicate, "fcntl", operation);
  auto handle = std::make_shared<DeviceHandle>(sys, nullptr, Descriptor(sys, duplicate));
  auto device = std::make_shared<KernelDevice>(std::move(handle));
  auto info = device->info();
  if (!info) {
    Failure failure = std::move(info).failure();
    if (*kind == DescriptorKind::kDeviceNode && failure.error == EINVAL) {
      failure.detail = "the device node is not bound to an iommufd: its owner must do that first";
    }
    return failure;
  }
  // Taking over is duplicating and closing the original: nothing changes hands before all is known to be
  // well.
  if (adoption == Adoption::kTakeOver) sys.close(fd);
  return device;
}

}  // namespace vfm::kernel
