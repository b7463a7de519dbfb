// SPDX-License-Identifier: MIT
#include "core/kernel/type1_info.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/kernel/capability_chain.h"
#include "uapi/type1.h"

namespace vfm::kernel {
namespace {

constexpr size_t kHeader = sizeof(uapi::VfioInfoCapHeader);

Failure malformed(std::string detail) {
  return Failure::because(Reason::kMalformed, "VFIO_IOMMU_GET_INFO", std::move(detail));
}

// The capability as its struct, whose header the chain has taken off.
template <typename Struct>
bool load(const Capability& capability, Struct& into) {
  if (capability.payload.size < sizeof(Struct) - kHeader) return false;
  std::memcpy(reinterpret_cast<uint8_t*>(&into) + kHeader, capability.payload.data, sizeof(Struct) - kHeader);
  return true;
}

Result<std::vector<IovaRange>> parseRanges(const Capability& capability) {
  uapi::VfioIommuType1InfoCapIovaRange fixed{};
  if (!load(capability, fixed)) return malformed("IOVA range capability cut off");
  const ConstBytes rest = capability.payload.from(sizeof(fixed) - kHeader);
  if (fixed.nr_iovas > rest.size / sizeof(uapi::VfioIovaRange)) {
    return malformed("IOVA range capability promises " + std::to_string(fixed.nr_iovas) +
                     " ranges, there is room for " + std::to_string(rest.size / sizeof(uapi::VfioIovaRange)));
  }
  std::vector<IovaRange> ranges;
  for (size_t i = 0; i < fixed.nr_iovas; ++i) {
    uapi::VfioIovaRange range{};
    std::memcpy(&range, rest.data + i * sizeof(range), sizeof(range));
    if (range.end < range.start) return malformed("an IOVA range that ends before it begins");
    ranges.push_back(IovaRange{range.start, range.end});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const IovaRange& a, const IovaRange& b) { return a.first < b.first; });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first <= ranges[i - 1].last) return malformed("IOVA ranges that overlap");
  }
  return ranges;
}

}  // namespace

Result<AddressSpaceInfo> parseType1Info(ConstBytes info) {
  uapi::VfioIommuType1Info fixed{};
  if (info.size < sizeof(fixed)) return malformed("answer of " + std::to_string(info.size) + " bytes");
  std::memcpy(&fixed, info.data, sizeof(fixed));
  if ((fixed.flags & uapi::kVfioIommuInfoPgsizes) == 0 || fixed.iova_pgsizes == 0) {
    return malformed("no page size at all");
  }
  AddressSpaceInfo space;
  space.pageSizes = fixed.iova_pgsizes;
  space.ranges = {IovaRange{0, UINT64_MAX}};

  const bool hasChain = (fixed.flags & uapi::kVfioIommuInfoCaps) != 0;
  auto chain = parseCapabilityChain(info, sizeof(fixed), hasChain ? fixed.cap_offset : 0);
  if (!chain) return std::move(chain).failure();
  std::vector<uint16_t> seen;
  for (const Capability& capability : *chain) {
    if (std::count(seen.begin(), seen.end(), capability.id) != 0) {
      return malformed("capability " + std::to_string(capability.id) + " is there twice");
    }
    seen.push_back(capability.id);
    if (capability.id == uapi::kVfioIommuType1InfoCapIovaRange) {
      auto ranges = parseRanges(capability);
      if (!ranges) return std::move(ranges).failure();
      space.ranges = std::move(*ranges);
    } else if (capability.id == uapi::kVfioIommuType1InfoCapMigration) {
      uapi::VfioIommuType1InfoCapMigration migration{};
      if (!load(capability, migration)) return malformed("migration capability cut off");
      space.dirtyPageSizes = migration.pgsize_bitmap;
      space.largestDirtyBitmap = migration.max_dirty_bitmap_size;
    } else if (capability.id == uapi::kVfioIommuType1InfoDmaAvail) {
      uapi::VfioIommuType1InfoDmaAvail available{};
      if (!load(capability, available)) return malformed("DMA availability capability cut off");
      space.mappings = available.avail;
    }
  }
  return space;
}

}  // namespace vfm::kernel
