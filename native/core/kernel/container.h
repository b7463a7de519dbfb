// SPDX-License-Identifier: MIT
// /dev/vfio/vfio: an IOMMU context that groups are put into.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "core/base/result.h"
#include "core/kernel/sys.h"

namespace vfm::kernel {

class Type1;

// Whether devices without any IOMMU behind them may be used. Such a device can write all of the machine's
// memory.
enum class NoIommu : uint8_t { kRefuse, kAllow };

class Container {
 public:
  // Opens /dev/vfio/vfio and checks VFIO_GET_API_VERSION. Another version: Reason::kVersion.
  // `sys` must outlive the container.
  static Result<std::shared_ptr<Container>> open(Sys& sys);

  // Over a descriptor of /dev/vfio/vfio that somebody else opened, with the IOMMU that is set in it.
  static Result<std::shared_ptr<Container>> over(Sys& sys, Descriptor fd, std::optional<uint32_t> iommu);

  Container(Sys& sys, Descriptor fd);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  int descriptor() const { return fd_.get(); }  // borrowed

  // VFIO_GET_API_VERSION. open() has seen to it that this is 0.
  Result<uint32_t> apiVersion();

  // VFIO_CHECK_EXTENSION: 0 means no. Before an IOMMU is set it answers for any driver of the machine,
  // afterwards for the one that was set.
  Result<uint32_t> checkExtension(uint32_t extension);

  // VFIO_SET_IOMMU. A group must have been attached before (else EINVAL). Setting what is set already
  // succeeds; VFIO_NOIOMMU_IOMMU is Reason::kUnsupported unless allowed.
  Status setIommu(uint32_t type, NoIommu noIommu = NoIommu::kRefuse);

  // The best the container offers: TYPE1v2, TYPE1, and only if allowed the one without protection.
  Status setBestIommu(NoIommu noIommu);

  // The IOMMU type that is set; none before the first attached group and again after the last.
  std::optional<uint32_t> iommu() const;

  // What is mapped in it. Lives as long as the container: see Type1::of().
  Type1& type1() { return *type1_; }

 private:
  friend class Group;
  void groupAttached();
  void groupDetached();  // the kernel drops the IOMMU driver with the last group

  Status setIommuLocked(uint32_t type);

  Sys& sys_;
  std::unique_ptr<Type1> type1_;  // before fd_: memory is let go after the kernel has let go of it
  Descriptor fd_;
  mutable std::mutex mutex_;
  std::optional<uint32_t> iommu_;
  unsigned groups_ = 0;
};

}  // namespace vfm::kernel
