// SPDX-License-Identifier: MIT
// /dev/vfio/devices/vfioN: a device's own node, which lives with an iommufd instead of a group and container.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/result.h"
#include "core/kernel/ioas.h"
#include "core/kernel/iommufd.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

class KernelDevice;

// What a device node is bound to and attached to. Outlives the node's descriptor, and every mapping of the
// device: the kernel lets go of the page table with those.
class CdevBinding {
 public:
  CdevBinding(std::shared_ptr<Iommufd> iommufd, uint32_t deviceId)
      : iommufd_(std::move(iommufd)), deviceId_(deviceId) {}

  const std::shared_ptr<Iommufd>& iommufd() const { return iommufd_; }
  uint32_t deviceId() const { return deviceId_; }  // the iommufd's name for the device

  // VFIO_DEVICE_ATTACH_IOMMUFD_PT, to the IOAS itself, or with dirty tracking to a page table made for the
  // device. From another one it is moved without a moment between (emulated devices: with one). On failure it
  // stays where it was. Reason::kInvalidArgument: the IOAS is of another iommufd.
  Status attach(int device, const std::shared_ptr<Ioas>& ioas);
  // VFIO_DEVICE_DETACH_IOMMUFD_PT. Not attached: success.
  Status detach(int device);
  std::shared_ptr<Ioas> ioas() const;

 private:
  // In the order in which they must outlive one another.
  const std::shared_ptr<Iommufd> iommufd_;
  const uint32_t deviceId_;
  mutable std::mutex attaching_;  // held over the system calls: attachments of one device come one at a time
  mutable std::mutex mutex_;      // of ioas_ and hwpt_
  std::shared_ptr<Ioas> ioas_;
  std::shared_ptr<Hwpt> hwpt_;
};

// Opens the node and binds it (VFIO_DEVICE_BIND_IOMMUFD): the device is opened for the first time then, which
// resets a real one. It reaches no memory before it is attached to an IOAS. EINVAL: somebody has it open by
// its node, this process included; EBUSY: its group is open; ENOENT: no such device, or a kernel without
// device nodes. Reason::kInvalidArgument: `path` is something else.
Result<std::shared_ptr<KernelDevice>> openCdev(const std::shared_ptr<Iommufd>& iommufd,
                                               const std::string& path);

}  // namespace vfm::kernel
