// SPDX-License-Identifier: MIT
// An iommufd's address space (IOAS): which IOVAs exist, and what they are mapped to.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

struct IommuIoasAlloc {
  uint32_t size;
  uint32_t flags;
  uint32_t out_ioas_id;
};
static_assert(sizeof(IommuIoasAlloc) == 12);
static_assert(offsetof(IommuIoasAlloc, size) == 0);
static_assert(offsetof(IommuIoasAlloc, flags) == 4);
static_assert(offsetof(IommuIoasAlloc, out_ioas_id) == 8);

inline constexpr uint32_t kIommuIoasAlloc = iommufdRequest(0x81);

// `last` is the last address of the range, not the one after it.
struct IommuIovaRange {
  uint64_t start;
  uint64_t last;
};
static_assert(sizeof(IommuIovaRange) == 16);
static_assert(offsetof(IommuIovaRange, start) == 0);
static_assert(offsetof(IommuIovaRange, last) == 8);

// `allowed_iovas` is the address of iommu_iova_range[num_iovas]. EMSGSIZE: too few, and num_iovas says how
// many there are.
struct IommuIoasIovaRanges {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t num_iovas;
  uint32_t __reserved;
  uint64_t allowed_iovas;
  uint64_t out_iova_alignment;
};
static_assert(sizeof(IommuIoasIovaRanges) == 32);
static_assert(offsetof(IommuIoasIovaRanges, size) == 0);
static_assert(offsetof(IommuIoasIovaRanges, ioas_id) == 4);
static_assert(offsetof(IommuIoasIovaRanges, num_iovas) == 8);
static_assert(offsetof(IommuIoasIovaRanges, __reserved) == 12);
static_assert(offsetof(IommuIoasIovaRanges, allowed_iovas) == 16);
static_assert(offsetof(IommuIoasIovaRanges, out_iova_alignment) == 24);

inline constexpr uint32_t kIommuIoasIovaRanges = iommufdRequest(0x84);

struct IommuIoasAllowIovas {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t num_iovas;
  uint32_t __reserved;
  uint64_t allowed_iovas;
};
static_assert(sizeof(IommuIoasAllowIovas) == 24);
static_assert(offsetof(IommuIoasAllowIovas, size) == 0);
static_assert(offsetof(IommuIoasAllowIovas, ioas_id) == 4);
static_assert(offsetof(IommuIoasAllowIovas, num_iovas) == 8);
static_assert(offsetof(IommuIoasAllowIovas, __reserved) == 12);
static_assert(offsetof(IommuIoasAllowIovas, allowed_iovas) == 16);

inline constexpr uint32_t kIommuIoasAllowIovas = iommufdRequest(0x82);

inline constexpr uint32_t kIommuIoasMapFixedIova = 1u << 0;
inline constexpr uint32_t kIommuIoasMapWriteable = 1u << 1;
inline constexpr uint32_t kIommuIoasMapReadable = 1u << 2;
struct IommuIoasMap {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t __reserved;
  uint64_t user_va;
  uint64_t length;
  uint64_t iova;
};
static_assert(sizeof(IommuIoasMap) == 40);
static_assert(offsetof(IommuIoasMap, size) == 0);
static_assert(offsetof(IommuIoasMap, flags) == 4);
static_assert(offsetof(IommuIoasMap, ioas_id) == 8);
static_assert(offsetof(IommuIoasMap, __reserved) == 12);
static_assert(offsetof(IommuIoasMap, user_va) == 16);
static_assert(offsetof(IommuIoasMap, length) == 24);
static_assert(offsetof(IommuIoasMap, iova) == 32);

inline constexpr uint32_t kIommuIoasMap = iommufdRequest(0x85);

struct IommuIoasCopy {
  uint32_t size;
  uint32_t flags;
  uint32_t dst_ioas_id;
  uint32_t src_ioas_id;
  uint64_t length;
  uint64_t dst_iova;
  uint64_t src_iova;
};
static_assert(sizeof(IommuIoasCopy) == 40);
static_assert(offsetof(IommuIoasCopy, size) == 0);
static_assert(offsetof(IommuIoasCopy, flags) == 4);
static_assert(offsetof(IommuIoasCopy, dst_ioas_id) == 8);
static_assert(offsetof(IommuIoasCopy, src_ioas_id) == 12);
static_assert(offsetof(IommuIoasCopy, length) == 16);
static_assert(offsetof(IommuIoasCopy, dst_iova) == 24);
static_assert(offsetof(IommuIoasCopy, src_iova) == 32);

inline constexpr uint32_t kIommuIoasCopy = iommufdRequest(0x83);

// iova 0 with length U64_MAX unmaps everything. `length` returns the bytes unmapped.
struct IommuIoasUnmap {
  uint32_t size;
  uint32_t ioas_id;
  uint64_t iova;
  uint64_t length;
};
static_assert(sizeof(IommuIoasUnmap) == 24);
static_assert(offsetof(IommuIoasUnmap, size) == 0);
static_assert(offsetof(IommuIoasUnmap, ioas_id) == 4);
static_assert(offsetof(IommuIoasUnmap, iova) == 8);
static_assert(offsetof(IommuIoasUnmap, length) == 16);

inline constexpr uint32_t kIommuIoasUnmap = iommufdRequest(0x86);

}  // namespace vfm::uapi
