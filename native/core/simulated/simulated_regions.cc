// SPDX-License-Identifier: MIT
// What a simulated device says about its regions, and what happens in them.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/simulated/simulated_device.h"
#include "uapi/device.h"
#include "uapi/migration_v1.h"
#include "uapi/pci.h"
#include "uapi/region.h"

namespace vfm {

namespace {

constexpr uint32_t kBar0 = uapi::kVfioPciBar0RegionIndex;
constexpr uint32_t kBar2 = uapi::kVfioPciBar2RegionIndex;
constexpr uint32_t kConfig = uapi::kVfioPciConfigRegionIndex;
constexpr uint32_t kPciRegions = uapi::kVfioPciNumRegions;
constexpr uint32_t kMigration = kPciRegions;  // the first of the device's own
constexpr uint32_t kIrqs = uapi::kVfioPciNumIrqs;

// Bulk accesses are cut here: nobody else gets at the device while one is in progress.
constexpr size_t kMostBytes = 4u << 20;

}  // namespace

Result<DeviceInfo> SimulatedDevice::info() {
  Lock lock(mutex_);
  if (Status fine = trouble(lock, Operation::kInfo, {}, "ioctl", "VFIO_DEVICE_GET_INFO"); !fine.ok()) {
    return std::move(fine).failure();
  }
  return DeviceInfo{uapi::kVfioDeviceFlagsReset | uapi::kVfioDeviceFlagsPci,
                    v1_ ? kMigration + 1 : kPciRegions, kIrqs};
}

Result<RegionInfo> SimulatedDevice::describe(uint32_t index) {
  RegionInfo region;
  region.index = index;
  region.offset = uint64_t{index} << 40;
  uint32_t readWrite = uapi::kVfioRegionInfoFlagRead | uapi::kVfioRegionInfoFlagWrite;
  switch (index) {
    case kBar0:
      region.size = kRegistersBytes;
      region.flags = readWrite;
      break;
    case kBar2:
      region.size = machine_->memoryBytes();
      region.flags = readWrite;
      break;
    case kConfig:
      region.size = ConfigSpace::kBytes;
      region.flags = readWrite;
      break;
    case kMigration:
      if (!v1_) return Failure::system(EINVAL, "ioctl", "VFIO_DEVICE_GET_REGION_INFO", "no region 9");
      region.size = v1_->store().regionBytes();
      region.mappable = v1_->store().mappable();
      region.type =
          RegionType{uapi::kVfioRegionTypeMigrationDeprecated, uapi::kVfioRegionSubtypeMigrationDeprecated};
      region.flags = readWrite | uapi::kVfioRegionInfoFlagCaps;
      region.capabilities = {uint16_t{uapi::kVfioRegionInfoCapType}};
      if (!region.mappable.empty()) {
        region.flags |= uapi::kVfioRegionInfoFlagMmap;
        region.capabilities = {uint16_t{uapi::kVfioRegionInfoCapSparseMmap},
                               uint16_t{uapi::kVfioRegionInfoCapType}};
      }
      break;
    default:
      if (index >= kPciRegions) {
        return Failure::system(EINVAL, "ioctl", "VFIO_DEVICE_GET_REGION_INFO",
                               "no region " + std::to_string(index));
      }
      break;
  }
  return region;
}

Result<RegionInfo> SimulatedDevice::regionInfo(uint32_t index) {
  Lock lock(mutex_);
  const char* request = "VFIO_DEVICE_GET_REGION_INFO";
  if (Status fine = trouble(lock, Operation::kRegionInfo, std::to_string(index), "ioctl", request);
      !fine.ok()) {
    return std::move(fine).failure();
  }
  Result<RegionInfo> region = describe(index);
  if (!region.ok() || index != (v1_ ? kMigration : kBar2)) return region;
  region->size = faults_.claim("region-size", region->size);
  for (Area& area : region->mappable) {
    area.offset = faults_.claim("area-offset", area.offset);
    area.size = faults_.claim("area-size", area.size);
  }
  return region;
}

Result<std::shared_ptr<Mapping>> SimulatedDevice::map(uint32_t index, Area area, Protection protection) {
  Lock lock(mutex_);
  if (Status fine = trouble(lock, Operation::kMap, std::to_string(index), "mmap", "mmap of a region");
      !fine.ok()) {
    return std::move(fine).failure();
  }
  if (!v1_ || index != kMigration) {
    return Failure::system(EINVAL, "mmap", "mmap of a region",
                           "region " + std::to_string(index) + " is not mappable");
  }
  return v1_->store().map(area, protection);
}

Result<RegionDescriptor> SimulatedDevice::regionDescriptor(uint32_t index) {
  Lock lock(mutex_);
  if (Status open = checkOpen(); !open.ok()) return std::move(open).failure();
  if (!v1_ || index != kMigration || v1_->store().mappable().empty()) {
    return Failure::because(Reason::kUnsupported, "descriptor of a region",
                            "region " + std::to_string(index) + " is not mappable");
  }
  return v1_->store().descriptor();
}

int SimulatedDevice::accessRegisters(uint64_t offset, size_t size, uint8_t* into, const uint8_t* from) {
  if (MsixTable::holds(offset, size)) {
    if (into) machine_->msixTable().read(offset, {into, size});
    if (from) machine_->msixTable().write(offset, {from, size});
    return 0;
  }
  const RegisterLayout* layout = registerAt(offset, size);
  if (!layout) return EINVAL;
  if (machine_->activity() == Activity::kStopped) return EIO;
  if (into) return layout->readable ? machine_->readRegister(*layout, {into, size}) : EINVAL;
  uint64_t value = 0;
  std::memcpy(&value, from, size);
  return layout->writable ? machine_->writeRegister(*layout, value) : EINVAL;
}

// Exactly one of `into` and `from`: a read or a write.
Result<size_t> SimulatedDevice::accessRegion(uint32_t index, uint64_t offset, size_t size, uint8_t* into,
                                             const uint8_t* from) {
  const char* syscall = into ? "pread" : "pwrite";
  Operation operation = into ? Operation::kRegisterRead : Operation::kRegisterWrite;
  std::string request = std::string(into ? "read" : "write") + " of region " + std::to_string(index);
  Lock lock(mutex_);
  Result<RegionInfo> region = describe(index);
  if (!region.ok() || offset >= region->size || size == 0) return Failure::system(EINVAL, syscall, request);
  size = static_cast<size_t>(std::min<uint64_t>({size, region->size - offset, kMostBytes}));

  const char* name = nullptr;
  if (index == kBar0) {
    const RegisterLayout* layout = registerAt(offset, size);
    if (layout) name = layout->name;
    if (!layout && MsixTable::holds(offset, size)) name = "msix-table";
  } else if (index == kMigration) {
    name = MigrationV1::nameAt(offset, size);
  } else {
    name = index == kBar2 ? "memory" : "config";
  }
  if (!name) return Failure::system(EINVAL, syscall, request, "not one register in its own width");
  size_t moved = size;
  Status fine = trouble(lock, operation, name, syscall, request.c_str(), &moved);
  if (!fine.ok()) return std::move(fine).failure();
  // A register is read whole, whatever of it reaches the caller, and written whole or not at all.
  const bool isRegister = index == kBar0 || (index == kMigration && offset < DataStore::kHeaderBytes);
  if (!isRegister) size = moved;
  if (moved == 0 || (from && moved < size)) return moved;

  int error = 0;
  switch (index) {
    case kBar0:
      error = accessRegisters(offset, size, into, from);
      break;
    case kBar2:
      if (machine_->activity() == Activity::kStopped) {
        error = EIO;
      } else {
        error =
            into ? machine_->readMemory(offset, {into, size}) : machine_->writeMemory(offset, {from, size});
      }
      break;
    case kConfig:
      if (into) machine_->config().read(offset, {into, size});
      if (from && machine_->writeConfig(offset, {from, size})) error = resetAll();
      break;
    default:
      if (from && offset == MigrationV1::kDeviceState) {
        uint32_t value = 0;
        std::memcpy(&value, from, sizeof value);
        Status changed = changeStateV1(lock, value);
        if (!changed.ok()) return std::move(changed).failure();
      } else {
        error = into ? v1_->read(offset, {into, size}, faults_) : v1_->write(offset, {from, size});
      }
      break;
  }
  if (error != 0) return Failure::system(error, syscall, request, name);
  return moved;
}

Result<size_t> SimulatedDevice::readRegion(uint32_t index, uint64_t offset, Bytes into) {
  return accessRegion(index, offset, into.size, into.data, nullptr);
}

Result<size_t> SimulatedDevice::writeRegion(uint32_t index, uint64_t offset, ConstBytes from) {
  return accessRegion(index, offset, from.size, nullptr, from.data);
}

}  // namespace vfm
