// SPDX-License-Identifier: MIT
#include "core/kernel/capability_chain.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "uapi/region.h"

namespace vfm::kernel {
namespace {

constexpr size_t kHeaderSize = 8;
constexpr size_t kAlignment =
    4;  // today's kernels align capabilities to 8, those before 6.6 to whatever came before

// Host byte order: kernel and peer share the machine.
template <typename Value>
Value load(ConstBytes bytes, size_t offset) {
  Value value;
  std::memcpy(&value, bytes.data + offset, sizeof(value));
  return value;
}

Failure malformed(std::string detail) {
  return Failure::because(Reason::kMalformed, "VFIO_DEVICE_GET_REGION_INFO", std::move(detail));
}

Failure brokenChain(std::string detail) {
  return Failure::because(Reason::kMalformed, "capability chain", std::move(detail));
}

// u32 nr_areas, u32 reserved, then nr_areas times {u64 offset, u64 size}.
Result<std::vector<Area>> parseSparseAreas(ConstBytes payload) {
  constexpr size_t kFixed = 8;
  constexpr size_t kEach = 16;
  if (payload.size < kFixed) return malformed("sparse mmap capability cut off before its number of areas");
  const uint64_t count = load<uint32_t>(payload, 0);
  if (count > (payload.size - kFixed) / kEach) {
    return malformed("sparse mmap capability promises " + std::to_string(count) +
                     " areas, there is room for " + std::to_string((payload.size - kFixed) / kEach));
  }
  std::vector<Area> areas;
  areas.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = kFixed + i * kEach;
    areas.push_back(Area{load<uint64_t>(payload, at), load<uint64_t>(payload, at + 8)});
  }
  return areas;
}

// Sorts, checks against the region and against one another, trims to pages.
Result<std::vector<Area>> checkedAreas(std::vector<Area> areas, uint64_t regionSize, size_t pageSize) {
  const Area region{0, regionSize};
  for (const Area& area : areas) {
    if (!region.contains(area.offset, area.size)) {
      return malformed("mappable area at " + std::to_string(area.offset) + " of " +
                       std::to_string(area.size) + " bytes lies outside the region of " +
                       std::to_string(regionSize) + " bytes");
    }
  }
  areas.erase(std::remove_if(areas.begin(), areas.end(), [](const Area& area) { return area.size == 0; }),
              areas.end());
  std::sort(areas.begin(), areas.end(), [](const Area& a, const Area& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < areas.size(); ++i) {
    if (areas[i].offset < areas[i - 1].end()) {
      return malformed("mappable areas overlap at offset " + std::to_string(areas[i].offset));
    }
  }
  std::vector<Area> usable;
  usable.reserve(areas.size());
  for (const Area& area : areas) {
    const uint64_t remainder = area.offset % pageSize;
    const uint64_t skipped = remainder == 0 ? 0 : pageSize - remainder;
    if (skipped < area.size) usable.push_back(Area{area.offset + skipped, area.size - skipped});
  }
  return usable;
}

}  // namespace

Result<std::vector<Capability>> parseCapabilityChain(ConstBytes info, size_t fixedSize, uint32_t first) {
  std::vector<Capability> chain;
  if (first == 0) return chain;
  if (fixedSize > info.size) return brokenChain("struct shorter than its fixed part");
  std::vector<bool> seen(info.size / kAlignment + 1, false);
  for (size_t at = first; at != 0;) {
    if (at % kAlignment != 0) return brokenChain("capability at misaligned offset " + std::to_string(at));
    if (at < fixedSize)
      return brokenChain("capability at " + std::to_string(at) + ", inside the struct itself");
    if (at > info.size || info.size - at < kHeaderSize) {
      return brokenChain("capability at " + std::to_string(at) + " does not fit in " +
                         std::to_string(info.size) + " bytes");
    }
    if (seen[at / kAlignment])
      return brokenChain("capability at " + std::to_string(at) + " comes twice: a loop");
    seen[at / kAlignment] = true;
    chain.push_back(
        Capability{load<uint16_t>(info, at), load<uint16_t>(info, at + 2), at, info.from(at + kHeaderSize)});
    at = load<uint32_t>(info, at + 4);
  }
  return chain;
}

Result<RegionInfo> parseRegionInfo(ConstBytes info, uint32_t index, size_t pageSize) {
  uapi::VfioRegionInfo fixed{};
  if (info.size < sizeof(fixed)) return malformed("answer of " + std::to_string(info.size) + " bytes");
  std::memcpy(&fixed, info.data, sizeof(fixed));
  if (fixed.index != index) {
    return malformed("asked for region " + std::to_string(index) + ", answered for " +
                     std::to_string(fixed.index));
  }
  constexpr uint64_t kLargestOffset = std::numeric_limits<int64_t>::max();
  if (fixed.offset > kLargestOffset || fixed.size > kLargestOffset - fixed.offset) {
    return malformed("region " + std::to_string(index) + " of " + std::to_string(fixed.size) + " bytes at " +
                     std::to_string(fixed.offset) + " reaches beyond any file offset");
  }

  RegionInfo region;
  region.index = index;
  region.flags = fixed.flags;
  region.size = fixed.size;
  region.offset = fixed.offset;

  const bool hasChain = (fixed.flags & uapi::kVfioRegionInfoFlagCaps) != 0;
  auto chain = parseCapabilityChain(info, sizeof(fixed), hasChain ? fixed.cap_offset : 0);
  if (!chain) return std::move(chain).failure();

  std::optional<std::vector<Area>> sparse;
  for (const Capability& capability : *chain) {
    region.capabilities.push_back(capability.id);
    if (capability.id == uapi::kVfioRegionInfoCapSparseMmap) {
      if (sparse) return malformed("two sparse mmap capabilities");
      auto areas = parseSparseAreas(capability.payload);
      if (!areas) return std::move(areas).failure();
      sparse = std::move(areas).value();
    } else if (capability.id == uapi::kVfioRegionInfoCapType) {
      if (region.type) return malformed("two type capabilities");
      if (capability.payload.size < 8) return malformed("type capability cut off");
      region.type = RegionType{load<uint32_t>(capability.payload, 0), load<uint32_t>(capability.payload, 4)};
    }
  }

  // Checked even where nothing may be mapped: a device that lies about its areas is not to be trusted with
  // its size.
  auto areas = checkedAreas(sparse ? *std::move(sparse) : std::vector<Area>{Area{0, region.size}},
                            region.size, pageSize);
  if (!areas) return std::move(areas).failure();
  if ((region.flags & uapi::kVfioRegionInfoFlagMmap) != 0) region.mappable = std::move(areas).value();
  return region;
}

}  // namespace vfm::kernel
