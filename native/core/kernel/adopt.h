// SPDX-License-Identifier: MIT
// A device descriptor that somebody else opened: inherited, or received over a socket.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/kernel/kernel_device.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

enum class Adoption : uint8_t {
  kDuplicate,  // the caller keeps its descriptor and closes it when it likes
  kTakeOver    // it is ours from success on, close-on-exec set; on failure still the caller's
};

// What a descriptor is, before anything is asked of it: ioctl numbers mean different things on containers,
// groups and devices (VFIO_BASE + 13 maps DMA on the one and resets the bus on the other), so a wrong guess
// is not harmless.
enum class DescriptorKind : uint8_t { kGroupDevice, kDeviceNode, kContainer, kGroup, kIommufd, kOther };

// By the name in /proc/self/fd ("anon_inode:[vfio-device]" for a device from a group) and, for a character
// device, by its class in /sys/dev/char ("vfio-dev"). EBADF: not open.
Result<DescriptorKind> identifyDescriptor(Sys& sys, int fd);

// Reason::kInvalidArgument with what it is instead, when it is no VFIO device. EBADF: not open. EINVAL from
// VFIO_DEVICE_GET_INFO: /dev/vfio/devices/vfioN that its owner has not bound to an iommufd.
Result<std::shared_ptr<KernelDevice>> adoptDevice(Sys& sys, int fd, Adoption adoption);

}  // namespace vfm::kernel
