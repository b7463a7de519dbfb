// SPDX-License-Identifier: MIT
// A VFIO device's descriptor with what must outlive it, and the one ioctl that device and sessions both need.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/kernel/cdev.h"
#include "core/kernel/group.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

class DeviceHandle {
 public:
  // `group` is null for a descriptor that came from elsewhere (whoever opened it holds its group).
  DeviceHandle(Sys& sys, std::shared_ptr<Group> group, Descriptor fd)
      : sys_(sys), group_(std::move(group)), fd_(std::move(fd)) {}
  // A device node, bound.
  DeviceHandle(Sys& sys, Descriptor fd, std::shared_ptr<CdevBinding> binding)
      : sys_(sys), binding_(std::move(binding)), fd_(std::move(fd)) {}

  Sys& sys() const { return sys_; }
  int fd() const { return fd_.get(); }
  const std::shared_ptr<Group>& group() const { return group_; }
  // Null for a device that was opened through its group, or by somebody else.
  const std::shared_ptr<CdevBinding>& binding() const { return binding_; }

  // What must stay for as long as the kernel has the device open: whoever else keeps it open (a mapping does)
  // keeps this.
  std::shared_ptr<const void> keeper() const {
    if (binding_) return binding_;
    return group_;
  }

  // VFIO_DEVICE_FEATURE. `payload` is replaced by the kernel's answer on success and left alone on failure.
  Status feature(uint32_t flags, Bytes payload, const char* operation) const;

  // GET of MIG_DEVICE_STATE. Waits in the kernel for a state change in progress.
  Result<uint32_t> migrationState() const;

  // Held while this process changes the device's state, so that a session can tell whether it may ask for the
  // state without being kept waiting.
  std::mutex& stateChange() const { return stateChange_; }

 private:
  Sys& sys_;
  mutable std::mutex stateChange_;
  // Before fd_: the device is closed, then its group and container, or its page table, IOAS and iommufd.
  std::shared_ptr<Group> group_;
  std::shared_ptr<CdevBinding> binding_;
  Descriptor fd_;
};

}  // namespace vfm::kernel
