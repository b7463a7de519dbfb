// SPDX-License-Identifier: MIT
// Requests on an IOMMU group (/dev/vfio/N).
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

// Every device of the group is bound to a VFIO driver or to none.
inline constexpr uint32_t kVfioGroupFlagsViable = 1u << 0;
inline constexpr uint32_t kVfioGroupFlagsContainerSet = 1u << 1;
struct VfioGroupStatus {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(VfioGroupStatus) == 8);
static_assert(offsetof(VfioGroupStatus, argsz) == 0);
static_assert(offsetof(VfioGroupStatus, flags) == 4);

inline constexpr uint32_t kVfioGroupGetStatus = vfioRequest(3);
inline constexpr uint32_t kVfioGroupSetContainer = vfioRequest(4);
inline constexpr uint32_t kVfioGroupUnsetContainer = vfioRequest(5);
inline constexpr uint32_t kVfioGroupGetDeviceFd = vfioRequest(6);

}  // namespace vfm::uapi
