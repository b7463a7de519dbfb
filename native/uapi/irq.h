// SPDX-License-Identifier: MIT
// Interrupts of a device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioIrqInfoEventfd = 1u << 0;
inline constexpr uint32_t kVfioIrqInfoMaskable = 1u << 1;
inline constexpr uint32_t kVfioIrqInfoAutomasked = 1u << 2;  // masked when it fires, until unmasked
inline constexpr uint32_t kVfioIrqInfoNoresize = 1u << 3;    // a set cannot grow once it is armed
struct VfioIrqInfo {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t count;
};
static_assert(sizeof(VfioIrqInfo) == 16);
static_assert(offsetof(VfioIrqInfo, argsz) == 0);
static_assert(offsetof(VfioIrqInfo, flags) == 4);
static_assert(offsetof(VfioIrqInfo, index) == 8);
static_assert(offsetof(VfioIrqInfo, count) == 12);

inline constexpr uint32_t kVfioDeviceGetIrqInfo = vfioRequest(9);

inline constexpr uint32_t kVfioIrqSetDataNone = 1u << 0;
inline constexpr uint32_t kVfioIrqSetDataBool = 1u << 1;
inline constexpr uint32_t kVfioIrqSetDataEventfd = 1u << 2;
inline constexpr uint32_t kVfioIrqSetActionMask = 1u << 3;
inline constexpr uint32_t kVfioIrqSetActionUnmask = 1u << 4;
inline constexpr uint32_t kVfioIrqSetActionTrigger = 1u << 5;
inline constexpr uint32_t kVfioIrqSetDataTypeMask =
    kVfioIrqSetDataNone | kVfioIrqSetDataBool | kVfioIrqSetDataEventfd;
inline constexpr uint32_t kVfioIrqSetActionTypeMask =
    kVfioIrqSetActionMask | kVfioIrqSetActionUnmask | kVfioIrqSetActionTrigger;
// Data for `count` interrupts follows: nothing, a byte each (BOOL) or a descriptor each (EVENTFD, s32, -1 for
// none). The size of 20 is no multiple of 8, so nothing may be laid behind it by way of an enclosing struct.
struct VfioIrqSet {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t start;
  uint32_t count;
};
static_assert(sizeof(VfioIrqSet) == 20);
static_assert(offsetof(VfioIrqSet, argsz) == 0);
static_assert(offsetof(VfioIrqSet, flags) == 4);
static_assert(offsetof(VfioIrqSet, index) == 8);
static_assert(offsetof(VfioIrqSet, start) == 12);
static_assert(offsetof(VfioIrqSet, count) == 16);

inline constexpr uint32_t kVfioDeviceSetIrqs = vfioRequest(10);

}  // namespace vfm::uapi
