// SPDX-License-Identifier: MIT
// A register write done by the kernel whenever an eventfd is signalled.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioDeviceIoeventfd8 = 1u << 0;
inline constexpr uint32_t kVfioDeviceIoeventfd16 = 1u << 1;
inline constexpr uint32_t kVfioDeviceIoeventfd32 = 1u << 2;
inline constexpr uint32_t kVfioDeviceIoeventfd64 = 1u << 3;
inline constexpr uint32_t kVfioDeviceIoeventfdSizeMask = 0xf;
// `offset` is an offset into the device's descriptor; `fd` -1 takes the assignment back.
struct VfioDeviceIoeventfd {
  uint32_t argsz;
  uint32_t flags;
  uint64_t offset;
  uint64_t data;
  int32_t fd;
  uint32_t reserved;
};
static_assert(sizeof(VfioDeviceIoeventfd) == 32);
static_assert(offsetof(VfioDeviceIoeventfd, argsz) == 0);
static_assert(offsetof(VfioDeviceIoeventfd, flags) == 4);
static_assert(offsetof(VfioDeviceIoeventfd, offset) == 8);
static_assert(offsetof(VfioDeviceIoeventfd, data) == 16);
static_assert(offsetof(VfioDeviceIoeventfd, fd) == 24);
static_assert(offsetof(VfioDeviceIoeventfd, reserved) == 28);

inline constexpr uint32_t kVfioDeviceIoeventfd = vfioRequest(16);

}  // namespace vfm::uapi
