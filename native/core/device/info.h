// SPDX-License-Identifier: MIT
// What a device says about itself, already checked: every offset and size below lies inside the region it
// belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace vfm {

struct DeviceInfo {
  uint32_t flags = 0;  // VFIO_DEVICE_FLAGS_*
  uint32_t regions = 0;
  uint32_t irqs = 0;
};

// A stretch of a region, in bytes from the region's start.
struct Area {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t end() const { return offset + size; }
  bool contains(uint64_t from, uint64_t length) const {
    return from >= offset && length <= size && from - offset <= size - length;
  }
};

struct RegionType {
  uint32_t type = 0;
  uint32_t subtype = 0;
};

struct RegionInfo {
  uint32_t index = 0;
  uint32_t flags = 0;   // VFIO_REGION_INFO_FLAG_*
  uint64_t size = 0;    // 0: the device has no such region
  uint64_t offset = 0;  // where the region begins on the device descriptor (kernel) or in the peer's file
  std::vector<Area>
      mappable;  // sorted by offset, not overlapping, inside the region; empty when nothing may be mapped
  std::optional<RegionType> type;
  std::vector<uint16_t> capabilities;  // ids in chain order, known to us or not
};

struct IrqInfo {
  uint32_t index = 0;
  uint32_t flags = 0;  // VFIO_IRQ_INFO_*
  uint32_t count = 0;
};

}  // namespace vfm
