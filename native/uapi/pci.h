// SPDX-License-Identifier: MIT
// What is peculiar to PCI devices: fixed region and interrupt indexes, and hot reset.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioPciBar0RegionIndex = 0;
inline constexpr uint32_t kVfioPciBar1RegionIndex = 1;
inline constexpr uint32_t kVfioPciBar2RegionIndex = 2;
inline constexpr uint32_t kVfioPciBar3RegionIndex = 3;
inline constexpr uint32_t kVfioPciBar4RegionIndex = 4;
inline constexpr uint32_t kVfioPciBar5RegionIndex = 5;
inline constexpr uint32_t kVfioPciRomRegionIndex = 6;
inline constexpr uint32_t kVfioPciConfigRegionIndex = 7;
inline constexpr uint32_t kVfioPciVgaRegionIndex = 8;
// Indexes from here on are the driver's own: their type capability says what they are.
inline constexpr uint32_t kVfioPciNumRegions = 9;

inline constexpr uint32_t kVfioPciIntxIrqIndex = 0;
inline constexpr uint32_t kVfioPciMsiIrqIndex = 1;
inline constexpr uint32_t kVfioPciMsixIrqIndex = 2;
inline constexpr uint32_t kVfioPciErrIrqIndex = 3;
inline constexpr uint32_t kVfioPciReqIrqIndex = 4;
inline constexpr uint32_t kVfioPciNumIrqs = 5;

inline constexpr uint32_t kVfioPciDevidOwned = 0;
inline constexpr int32_t kVfioPciDevidNotOwned = -1;
struct VfioPciDependentDevice {
  union {
    uint32_t group_id;
    uint32_t devid;
  };  // devid with FLAG_DEV_ID
  uint16_t segment;
  uint8_t bus;
  uint8_t devfn;
};
static_assert(sizeof(VfioPciDependentDevice) == 8);
static_assert(offsetof(VfioPciDependentDevice, group_id) == 0);
static_assert(offsetof(VfioPciDependentDevice, devid) == 0);
static_assert(offsetof(VfioPciDependentDevice, segment) == 4);
static_assert(offsetof(VfioPciDependentDevice, bus) == 6);
static_assert(offsetof(VfioPciDependentDevice, devfn) == 7);

inline constexpr uint32_t kVfioPciHotResetFlagDevId = 1u << 0;
inline constexpr uint32_t kVfioPciHotResetFlagDevIdOwned = 1u << 1;
// vfio_pci_dependent_device[count] follow. ENOSPC says that argsz was too small; `count` then is how many
// there are.
struct VfioPciHotResetInfo {
  uint32_t argsz;
  uint32_t flags;
  uint32_t count;
};
static_assert(sizeof(VfioPciHotResetInfo) == 12);
static_assert(offsetof(VfioPciHotResetInfo, argsz) == 0);
static_assert(offsetof(VfioPciHotResetInfo, flags) == 4);
static_assert(offsetof(VfioPciHotResetInfo, count) == 8);

inline constexpr uint32_t kVfioDeviceGetPciHotResetInfo = vfioRequest(12);

// s32[count] group descriptors follow; none for a device opened through its own node.
struct VfioPciHotReset {
  uint32_t argsz;
  uint32_t flags;
  uint32_t count;
};
static_assert(sizeof(VfioPciHotReset) == 12);
static_assert(offsetof(VfioPciHotReset, argsz) == 0);
static_assert(offsetof(VfioPciHotReset, flags) == 4);
static_assert(offsetof(VfioPciHotReset, count) == 8);

inline constexpr uint32_t kVfioDevicePciHotReset = vfioRequest(13);

}  // namespace vfm::uapi
