// SPDX-License-Identifier: MIT
// A device's own log of the memory it wrote.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vfm::uapi {

// `ranges` is the address of vfio_device_feature_dma_logging_range[num_ranges]. `page_size` in bytes: a wish
// that comes back as what the device uses.
struct VfioDeviceFeatureDmaLoggingControl {
  uint64_t page_size;
  uint32_t num_ranges;
  uint32_t __reserved;
  uint64_t ranges;
};
static_assert(sizeof(VfioDeviceFeatureDmaLoggingControl) == 24);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingControl, page_size) == 0);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingControl, num_ranges) == 8);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingControl, __reserved) == 12);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingControl, ranges) == 16);

struct VfioDeviceFeatureDmaLoggingRange {
  uint64_t iova;
  uint64_t length;
};
static_assert(sizeof(VfioDeviceFeatureDmaLoggingRange) == 16);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingRange, iova) == 0);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingRange, length) == 8);

inline constexpr uint32_t kVfioDeviceFeatureDmaLoggingStart = 6;
inline constexpr uint32_t kVfioDeviceFeatureDmaLoggingStop = 7;

// `bitmap` is the address of the bitmap, one bit for each page_size bytes; the kernel only sets bits, and
// forgets what it reported.
struct VfioDeviceFeatureDmaLoggingReport {
  uint64_t iova;
  uint64_t length;
  uint64_t page_size;
  uint64_t bitmap;
};
static_assert(sizeof(VfioDeviceFeatureDmaLoggingReport) == 32);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingReport, iova) == 0);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingReport, length) == 8);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingReport, page_size) == 16);
static_assert(offsetof(VfioDeviceFeatureDmaLoggingReport, bitmap) == 24);

inline constexpr uint32_t kVfioDeviceFeatureDmaLoggingReport = 8;

}  // namespace vfm::uapi
