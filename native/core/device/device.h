// SPDX-License-Identifier: MIT
// The seam: what any VFIO device does, whichever backend it lives in. Code above it never asks which.
//
// Thread safety every backend gives: all of it may be called from any thread. Calls of one device may wait
// for one another where the kernel's would (a state change holds back another state change and reading the
// state), but reset(), region access and a session's read and write never wait for a state change in
// progress.
#pragma once

#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/base/unique_fd.h"
#include "core/device/hot_reset.h"
#include "core/device/info.h"
#include "core/device/irqs.h"
#include "core/device/mapping.h"
#include "core/device/session.h"
#include "core/dma/address_space.h"

namespace vfm {

// What a successful state change brought.
struct StateChange {
  std::unique_ptr<Session> session;  // null inside the saving group and for states without data
};

// A descriptor besides the device's own. Whoever takes the device over can use the device without it, but
// needs it to map memory for DMA or to open another device of the group.
struct Companion {
  enum class Kind : uint8_t { kGroup, kContainer, kIommufd };
  Kind kind;
  int descriptor;  // borrowed
};

// What another process needs to map a region itself.
struct RegionDescriptor {
  UniqueFd fd;          // a duplicate
  uint64_t offset = 0;  // of the region's first byte in it
};

class Device {
 public:
  virtual ~Device() = default;

  // The device's descriptor, to hand to another process; -1 for backends without one. Borrowed.
  virtual int descriptor() const = 0;

  // Empty for backends without descriptors, and where somebody else keeps them.
  virtual std::vector<Companion> companions() const { return {}; }

  virtual Result<DeviceInfo> info() = 0;
  virtual Result<RegionInfo> regionInfo(uint32_t index) = 0;
  virtual Result<IrqInfo> irqInfo(uint32_t index) = 0;

  // VFIO_DEVICE_SET_IRQS. The eventfds in the request are real ones on every backend.
  virtual Status setIrqs(const IrqRequest& /*request*/) { return lacks("VFIO_DEVICE_SET_IRQS"); }

  virtual Status setIoeventfd(const IoeventfdRequest& /*request*/) { return lacks("VFIO_DEVICE_IOEVENTFD"); }

  // VFIO_DEVICE_RESET. Leads to running, ends every session, loses the device's state.
  virtual Status reset() = 0;

  // What a reset of the device's slot or bus would reset, and that reset. It leads each of them to where
  // reset() leads this one. `groups`: borrowed descriptors of IOMMU groups that somebody else opened.
  virtual Result<HotResetInfo> hotResetInfo() {
    return lacks("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO").failure();
  }
  virtual Status hotReset(const std::vector<int>& /*groups*/) { return lacks("VFIO_DEVICE_PCI_HOT_RESET"); }

  // One access (one pread or pwrite): a span of 1, 2, 4 or 8 bytes reaches the device as one access of that
  // width. May be short; the count says. Bulk callers loop, register callers take a short count as
  // Reason::kShortTransfer.
  virtual Result<size_t> readRegion(uint32_t index, uint64_t offset, Bytes into) = 0;
  virtual Result<size_t> writeRegion(uint32_t index, uint64_t offset, ConstBytes from) = 0;

  // `area` must lie in one of the region's mappable areas and begin on a page.
  virtual Result<std::shared_ptr<Mapping>> map(uint32_t index, Area area, Protection protection) = 0;

  // A descriptor that shows the region's mappable areas and gives its holder no other power over the device:
  // so never a kernel device's own, which takes ioctls. Reason::kUnsupported: there is none, or nothing of
  // the region is mappable.
  virtual Result<RegionDescriptor> regionDescriptor(uint32_t /*index*/) {
    return lacks("descriptor of a region").failure();
  }

  // v2. States and flags are the uAPI's numbers (native/uapi). ENOTTY: the driver has no migration.
  virtual Result<uint64_t> migrationFlags() = 0;
  virtual Result<uint32_t> migrationState() = 0;
  // On failure the state is unknown until migrationState() is read: the kernel echoes the request, not the
  // truth.
  virtual Result<StateChange> setMigrationState(uint32_t state) = 0;
  virtual Result<uint64_t> migrationDataSize() = 0;
  // The session that another holder of the device began, over a duplicate of its data descriptor.
  virtual Result<std::unique_ptr<Session>> adoptSession(int /*fd*/) {
    return lacks("adoption of a session").failure();
  }

  // The device's own log of the pages it writes (DMA logging). `ranges` whole pages of `pageSize`, not
  // overlapping; answers the page size that the device uses instead.
  virtual Result<uint64_t> startDmaLog(const std::vector<IovaRange>& /*ranges*/, uint64_t /*pageSize*/) {
    return lacks("VFIO_DEVICE_FEATURE SET DMA_LOGGING_START").failure();
  }
  // Adds to the bitmap and forgets what was reported. After a failure everything counts as dirty.
  virtual Status reportDmaLog(DirtyBitmap& /*into*/) {
    return lacks("VFIO_DEVICE_FEATURE GET DMA_LOGGING_REPORT");
  }
  virtual Status stopDmaLog() { return lacks("VFIO_DEVICE_FEATURE SET DMA_LOGGING_STOP"); }

  // Where the device's DMA goes; null while it is attached to nothing. The device holds it.
  virtual std::shared_ptr<AddressSpace> addressSpace() { return nullptr; }
  // Reason::kUnsupported: an address space of another backend, or a device that cannot change its own.
  virtual Status attach(std::shared_ptr<AddressSpace> /*space*/) {
    return lacks("attach to an address space");
  }
  virtual Status detach() { return lacks("detach from an address space"); }

  // VFIO_DEVICE_FEATURE as it is: `flags` holds the feature index and GET, SET or PROBE; `payload` goes in
  // and comes out.
  virtual Status feature(uint32_t flags, Bytes payload) = 0;

  // From any thread, when the owner is letting go: calls in progress return Reason::kCancelled as soon as the
  // backend can. The kernel cannot interrupt an ioctl, so there nothing happens before it returns.
  virtual void cancel() {}

 protected:
  static Status lacks(const char* what) {
    return Failure::because(Reason::kUnsupported, what, "this device has no such thing");
  }
};

}  // namespace vfm
