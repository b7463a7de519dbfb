// SPDX-License-Identifier: MIT
// The registers of a v1 migration region (struct vfio_device_migration_info), each by exactly one access of
// its own width.
#pragma once

#include <cstdint>
#include <memory>

#include "core/data/flight_ring.h"
#include "core/device/device.h"

namespace vfm {

class V1Registers {
 public:
  static constexpr uint64_t kDeviceState = 0;
  static constexpr uint64_t kPendingBytes = 8;
  static constexpr uint64_t kDataOffset = 16;
  static constexpr uint64_t kDataSize = 24;
  static constexpr uint64_t kHeaderSize = 32;

  static constexpr uint32_t kStateMask = 7;
  static constexpr uint32_t kRunning = 1;
  static constexpr uint32_t kStopCopy = 2;
  static constexpr uint32_t kPreCopy = 3;
  static constexpr uint32_t kResuming = 4;

  V1Registers(Device& device, uint32_t region) : device_(&device), region_(region) {}

  // Notes each access there from now on, while the ring is on.
  void noteIn(std::shared_ptr<FlightRing> ring) { ring_ = std::move(ring); }

  Result<uint32_t> deviceState() const;  // all 32 bits
  Result<uint64_t> pendingBytes() const;
  Result<uint64_t> dataOffset() const;
  Result<uint64_t> dataSize() const;
  Status setDeviceState(uint32_t value) const;  // all 32 bits
  Status setDataSize(uint64_t size) const;

 private:
  Status read(uint64_t offset, const char* name, Bytes into) const;
  Status write(uint64_t offset, const char* name, ConstBytes value) const;
  Result<uint64_t> read64(uint64_t offset, const char* name) const;

  Device* device_;
  uint32_t region_;
  std::shared_ptr<FlightRing> ring_;
};

}  // namespace vfm
