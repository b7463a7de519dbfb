// SPDX-License-Identifier: MIT
// What the IOMMU behind a device can do.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kIommuHwInfoTypeNone = 0;
inline constexpr uint32_t kIommuHwInfoTypeIntelVtd = 1;
inline constexpr uint32_t kIommuHwCapDirtyTracking = 1u << 0;
inline constexpr uint32_t kIommuHwCapPciPasidExec = 1u << 1;
inline constexpr uint32_t kIommuHwCapPciPasidPriv = 1u << 2;
// `data_len` comes back as the bytes the kernel knows, which may be more than were given.
struct IommuHwInfo {
  uint32_t size;
  uint32_t flags;
  uint32_t dev_id;
  uint32_t data_len;
  uint64_t data_uptr;
  uint32_t out_data_type;
  uint8_t out_max_pasid_log2;
  uint8_t __reserved[3];
  uint64_t out_capabilities;
};
static_assert(sizeof(IommuHwInfo) == 40);
static_assert(offsetof(IommuHwInfo, size) == 0);
static_assert(offsetof(IommuHwInfo, flags) == 4);
static_assert(offsetof(IommuHwInfo, dev_id) == 8);
static_assert(offsetof(IommuHwInfo, data_len) == 12);
static_assert(offsetof(IommuHwInfo, data_uptr) == 16);
static_assert(offsetof(IommuHwInfo, out_data_type) == 24);
static_assert(offsetof(IommuHwInfo, out_max_pasid_log2) == 28);
static_assert(offsetof(IommuHwInfo, __reserved) == 29);
static_assert(offsetof(IommuHwInfo, out_capabilities) == 32);

inline constexpr uint32_t kIommuGetHwInfo = iommufdRequest(0x8a);

inline constexpr uint32_t kIommuHwInfoVtdErrata772415Spr17 = 1u << 0;
// The capability registers of a VT-d unit as they are.
struct IommuHwInfoVtd {
  uint32_t flags;
  uint32_t __reserved;
  uint64_t cap_reg;
  uint64_t ecap_reg;
};
static_assert(sizeof(IommuHwInfoVtd) == 24);
static_assert(offsetof(IommuHwInfoVtd, flags) == 0);
static_assert(offsetof(IommuHwInfoVtd, __reserved) == 4);
static_assert(offsetof(IommuHwInfoVtd, cap_reg) == 8);
static_assert(offsetof(IommuHwInfoVtd, ecap_reg) == 16);

}  // namespace vfm::uapi
