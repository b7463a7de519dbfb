// SPDX-License-Identifier: MIT
// A device that has nothing but what a simulated one may lack: DMA into the address space it is attached to,
// and interrupts.
#pragma once

#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/device/device.h"

namespace vfm {

// Region 0, 8 bytes wide: 0 IOVA, 8 length, 16 write so many bytes of the value given, 24 read so many and
// keep their sum, 32 that sum, 40 raise interrupt (index 2, vector).
class BusMaster final : public Device {
 public:
  int descriptor() const override { return descriptor_; }
  Result<DeviceInfo> info() override { return DeviceInfo{1, 1, 5}; }
  Result<RegionInfo> regionInfo(uint32_t index) override {
    RegionInfo region;
    region.index = index;
    region.size = 64;
    region.flags = 3;
    return region;
  }
  Result<IrqInfo> irqInfo(uint32_t index) override { return IrqInfo{index, 1, index == 2 ? 4u : 0u}; }
  Status setIrqs(const IrqRequest& request) override {
    std::lock_guard lock(mutex_);
    requests.push_back(request);
    if (const auto* descriptors = std::get_if<IrqDescriptors>(&request.data)) {
      for (size_t i = 0; i < descriptors->size(); ++i) {
        const int fd = (*descriptors)[i];
        vectors_[request.start + i].reset(fd < 0 ? -1 : ::dup(fd));
      }
    }
    const auto* all = std::get_if<IrqsAll>(&request.data);
    if (all && all->count == 0) {
      for (UniqueFd& vector : vectors_) vector.reset();
    }
    return {};
  }
  Status reset() override { return {}; }
  Result<size_t> readRegion(uint32_t, uint64_t offset, Bytes into) override {
    std::memcpy(into.data, registers_ + offset / 8, into.size);
    return into.size;
  }
  Result<size_t> writeRegion(uint32_t, uint64_t offset, ConstBytes from) override {
    uint64_t value = 0;
    std::memcpy(&value, from.data, from.size);
    if (offset == 16 || offset == 24) {
      std::vector<uint8_t> bytes(registers_[1], static_cast<uint8_t>(value));
      const auto space = addressSpace();
      if (!space) return Failure::system(EIO, "", "DMA");
      Status done = offset == 16 ? space->write(registers_[0], {bytes.data(), bytes.size()})
                                 : space->read(registers_[0], Bytes{bytes.data(), bytes.size()});
      if (!done) return std::move(done).failure();
      registers_[4] = 0;
      for (const uint8_t byte : bytes) registers_[4] += byte;
    } else if (offset == 40) {
      const uint64_t one = 1;
      if (value < 4 && vectors_[value].valid() && ::write(vectors_[value].get(), &one, sizeof one) < 0)
        return Failure::system(errno, "write", "interrupt");
    } else {
      registers_[offset / 8] = value;
    }
    return from.size;
  }
  Result<std::shared_ptr<Mapping>> map(uint32_t, Area, Protection) override {
    return Failure::system(EINVAL, "mmap", "mmap of a region");
  }
  Result<uint64_t> migrationFlags() override { return Failure::system(ENOTTY, "ioctl", "migration"); }
  Result<uint32_t> migrationState() override { return Failure::system(ENOTTY, "ioctl", "migration"); }
  Result<StateChange> setMigrationState(uint32_t) override {
    return Failure::system(ENOTTY, "ioctl", "migration");
  }
  Result<uint64_t> migrationDataSize() override { return Failure::system(ENOTTY, "ioctl", "migration"); }
  std::shared_ptr<AddressSpace> addressSpace() override {
    std::lock_guard lock(mutex_);
    return space_;
  }
  Status attach(std::shared_ptr<AddressSpace> space) override {
    std::lock_guard lock(mutex_);
    space_ = std::move(space);
    return {};
  }
  Status detach() override { return attach(nullptr); }
  Status feature(uint32_t, Bytes) override { return Failure::system(ENOTTY, "ioctl", "feature"); }

  bool armed() {
    std::lock_guard lock(mutex_);
    for (const UniqueFd& vector : vectors_) {
      if (vector.valid()) return true;
    }
    return false;
  }

  std::vector<IrqRequest> requests;
  int descriptor_ = -1;  // as if it were the kernel's

 private:
  std::mutex mutex_;
  UniqueFd vectors_[4];
  uint64_t registers_[8] = {};
  std::shared_ptr<AddressSpace> space_;
};

}  // namespace vfm
