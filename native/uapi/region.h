// SPDX-License-Identifier: MIT
// Regions of a device: sizes, mappable areas, types.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/capability.h"
#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioRegionInfoFlagRead = 1u << 0;
inline constexpr uint32_t kVfioRegionInfoFlagWrite = 1u << 1;
inline constexpr uint32_t kVfioRegionInfoFlagMmap = 1u << 2;
inline constexpr uint32_t kVfioRegionInfoFlagCaps = 1u << 3;
// `offset` is where the region lies in the device's descriptor; `size` 0 means that there is none at this
// index.
struct VfioRegionInfo {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t cap_offset;
  uint64_t size;
  uint64_t offset;
};
static_assert(sizeof(VfioRegionInfo) == 32);
static_assert(offsetof(VfioRegionInfo, argsz) == 0);
static_assert(offsetof(VfioRegionInfo, flags) == 4);
static_assert(offsetof(VfioRegionInfo, index) == 8);
static_assert(offsetof(VfioRegionInfo, cap_offset) == 12);
static_assert(offsetof(VfioRegionInfo, size) == 16);
static_assert(offsetof(VfioRegionInfo, offset) == 24);

inline constexpr uint32_t kVfioDeviceGetRegionInfo = vfioRequest(8);

inline constexpr uint32_t kVfioRegionInfoCapSparseMmap = 1;
// Relative to the region. Drivers list areas in any order.
struct VfioRegionSparseMmapArea {
  uint64_t offset;
  uint64_t size;
};
static_assert(sizeof(VfioRegionSparseMmapArea) == 16);
static_assert(offsetof(VfioRegionSparseMmapArea, offset) == 0);
static_assert(offsetof(VfioRegionSparseMmapArea, size) == 8);

// vfio_region_sparse_mmap_area[nr_areas] follow. Outside of them the region cannot be mapped, whatever its
// flags say.
struct VfioRegionInfoCapSparseMmap {
  VfioInfoCapHeader header;
  uint32_t nr_areas;
  uint32_t reserved;
};
static_assert(sizeof(VfioRegionInfoCapSparseMmap) == 16);
static_assert(offsetof(VfioRegionInfoCapSparseMmap, header) == 0);
static_assert(offsetof(VfioRegionInfoCapSparseMmap, nr_areas) == 8);
static_assert(offsetof(VfioRegionInfoCapSparseMmap, reserved) == 12);

inline constexpr uint32_t kVfioRegionInfoCapType = 2;
struct VfioRegionInfoCapType {
  VfioInfoCapHeader header;
  uint32_t type;
  uint32_t subtype;
};
static_assert(sizeof(VfioRegionInfoCapType) == 16);
static_assert(offsetof(VfioRegionInfoCapType, header) == 0);
static_assert(offsetof(VfioRegionInfoCapType, type) == 8);
static_assert(offsetof(VfioRegionInfoCapType, subtype) == 12);

// The MSI-X table may be mapped with the rest of its BAR. No payload.
inline constexpr uint32_t kVfioRegionInfoCapMsixMappable = 3;
// POWER9 only, gone since 5.13.
inline constexpr uint32_t kVfioRegionInfoCapNvlink2Ssatgt = 4;
inline constexpr uint32_t kVfioRegionInfoCapNvlink2Lnkspd = 5;

inline constexpr uint32_t kVfioRegionTypePciVendorType = 1u << 31;
inline constexpr uint32_t kVfioRegionTypePciVendorMask = 0xffff;
// Subtypes under Intel's vendor type (PCI_VENDOR_TYPE | 0x8086).
inline constexpr uint32_t kVfioRegionSubtypeIntelIgdOpregion = 1;
inline constexpr uint32_t kVfioRegionSubtypeIntelIgdHostCfg = 2;
inline constexpr uint32_t kVfioRegionSubtypeIntelIgdLpcCfg = 3;
// Under NVIDIA's (PCI_VENDOR_TYPE | 0x10de) and IBM's (| 0x1014): POWER9 only, gone since 5.13.
inline constexpr uint32_t kVfioRegionSubtypeNvidiaNvlink2Ram = 1;
inline constexpr uint32_t kVfioRegionSubtypeIbmNvlink2Atsd = 1;
inline constexpr uint32_t kVfioRegionTypeGfx = 1;
inline constexpr uint32_t kVfioRegionSubtypeGfxEdid = 1;
inline constexpr uint32_t kVfioRegionTypeCcw = 2;
inline constexpr uint32_t kVfioRegionSubtypeCcwAsyncCmd = 1;
inline constexpr uint32_t kVfioRegionSubtypeCcwSchib = 2;
inline constexpr uint32_t kVfioRegionSubtypeCcwCrw = 3;

}  // namespace vfm::uapi
