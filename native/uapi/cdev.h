// SPDX-License-Identifier: MIT
// Requests on a device's own node (/dev/vfio/devices/vfioN), which lives with an iommufd instead of a group.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

// The first request on the node; every other one fails before it with EINVAL. Lasts until the descriptor is
// closed.
struct VfioDeviceBindIommufd {
  uint32_t argsz;
  uint32_t flags;
  int32_t iommufd;
  uint32_t out_devid;
};
static_assert(sizeof(VfioDeviceBindIommufd) == 16);
static_assert(offsetof(VfioDeviceBindIommufd, argsz) == 0);
static_assert(offsetof(VfioDeviceBindIommufd, flags) == 4);
static_assert(offsetof(VfioDeviceBindIommufd, iommufd) == 8);
static_assert(offsetof(VfioDeviceBindIommufd, out_devid) == 12);

inline constexpr uint32_t kVfioDeviceBindIommufd = vfioRequest(18);

// `pt_id` is an IOAS or an HWPT; the HWPT in use comes back in it.
struct VfioDeviceAttachIommufdPt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pt_id;
};
static_assert(sizeof(VfioDeviceAttachIommufdPt) == 12);
static_assert(offsetof(VfioDeviceAttachIommufdPt, argsz) == 0);
static_assert(offsetof(VfioDeviceAttachIommufdPt, flags) == 4);
static_assert(offsetof(VfioDeviceAttachIommufdPt, pt_id) == 8);

inline constexpr uint32_t kVfioDeviceAttachIommufdPt = vfioRequest(19);

struct VfioDeviceDetachIommufdPt {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(VfioDeviceDetachIommufdPt) == 8);
static_assert(offsetof(VfioDeviceDetachIommufdPt, argsz) == 0);
static_assert(offsetof(VfioDeviceDetachIommufdPt, flags) == 4);

inline constexpr uint32_t kVfioDeviceDetachIommufdPt = vfioRequest(20);

}  // namespace vfm::uapi
