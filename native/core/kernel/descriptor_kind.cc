// SPDX-License-Identifier: MIT
#include "core/kernel/descriptor_kind.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string_view>

namespace vfm::kernel {
namespace {

constexpr std::string_view kAnonymous = "anon_inode:";

Result<std::string> readLink(Sys& sys, const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = sys.readlink(path.c_str(), target, sizeof(target));
  if (length < 0) return Failure::system(static_cast<int>(-length), "readlink", path);
  return std::string(target, static_cast<size_t>(length));
}

std::string lastPart(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<DescriptorIdentity> identifyNode(Sys& sys, dev_t number) {
  const std::string node =
      "/sys/dev/char/" + std::to_string(major(number)) + ":" + std::to_string(minor(number));
  auto subsystem = readLink(sys, node + "/subsystem");
  if (!subsystem) return std::move(subsystem).failure();
  const std::string type = lastPart(*subsystem);
  if (type != "vfio-dev" && type != "vfio" && type != "misc") return DescriptorIdentity{};
  auto device = readLink(sys, node);  // ".../devices/virtual/misc/vfio"
  if (type == "vfio-dev") {
    return DescriptorIdentity{DescriptorKind::kDeviceNode, device ? lastPart(*device) : std::string()};
  }
  if (!device) return std::move(device).failure();
  std::string name = lastPart(*device);
  if (type == "vfio") return DescriptorIdentity{DescriptorKind::kGroup, std::move(name)};
  if (name == "vfio") return DescriptorIdentity{DescriptorKind::kContainer, std::move(name)};
  if (name == "iommu") return DescriptorIdentity{DescriptorKind::kIommufd, std::move(name)};
  return DescriptorIdentity{};
}

// Drivers are free in what they call their data: all of 6.12's say "mig" but for pds.
bool namesMigrationData(std::string_view name) {
  return name.find("mig") != std::string_view::npos || name == "pds_vfio_lm";
}

}  // namespace

Result<DescriptorIdentity> identifyDescriptor(Sys& sys, int fd) {
  struct stat status {};
  const int stated = sys.fstat(fd, &status);
  if (stated < 0) return Failure::system(-stated, "fstat", "descriptor " + std::to_string(fd));
  if (S_ISCHR(status.st_mode)) return identifyNode(sys, status.st_rdev);
  // The name of an anonymous inode cannot be forged by a file: those have a path, which begins with '/' (or
  // with the name of the kind of socket or pipe).
  auto link = readLink(sys, "/proc/self/fd/" + std::to_string(fd));
  if (!link) return std::move(link).failure();
  const std::string_view target = *link;
  if (target.substr(0, kAnonymous.size()) != kAnonymous) return DescriptorIdentity{};
  const std::string_view name = target.substr(kAnonymous.size());
  if (name == "[vfio-device]") return DescriptorIdentity{DescriptorKind::kGroupDevice, std::string(name)};
  return DescriptorIdentity{
      namesMigrationData(name) ? DescriptorKind::kMigrationData : DescriptorKind::kOther, std::string(name)};
}

const char* describe(DescriptorKind kind) {
  switch (kind) {
    case DescriptorKind::kGroupDevice:
    case DescriptorKind::kDeviceNode:
      return "a VFIO device";
    case DescriptorKind::kContainer:
      return "a VFIO container";
    case DescriptorKind::kGroup:
      return "a VFIO group (a device descriptor is made from it)";
    case DescriptorKind::kIommufd:
      return "an iommufd";
    case DescriptorKind::kMigrationData:
      return "the data of a save or load";
    case DescriptorKind::kOther:
      break;
  }
  return "nothing of VFIO's";
}

Result<DescriptorIdentity> requireKind(Sys& sys, int fd, DescriptorKind wanted) {
  const std::string operation = "adoption of descriptor " + std::to_string(fd);
  if (fd < 0) return Failure::because(Reason::kInvalidArgument, operation, "not a descriptor");
  auto identity = identifyDescriptor(sys, fd);
  if (identity && identity->kind != wanted) {
    return Failure::because(Reason::kInvalidArgument, operation,
                            std::string("it is ") + describe(identity->kind) + ", not " + describe(wanted));
  }
  return identity;
}

}  // namespace vfm::kernel
