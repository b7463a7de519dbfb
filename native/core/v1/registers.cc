// SPDX-License-Identifier: MIT
#include "core/v1/registers.h"

#include <cstring>

namespace vfm {
namespace {

Failure shortAccess(const char* name, size_t moved, size_t width) {
  return Failure::because(Reason::kShortTransfer, std::string("v1 register ") + name,
                          std::to_string(moved) + " of " + std::to_string(width) + " bytes moved");
}

// Data may pass any register but device_state, whose values are the states' numbers.
void note(FlightRing& ring, FlightRecord::Kind kind, uint64_t began, uint64_t offset, ConstBytes value,
          const Status& status) {
  FlightRecord record;
  record.kind = kind;
  record.ns = began;
  record.durationNs = monotonicNs() - began;
  record.bytes = value.size;
  record.offset = offset;
  if (!status) {
    record.error = errorWord(status.failure());
  } else if (offset == V1Registers::kDeviceState) {
    std::memcpy(&record.detail, value.data, value.size);
  }
  ring.add(record);
}

}  // namespace

Status V1Registers::read(uint64_t offset, const char* name, Bytes into) const {
  const uint64_t began = ring_ && ring_->on() ? monotonicNs() : 0;
  const Status status = [&]() -> Status {
    auto moved = device_->readRegion(region_, offset, into);
    if (!moved) return std::move(moved).failure();
    if (*moved != into.size) return shortAccess(name, *moved, into.size);
    return {};
  }();
  if (began != 0) note(*ring_, FlightRecord::kRegisterRead, began, offset, ConstBytes{into}, status);
  return status;
}

Status V1Registers::write(uint64_t offset, const char* name, ConstBytes value) const {
  const uint64_t began = ring_ && ring_->on() ? monotonicNs() : 0;
  const Status status = [&]() -> Status {
    auto moved = device_->writeRegion(region_, offset, value);
    if (!moved) return std::move(moved).failure();
    if (*moved != value.size) return shortAccess(name, *moved, value.size);
    return {};
  }();
  if (began != 0) note(*ring_, FlightRecord::kRegisterWrite, began, offset, value, status);
  return status;
}

Result<uint32_t> V1Registers::deviceState() const {
  uint32_t value = 0;
  uint8_t raw[sizeof value] = {};
  if (Status status = read(kDeviceState, "device_state", Bytes{raw, sizeof raw}); !status)
    return std::move(status).failure();
  std::memcpy(&value, raw, sizeof value);
  return value;
}

Result<uint64_t> V1Registers::pendingBytes() const { return read64(kPendingBytes, "pending_bytes"); }
Result<uint64_t> V1Registers::dataOffset() const { return read64(kDataOffset, "data_offset"); }
Result<uint64_t> V1Registers::dataSize() const { return read64(kDataSize, "data_size"); }

Status V1Registers::setDeviceState(uint32_t value) const {
  uint8_t raw[sizeof value];
  std::memcpy(raw, &value, sizeof raw);
  return write(kDeviceState, "device_state", ConstBytes{raw, sizeof raw});
}

Status V1Registers::setDataSize(uint64_t size) const {
  uint8_t raw[sizeof size];
  std::memcpy(raw, &size, sizeof raw);
  return write(kDataSize, "data_size", ConstBytes{raw, sizeof raw});
}

Result<uint64_t> V1Registers::read64(uint64_t offset, const char* name) const {
  uint64_t value = 0;
  uint8_t raw[sizeof value] = {};
  if (Status status = read(offset, name, Bytes{raw, sizeof raw}); !status) return std::move(status).failure();
  std::memcpy(&value, raw, sizeof value);
  return value;
}

}  // namespace vfm
