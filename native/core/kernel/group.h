// SPDX-License-Identifier: MIT
// /dev/vfio/N: the smallest set of devices the IOMMU can isolate, owned by one process at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/result.h"
#include "core/kernel/container.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

struct GroupName {
  uint32_t number = 0;
  bool noIommu = false;  // /dev/vfio/noiommu-N

  std::string path() const;
};

struct GroupStatus {
  bool viable = false;  // every device of the group is bound to VFIO or to nothing
  bool containerSet = false;
};

class Group {
 public:
  // The group's descriptor: the one this process has open already (see GroupRegistry), or a new one.
  // ENOENT: no such group; EACCES: no permission on the node; EBUSY: another process has it, or one of its
  // devices was opened through /dev/vfio/devices. A noiommu group is Reason::kUnsupported unless allowed.
  static Result<std::shared_ptr<Group>> open(Sys& sys, GroupName name, NoIommu noIommu = NoIommu::kRefuse);

  Group(Sys& sys, GroupName name, Descriptor fd) : sys_(sys), name_(name), fd_(std::move(fd)) {}
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  const GroupName& name() const { return name_; }
  int descriptor() const { return fd_.get(); }  // borrowed

  Result<GroupStatus> status();

  // Puts the group into the container (VFIO_GROUP_SET_CONTAINER) and holds it. In it already: success. In
  // another: EBUSY. Not viable: EPERM, before anything is changed.
  Status setContainer(const std::shared_ptr<Container>& container);
  // VFIO_GROUP_UNSET_CONTAINER. EBUSY while a device of the group is open, EINVAL when it is in none.
  Status unsetContainer();
  std::shared_ptr<Container> container() const;
  // The container that a former owner of the group's descriptor put it into. Nothing is changed; a group that
  // is in none, or whose container is known already, keeps what it has.
  Status adoptContainer(std::shared_ptr<Container> container);

  // Ready for devices: in `container` (null: the one it is in, or a new one) and that with an IOMMU. What
  // failed half-way is undone.
  Status prepare(const std::shared_ptr<Container>& container, NoIommu noIommu);

  // VFIO_GROUP_GET_DEVICE_FD. `device` is the kernel's name: PCI address, mdev UUID; drivers with tokens take
  // "0000:01:10.0 vf_token=UUID". ENODEV: no device of that name in the group; EINVAL: no container or no
  // IOMMU set. The caller owns the descriptor and must keep the group until it is closed.
  Result<Descriptor> deviceDescriptor(const std::string& device);

 private:
  Result<GroupStatus> statusLocked();
  Status setContainerLocked(const std::shared_ptr<Container>& container);
  Status unsetContainerLocked();

  Sys& sys_;
  const GroupName name_;
  mutable std::mutex mutex_;
  std::shared_ptr<Container> container_;  // before fd_: the container is closed after the group
  Descriptor fd_;
};

}  // namespace vfm::kernel
