// SPDX-License-Identifier: MIT
// /dev/iommu: address spaces and page tables as objects with ids, and the devices that are bound to them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

class Container;

// What the IOMMU behind a device is (IOMMU_GET_HW_INFO).
struct HwInfo {
  uint32_t type = 0;          // IOMMU_HW_INFO_TYPE_*: what `data` is the struct of
  uint64_t capabilities = 0;  // IOMMU_HW_CAP_*; 0 from kernels before 6.7, which know none
  uint8_t maxPasidLog2 = 0;   // 0: no PASIDs
  std::vector<uint8_t> data;  // as the kernel knows it

  bool dirtyTracking() const;
};

// Whom pinned memory is charged to (IOMMU_OPTION_RLIMIT_MODE).
enum class MemoryCharge : uint8_t { kUser, kProcess };

class Iommufd {
 public:
  // ENOENT: a kernel without iommufd; EACCES: no permission on the node. `sys` must outlive it.
  static Result<std::shared_ptr<Iommufd>> open(Sys& sys);
  // One that somebody else opened. It is duplicated. Reason::kInvalidArgument: it is something else.
  static Result<std::shared_ptr<Iommufd>> adopt(Sys& sys, int fd);

  Iommufd(Sys& sys, Descriptor fd) : sys_(sys), fd_(std::move(fd)) {}
  Iommufd(const Iommufd&) = delete;
  Iommufd& operator=(const Iommufd&) = delete;

  Sys& sys() const { return sys_; }
  int descriptor() const { return fd_.get(); }  // borrowed

  // IOMMU_DESTROY. EBUSY: something still uses the object; ENOENT: no such object.
  Status destroy(uint32_t id);

  Result<MemoryCharge> memoryCharge();
  // EBUSY once anything was made in this iommufd; EPERM without CAP_SYS_RESOURCE.
  Status setMemoryCharge(MemoryCharge charge);

  // `deviceId` as binding gave it. ENOENT for an emulated device (an mdev): no IOMMU is behind it.
  Result<HwInfo> hwInfo(uint32_t deviceId);

  // IOMMU_VFIO_IOAS: the address space that container ioctls on this descriptor work on. ENODEV: none is set.
  Result<uint32_t> compatIoas();
  Status setCompatIoas(uint32_t ioas);
  Status clearCompatIoas();

  // This iommufd as a container, for groups: it understands most of type1's requests, dirty tracking not
  // among them (ENOTTY). They work on the compatIoas, which the first group makes where there is none.
  Result<std::shared_ptr<Container>> container();

  // One request. `Command` is a struct of native/uapi whose first member is its size.
  template <typename Command>
  int call(uint32_t request, Command& command) const {
    command.size = sizeof(command);
    return retryInterrupted([&] { return sys_.ioctl(fd_.get(), request, static_cast<void*>(&command)); });
  }

 private:
  Sys& sys_;
  Descriptor fd_;
};

}  // namespace vfm::kernel
