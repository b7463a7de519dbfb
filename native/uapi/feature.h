// SPDX-License-Identifier: MIT
// VFIO_DEVICE_FEATURE and those features that have to do with neither migration nor dirty memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "uapi/request.h"

namespace vfm::uapi {

inline constexpr uint32_t kVfioDeviceFeatureMask = 0xffff;
inline constexpr uint32_t kVfioDeviceFeatureGet = 1u << 16;
inline constexpr uint32_t kVfioDeviceFeatureSet = 1u << 17;
inline constexpr uint32_t kVfioDeviceFeatureProbe = 1u << 18;
// `flags` is a feature's number and what to do with it; the feature's own struct follows. ENOTTY: the device
// has no such feature.
struct VfioDeviceFeature {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(VfioDeviceFeature) == 8);
static_assert(offsetof(VfioDeviceFeature, argsz) == 0);
static_assert(offsetof(VfioDeviceFeature, flags) == 4);

// The same number as VFIO_IOMMU_DIRTY_PAGES: which of the two it is depends on the descriptor alone.
inline constexpr uint32_t kVfioDeviceFeature = vfioRequest(17);

// Payload of SET: 16 bytes of UUID.
inline constexpr uint32_t kVfioDeviceFeaturePciVfToken = 0;

inline constexpr uint32_t kVfioDeviceFeatureLowPowerEntry = 3;
struct VfioDeviceLowPowerEntryWithWakeup {
  int32_t wakeup_eventfd;
  uint32_t reserved;
};
static_assert(sizeof(VfioDeviceLowPowerEntryWithWakeup) == 8);
static_assert(offsetof(VfioDeviceLowPowerEntryWithWakeup, wakeup_eventfd) == 0);
static_assert(offsetof(VfioDeviceLowPowerEntryWithWakeup, reserved) == 4);

inline constexpr uint32_t kVfioDeviceFeatureLowPowerEntryWithWakeup = 4;
inline constexpr uint32_t kVfioDeviceFeatureLowPowerExit = 5;

inline constexpr uint32_t kVfioDeviceFeatureClearMaster = 0;
inline constexpr uint32_t kVfioDeviceFeatureSetMaster = 1;
struct VfioDeviceFeatureBusMaster {
  uint32_t op;
};
static_assert(sizeof(VfioDeviceFeatureBusMaster) == 4);
static_assert(offsetof(VfioDeviceFeatureBusMaster, op) == 0);

inline constexpr uint32_t kVfioDeviceFeatureBusMaster = 10;

// Relative to the region.
struct VfioRegionDmaRange {
  uint64_t offset;
  uint64_t length;
};
static_assert(sizeof(VfioRegionDmaRange) == 16);
static_assert(offsetof(VfioRegionDmaRange, offset) == 0);
static_assert(offsetof(VfioRegionDmaRange, length) == 8);

// vfio_region_dma_range[nr_ranges] follow. GET returns a descriptor as the result of the ioctl. `open_flags`
// as for open(2).
struct VfioDeviceFeatureDmaBuf {
  uint32_t region_index;
  uint32_t open_flags;
  uint32_t flags;
  uint32_t nr_ranges;
};
static_assert(sizeof(VfioDeviceFeatureDmaBuf) == 16);
static_assert(offsetof(VfioDeviceFeatureDmaBuf, region_index) == 0);
static_assert(offsetof(VfioDeviceFeatureDmaBuf, open_flags) == 4);
static_assert(offsetof(VfioDeviceFeatureDmaBuf, flags) == 8);
static_assert(offsetof(VfioDeviceFeatureDmaBuf, nr_ranges) == 12);

inline constexpr uint32_t kVfioDeviceFeatureDmaBuf = 11;  // newer than 6.12

inline constexpr uint32_t kVfioDeviceFeatureZpciError = 13;  // s390 only, newer than 6.12

}  // namespace vfm::uapi
