// SPDX-License-Identifier: MIT
#include "core/v1/registers.h"

#include <cstring>

namespace vfm {
namespace {

Failure shortAccess(const char* name, size_t moved, size_t width) {
  return Failure::because(Reason::kShortTransfer, std::string("v1 register ") + name,
                          std::to_string(moved) + " of " + std::to_string(width) + " bytes moved");
}

}  // namespace

Result<uint32_t> V1Registers::deviceState() const {
  uint8_t raw[4] = {};
  auto moved = device_->readRegion(region_, kDeviceState, Bytes{raw, sizeof raw});
  if (!moved) return std::move(moved).failure();
  if (*moved != sizeof raw) return shortAccess("device_state", *moved, sizeof raw);
  uint32_t value;
  std::memcpy(&value, raw, sizeof value);
  return value;
}

Result<uint64_t> V1Registers::pendingBytes() const { return read64(kPendingBytes, "pending_bytes"); }
Result<uint64_t> V1Registers::dataOffset() const { return read64(kDataOffset, "data_offset"); }
Result<uint64_t> V1Registers::dataSize() const { return read64(kDataSize, "data_size"); }

Status V1Registers::setDeviceState(uint32_t value) const {
  uint8_t raw[4];
  std::memcpy(raw, &value, sizeof raw);
  auto moved = device_->writeRegion(region_, kDeviceState, ConstBytes{raw, sizeof raw});
  if (!moved) return std::move(moved).failure();
  if (*moved != sizeof raw) return shortAccess("device_state", *moved, sizeof raw);
  return {};
}

Status V1Registers::setDataSize(uint64_t size) const {
  uint8_t raw[8];
  std::memcpy(raw, &size, sizeof raw);
  auto moved = device_->writeRegion(region_, kDataSize, ConstBytes{raw, sizeof raw});
  if (!moved) return std::move(moved).failure();
  if (*moved != sizeof raw) return shortAccess("data_size", *moved, sizeof raw);
  return {};
}

Result<uint64_t> V1Registers::read64(uint64_t offset, const char* name) const {
  uint8_t raw[8] = {};
  auto moved = device_->readRegion(region_, offset, Bytes{raw, sizeof raw});
  if (!moved) return std::move(moved).failure();
  if (*moved != sizeof raw) return shortAccess(name, *moved, sizeof raw);
  uint64_t value;
  std::memcpy(&value, raw, sizeof value);
  return value;
}

}  // namespace vfm
