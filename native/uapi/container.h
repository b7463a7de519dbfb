// SPDX-License-Identifier: MIT
// Requests on a container (/dev/vfio/vfio), and the extensions it can be asked about.
#pragma once

#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioApiVersion = 0;

inline constexpr uint32_t kVfioType1Iommu = 1;
// Unmaps only whole mappings; the only one with dirty tracking.
inline constexpr uint32_t kVfioType1v2Iommu = 3;
inline constexpr uint32_t kVfioDmaCcIommu = 4;  // the IOMMU enforces cache coherence
inline constexpr uint32_t kVfioType1NestingIommu = 6;
inline constexpr uint32_t kVfioNoiommuIommu = 8;  // no translation, no isolation
inline constexpr uint32_t kVfioUnmapAll = 9;      // VFIO_DMA_UNMAP_FLAG_ALL is known
inline constexpr uint32_t kVfioUpdateVaddr = 10;  // the VADDR flags of map and unmap are known

inline constexpr uint32_t kVfioGetApiVersion = vfioRequest(0);
inline constexpr uint32_t kVfioCheckExtension = vfioRequest(1);
inline constexpr uint32_t kVfioSetIommu = vfioRequest(2);

}  // namespace vfm::uapi
