// SPDX-License-Identifier: MIT
// Hardware page tables (HWPT), and the dirty bits an IOMMU keeps in them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kIommuHwptAllocNestParent = 1u << 0;
inline constexpr uint32_t kIommuHwptAllocDirtyTracking = 1u << 1;  // cannot be had later
inline constexpr uint32_t kIommuHwptFaultIdValid = 1u << 2;
inline constexpr uint32_t kIommuHwptDataNone = 0;
inline constexpr uint32_t kIommuHwptDataVtdS1 = 1;
struct IommuHwptAlloc {
  uint32_t size;
  uint32_t flags;
  uint32_t dev_id;
  uint32_t pt_id;
  uint32_t out_hwpt_id;
  uint32_t __reserved;
  uint32_t data_type;
  uint32_t data_len;
  uint64_t data_uptr;
  uint32_t fault_id;
  uint32_t __reserved2;
};
static_assert(sizeof(IommuHwptAlloc) == 48);
static_assert(offsetof(IommuHwptAlloc, size) == 0);
static_assert(offsetof(IommuHwptAlloc, flags) == 4);
static_assert(offsetof(IommuHwptAlloc, dev_id) == 8);
static_assert(offsetof(IommuHwptAlloc, pt_id) == 12);
static_assert(offsetof(IommuHwptAlloc, out_hwpt_id) == 16);
static_assert(offsetof(IommuHwptAlloc, __reserved) == 20);
static_assert(offsetof(IommuHwptAlloc, data_type) == 24);
static_assert(offsetof(IommuHwptAlloc, data_len) == 28);
static_assert(offsetof(IommuHwptAlloc, data_uptr) == 32);
static_assert(offsetof(IommuHwptAlloc, fault_id) == 40);
static_assert(offsetof(IommuHwptAlloc, __reserved2) == 44);

inline constexpr uint32_t kIommuHwptAlloc = iommufdRequest(0x89);

inline constexpr uint32_t kIommuHwptDirtyTrackingEnable = 1;  // absent: tracking is switched off
struct IommuHwptSetDirtyTracking {
  uint32_t size;
  uint32_t flags;
  uint32_t hwpt_id;
  uint32_t __reserved;
};
static_assert(sizeof(IommuHwptSetDirtyTracking) == 16);
static_assert(offsetof(IommuHwptSetDirtyTracking, size) == 0);
static_assert(offsetof(IommuHwptSetDirtyTracking, flags) == 4);
static_assert(offsetof(IommuHwptSetDirtyTracking, hwpt_id) == 8);
static_assert(offsetof(IommuHwptSetDirtyTracking, __reserved) == 12);

inline constexpr uint32_t kIommuHwptSetDirtyTracking = iommufdRequest(0x8b);

inline constexpr uint32_t kIommuHwptGetDirtyBitmapNoClear = 1;
// `data` is the address of the bitmap, one bit for each page_size bytes; the kernel only sets bits.
struct IommuHwptGetDirtyBitmap {
  uint32_t size;
  uint32_t hwpt_id;
  uint32_t flags;
  uint32_t __reserved;
  uint64_t iova;
  uint64_t length;
  uint64_t page_size;
  uint64_t data;
};
static_assert(sizeof(IommuHwptGetDirtyBitmap) == 48);
static_assert(offsetof(IommuHwptGetDirtyBitmap, size) == 0);
static_assert(offsetof(IommuHwptGetDirtyBitmap, hwpt_id) == 4);
static_assert(offsetof(IommuHwptGetDirtyBitmap, flags) == 8);
static_assert(offsetof(IommuHwptGetDirtyBitmap, __reserved) == 12);
static_assert(offsetof(IommuHwptGetDirtyBitmap, iova) == 16);
static_assert(offsetof(IommuHwptGetDirtyBitmap, length) == 24);
static_assert(offsetof(IommuHwptGetDirtyBitmap, page_size) == 32);
static_assert(offsetof(IommuHwptGetDirtyBitmap, data) == 40);

inline constexpr uint32_t kIommuHwptGetDirtyBitmap = iommufdRequest(0x8c);

}  // namespace vfm::uapi
