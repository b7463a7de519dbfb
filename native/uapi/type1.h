// SPDX-License-Identifier: MIT
// The type1 IOMMU: mapping, its limits, and dirty pages, on a container whose IOMMU is set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/capability.h"
#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioIommuInfoPgsizes = 1u << 0;
inline constexpr uint32_t kVfioIommuInfoCaps = 1u << 1;
// `iova_pgsizes` is a bitmap of page sizes.
struct VfioIommuType1Info {
  uint32_t argsz;
  uint32_t flags;
  uint64_t iova_pgsizes;
  uint32_t cap_offset;
  uint32_t pad;
};
static_assert(sizeof(VfioIommuType1Info) == 24);
static_assert(offsetof(VfioIommuType1Info, argsz) == 0);
static_assert(offsetof(VfioIommuType1Info, flags) == 4);
static_assert(offsetof(VfioIommuType1Info, iova_pgsizes) == 8);
static_assert(offsetof(VfioIommuType1Info, cap_offset) == 16);
static_assert(offsetof(VfioIommuType1Info, pad) == 20);

inline constexpr uint32_t kVfioIommuType1InfoCapIovaRange = 1;
// `end` is the last usable address, not the one after it.
struct VfioIovaRange {
  uint64_t start;
  uint64_t end;
};
static_assert(sizeof(VfioIovaRange) == 16);
static_assert(offsetof(VfioIovaRange, start) == 0);
static_assert(offsetof(VfioIovaRange, end) == 8);

// vfio_iova_range[nr_iovas] follow.
struct VfioIommuType1InfoCapIovaRange {
  VfioInfoCapHeader header;
  uint32_t nr_iovas;
  uint32_t reserved;
};
static_assert(sizeof(VfioIommuType1InfoCapIovaRange) == 16);
static_assert(offsetof(VfioIommuType1InfoCapIovaRange, header) == 0);
static_assert(offsetof(VfioIommuType1InfoCapIovaRange, nr_iovas) == 8);
static_assert(offsetof(VfioIommuType1InfoCapIovaRange, reserved) == 12);

inline constexpr uint32_t kVfioIommuType1InfoCapMigration = 2;
struct VfioIommuType1InfoCapMigration {
  VfioInfoCapHeader header;
  uint32_t flags;
  uint64_t pgsize_bitmap;
  uint64_t max_dirty_bitmap_size;  // bytes
};
static_assert(sizeof(VfioIommuType1InfoCapMigration) == 32);
static_assert(offsetof(VfioIommuType1InfoCapMigration, header) == 0);
static_assert(offsetof(VfioIommuType1InfoCapMigration, flags) == 8);
static_assert(offsetof(VfioIommuType1InfoCapMigration, pgsize_bitmap) == 16);
static_assert(offsetof(VfioIommuType1InfoCapMigration, max_dirty_bitmap_size) == 24);

inline constexpr uint32_t kVfioIommuType1InfoDmaAvail = 3;
// How many more mappings the container takes.
struct VfioIommuType1InfoDmaAvail {
  VfioInfoCapHeader header;
  uint32_t avail;
};
static_assert(sizeof(VfioIommuType1InfoDmaAvail) == 12);
static_assert(offsetof(VfioIommuType1InfoDmaAvail, header) == 0);
static_assert(offsetof(VfioIommuType1InfoDmaAvail, avail) == 8);

inline constexpr uint32_t kVfioIommuGetInfo = vfioRequest(12);

inline constexpr uint32_t kVfioDmaMapFlagRead = 1u << 0;
inline constexpr uint32_t kVfioDmaMapFlagWrite = 1u << 1;
inline constexpr uint32_t kVfioDmaMapFlagVaddr = 1u << 2;
struct VfioIommuType1DmaMap {
  uint32_t argsz;
  uint32_t flags;
  uint64_t vaddr;
  uint64_t iova;
  uint64_t size;
};
static_assert(sizeof(VfioIommuType1DmaMap) == 32);
static_assert(offsetof(VfioIommuType1DmaMap, argsz) == 0);
static_assert(offsetof(VfioIommuType1DmaMap, flags) == 4);
static_assert(offsetof(VfioIommuType1DmaMap, vaddr) == 8);
static_assert(offsetof(VfioIommuType1DmaMap, iova) == 16);
static_assert(offsetof(VfioIommuType1DmaMap, size) == 24);

inline constexpr uint32_t kVfioIommuMapDma = vfioRequest(13);

// One bit for each page of `pgsize` bytes. `size` is that of the bitmap, in bytes. The kernel only sets bits:
// zero it first.
struct VfioBitmap {
  uint64_t pgsize;
  uint64_t size;
  uint64_t* data;
};
static_assert(sizeof(VfioBitmap) == 24);
static_assert(offsetof(VfioBitmap, pgsize) == 0);
static_assert(offsetof(VfioBitmap, size) == 8);
static_assert(offsetof(VfioBitmap, data) == 16);

inline constexpr uint32_t kVfioDmaUnmapFlagGetDirtyBitmap = 1u << 0;
inline constexpr uint32_t kVfioDmaUnmapFlagAll = 1u << 1;
inline constexpr uint32_t kVfioDmaUnmapFlagVaddr = 1u << 2;
// With GET_DIRTY_BITMAP a vfio_bitmap follows. `size` returns the bytes unmapped.
struct VfioIommuType1DmaUnmap {
  uint32_t argsz;
  uint32_t flags;
  uint64_t iova;
  uint64_t size;
};
static_assert(sizeof(VfioIommuType1DmaUnmap) == 24);
static_assert(offsetof(VfioIommuType1DmaUnmap, argsz) == 0);
static_assert(offsetof(VfioIommuType1DmaUnmap, flags) == 4);
static_assert(offsetof(VfioIommuType1DmaUnmap, iova) == 8);
static_assert(offsetof(VfioIommuType1DmaUnmap, size) == 16);

inline constexpr uint32_t kVfioIommuUnmapDma = vfioRequest(14);

inline constexpr uint32_t kVfioIommuDirtyPagesFlagStart = 1u << 0;
inline constexpr uint32_t kVfioIommuDirtyPagesFlagStop = 1u << 1;
inline constexpr uint32_t kVfioIommuDirtyPagesFlagGetBitmap = 1u << 2;
// With GET_BITMAP a vfio_iommu_type1_dirty_bitmap_get follows, which argsz counts; the bitmap itself it does
// not.
struct VfioIommuType1DirtyBitmap {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(VfioIommuType1DirtyBitmap) == 8);
static_assert(offsetof(VfioIommuType1DirtyBitmap, argsz) == 0);
static_assert(offsetof(VfioIommuType1DirtyBitmap, flags) == 4);

struct VfioIommuType1DirtyBitmapGet {
  uint64_t iova;
  uint64_t size;
  VfioBitmap bitmap;
};
static_assert(sizeof(VfioIommuType1DirtyBitmapGet) == 40);
static_assert(offsetof(VfioIommuType1DirtyBitmapGet, iova) == 0);
static_assert(offsetof(VfioIommuType1DirtyBitmapGet, size) == 8);
static_assert(offsetof(VfioIommuType1DirtyBitmapGet, bitmap) == 16);

// The same number as VFIO_DEVICE_FEATURE: which of the two it is depends on the descriptor alone.
inline constexpr uint32_t kVfioIommuDirtyPages = vfioRequest(17);

}  // namespace vfm::uapi
