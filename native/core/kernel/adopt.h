// SPDX-License-Identifier: MIT
// VFIO descriptors that somebody else opened: inherited, received over a socket, or taken from a process.
//
// Each is identified before its first ioctl (see descriptor_kind.h). What is adopted is a close-on-exec
// duplicate; the original stays the caller's, unless it is taken over.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/kernel/container.h"
#include "core/kernel/descriptor_kind.h"
#include "core/kernel/group.h"
#include "core/kernel/kernel_device.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

enum class Adoption : uint8_t {
  kDuplicate,  // the caller keeps its descriptor and closes it when it likes
  kTakeOver    // it is ours from success on, close-on-exec set; on failure still the caller's
};

// Reason::kInvalidArgument with what it is instead, when it is no VFIO device. EBADF: not open. EINVAL from
// VFIO_DEVICE_GET_INFO: /dev/vfio/devices/vfioN that its owner has not bound to an iommufd. `group` is the
// device's own, where it was handed over too, else null: the kernel keeps the group open as long as the
// device, but no other descriptor of it can be had.
Result<std::shared_ptr<KernelDevice>> adoptDevice(Sys& sys, int fd, Adoption adoption,
                                                  std::shared_ptr<Group> group = nullptr);

// Checks VFIO_GET_API_VERSION, and finds out which IOMMU the container has by asking it (VFIO_IOMMU_GET_INFO,
// and a VFIO_IOMMU_DIRTY_PAGES that no type takes: EACCES is TYPE1, EINVAL TYPE1v2).
Result<std::shared_ptr<Container>> adoptContainer(Sys& sys, int fd);

// The group that is open in this process already, if it is: a group is open once per machine, so any
// descriptor of it is the same. `container` is the one that its former owner put it into, or null; the kernel
// tells nobody which that is.
Result<std::shared_ptr<Group>> adoptGroup(Sys& sys, int fd, std::shared_ptr<Container> container);

// Descriptor `fd` of process `pid`, by pidfd_open(2) and pidfd_getfd(2). EPERM: the kernel wants the access
// that a debugger has. ESRCH: no such process. EBADF: it has no such descriptor. ENOSYS before Linux 5.6.
Result<Descriptor> takeFromProcess(Sys& sys, int pid, int fd);

}  // namespace vfm::kernel
