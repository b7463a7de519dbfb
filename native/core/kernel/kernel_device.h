// SPDX-License-Identifier: MIT
// A device behind a kernel's VFIO device descriptor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "core/device/device.h"
#include "core/kernel/device_handle.h"

namespace vfm::kernel {

// Beyond what device.h promises: a session that outlives its device stays readable as long as the kernel lets
// it, a mapping keeps the group (not the device's descriptor) and with it the device alive in the kernel.
class KernelDevice final : public Device {
 public:
  explicit KernelDevice(std::shared_ptr<DeviceHandle> handle) : handle_(std::move(handle)) {}

  int descriptor() const override { return handle_->fd(); }
  // Null for an adopted device, and for one that was opened by its node.
  const std::shared_ptr<Group>& group() const { return handle_->group(); }
  // Null unless it was opened by its node.
  const std::shared_ptr<CdevBinding>& binding() const { return handle_->binding(); }

  std::vector<Companion> companions() const override;

  Result<DeviceInfo> info() override;
  Result<RegionInfo> regionInfo(uint32_t index) override;
  // Asked of the kernel once per index: masking and unmasking check against it every time.
  Result<IrqInfo> irqInfo(uint32_t index) override;
  Status setIrqs(const IrqRequest& request) override;
  Status setIoeventfd(const IoeventfdRequest& request) override;
  Status reset() override;
  Result<HotResetInfo> hotResetInfo() override;
  Status hotReset(const std::vector<int>& groups) override;
  Result<size_t> readRegion(uint32_t index, uint64_t offset, Bytes into) override;
  Result<size_t> writeRegion(uint32_t index, uint64_t offset, ConstBytes from) override;
  Result<std::shared_ptr<Mapping>> map(uint32_t index, Area area, Protection protection) override;

  Result<uint64_t> migrationFlags() override;
  Result<uint32_t> migrationState() override;
  // Refused without a SET: from the error state (EINVAL; the kernel would warn, which panics some machines),
  // and into a state that carries data when the process has no descriptor left for it (EMFILE). A SET that
  // fails with EMFILE or EFAULT may still have entered the state; what migrationState() says then is true,
  // and there is no session: leave the state before trying again.
  Result<StateChange> setMigrationState(uint32_t state) override;
  Result<uint64_t> migrationDataSize() override;
  // Reason::kInvalidArgument when `fd` is no migration data. Whose data it is nobody can tell: it must have
  // come with the device.
  Result<std::unique_ptr<Session>> adoptSession(int fd) override;
  Status feature(uint32_t flags, Bytes payload) override;

  // One log at a time: a second start is EINVAL, or EEXIST. ENOTTY: the driver has none.
  Result<uint64_t> startDmaLog(const std::vector<IovaRange>& ranges, uint64_t pageSize) override;
  Status reportDmaLog(DirtyBitmap& into) override;
  Status stopDmaLog() override;

  // That of the container its group is in, or the IOAS it is attached to; null for an adopted device.
  std::shared_ptr<AddressSpace> addressSpace() override;
  Status attach(std::shared_ptr<AddressSpace> space) override;
  Status detach() override;

 private:
  Result<RegionInfo> queryRegion(uint32_t index);
  // Where in the descriptor the access begins, once it is known to lie in the region.
  Result<uint64_t> locate(uint32_t index, uint64_t offset, size_t size, const char* operation);
  Result<Descriptor> acceptDataDescriptor(int fd, uint32_t state);

  std::shared_ptr<DeviceHandle> handle_;
  std::mutex regionsMutex_;  // of regions_ only, never held over a system call
  std::map<uint32_t, RegionInfo> regions_;
  std::mutex irqsMutex_;  // likewise
  std::map<uint32_t, IrqInfo> irqs_;
};

}  // namespace vfm::kernel
