// SPDX-License-Identifier: MIT
// How VFIO and iommufd requests are numbered: no size in the number, every struct says its own (argsz, size).
#pragma once

#include <linux/ioctl.h>

#include <cstdint>

namespace vfm::uapi {

inline constexpr uint32_t kVfioType = ';';
inline constexpr uint32_t kVfioBase = 100;
inline constexpr uint32_t kIommufdType = ';';
inline constexpr uint32_t kIommufdCmdBase = 0x80;

// _IO, because the direction bits of "none" differ between architectures.
constexpr uint32_t vfioRequest(uint32_t number) { return _IO(kVfioType, kVfioBase + number); }
constexpr uint32_t iommufdRequest(uint32_t number) { return _IO(kIommufdType, number); }

}  // namespace vfm::uapi
