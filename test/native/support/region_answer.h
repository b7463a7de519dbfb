// SPDX-License-Identifier: MIT
// Builds what a kernel answers to VFIO_DEVICE_GET_REGION_INFO, right or wrong on purpose.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "core/device/info.h"
#include "uapi/region.h"

namespace vfm::test {

class RegionAnswer {
 public:
  uapi::VfioRegionInfo fixed{};

  RegionAnswer(uint32_t index, uint64_t size) {
    fixed.flags = uapi::kVfioRegionInfoFlagRead | uapi::kVfioRegionInfoFlagWrite;
    fixed.index = index;
    fixed.size = size;
    fixed.offset = uint64_t{index} << 40;
  }

  RegionAnswer& mappable() {
    fixed.flags |= uapi::kVfioRegionInfoFlagMmap;
    return *this;
  }
  RegionAnswer& raw(uint16_t id, const std::vector<uint8_t>& payload) {
    fixed.flags |= uapi::kVfioRegionInfoFlagCaps;
    const uint32_t at = static_cast<uint32_t>(sizeof(fixed) + chain_.size());
    if (headers_.empty()) {
      fixed.cap_offset = at;
    } else {
      std::memcpy(chain_.data() + headers_.back() + 4, &at, sizeof(at));
    }
    headers_.push_back(chain_.size());
    const uint16_t head[4] = {id, 1, 0, 0};
    const auto* bytes = reinterpret_cast<const uint8_t*>(head);
    chain_.insert(chain_.end(), bytes, bytes + sizeof(head));
    chain_.insert(chain_.end(), payload.begin(), payload.end());
    return *this;
  }
  RegionAnswer& type(uint32_t type, uint32_t subtype) {
    std::vector<uint8_t> payload(8);
    std::memcpy(payload.data(), &type, 4);
    std::memcpy(payload.data() + 4, &subtype, 4);
    return raw(uapi::kVfioRegionInfoCapType, payload);
  }
  RegionAnswer& sparse(const std::vector<Area>& areas) {
    std::vector<uint8_t> payload(8 + 16 * areas.size());
    const uint32_t count = static_cast<uint32_t>(areas.size());
    std::memcpy(payload.data(), &count, 4);
    for (size_t i = 0; i < areas.size(); ++i) {
      std::memcpy(payload.data() + 8 + 16 * i, &areas[i].offset, 8);
      std::memcpy(payload.data() + 16 + 16 * i, &areas[i].size, 8);
    }
    return raw(uapi::kVfioRegionInfoCapSparseMmap, payload);
  }
  // Of the nth capability.
  void setNext(size_t which, uint32_t next) {
    std::memcpy(chain_.data() + headers_[which] + 4, &next, sizeof(next));
  }
  // Anywhere in the answer, counted from the start of the struct.
  void setWord(size_t offset, uint32_t value) {
    std::memcpy(chain_.data() + offset - sizeof(fixed), &value, sizeof(value));
  }

  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> all(sizeof(fixed) + chain_.size());
    uapi::VfioRegionInfo head = fixed;
    if (head.argsz == 0) head.argsz = static_cast<uint32_t>(all.size());
    std::memcpy(all.data(), &head, sizeof(head));
    if (!chain_.empty()) std::memcpy(all.data() + sizeof(head), chain_.data(), chain_.size());
    return all;
  }

 private:
  std::vector<uint8_t> chain_;
  std::vector<size_t> headers_;
};

}  // namespace vfm::test
