// SPDX-License-Identifier: MIT
// What a descriptor is that somebody else opened, found out without an ioctl.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

// What a descriptor is, before anything is asked of it: ioctl numbers mean different things on containers,
// groups and devices (VFIO_BASE + 13 maps DMA on the one and resets the bus on the other), so a wrong guess
// is not harmless.
enum class DescriptorKind : uint8_t {
  kGroupDevice,    // a device from VFIO_GROUP_GET_DEVICE_FD
  kDeviceNode,     // /dev/vfio/devices/vfioN
  kContainer,      // /dev/vfio/vfio
  kGroup,          // /dev/vfio/N
  kIommufd,        // /dev/iommu
  kMigrationData,  // what a v2 state change returned
  kOther
};

struct DescriptorIdentity {
  DescriptorKind kind = DescriptorKind::kOther;
  // The node's name in sysfs ("vfio0", "12", "noiommu-3") or what the kernel calls the anonymous inode; empty
  // for anything else.
  std::string name;
};

// By the name in /proc/self/fd ("anon_inode:[vfio-device]" for a device from a group, "anon_inode:..._mig"
// for the data of most drivers) and, for a character device, by its class in /sys/dev/char ("vfio-dev").
// EBADF: not open. ENOENT: /sys or /proc is not there to tell.
Result<DescriptorIdentity> identifyDescriptor(Sys& sys, int fd);

// For errors: "a VFIO container".
const char* describe(DescriptorKind kind);

// Reason::kInvalidArgument, saying what it is instead, unless it is a `wanted`.
Result<DescriptorIdentity> requireKind(Sys& sys, int fd, DescriptorKind wanted);

}  // namespace vfm::kernel
