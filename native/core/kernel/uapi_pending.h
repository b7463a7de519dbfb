// SPDX-License-Identifier: MIT
// The few kernel numbers this backend needs, until native/uapi declares them all. To be deleted.
#pragma once

#include <cstdint>

namespace vfm::uapi {

constexpr unsigned long vfioIoctl(unsigned number) { return (';' << 8) | (100 + number); }

constexpr unsigned long VFIO_GET_API_VERSION = vfioIoctl(0);
constexpr unsigned long VFIO_CHECK_EXTENSION = vfioIoctl(1);
constexpr unsigned long VFIO_SET_IOMMU = vfioIoctl(2);
constexpr unsigned long VFIO_GROUP_GET_STATUS = vfioIoctl(3);
constexpr unsigned long VFIO_GROUP_SET_CONTAINER = vfioIoctl(4);
constexpr unsigned long VFIO_GROUP_UNSET_CONTAINER = vfioIoctl(5);
constexpr unsigned long VFIO_GROUP_GET_DEVICE_FD = vfioIoctl(6);
constexpr unsigned long VFIO_DEVICE_GET_INFO = vfioIoctl(7);
constexpr unsigned long VFIO_DEVICE_GET_REGION_INFO = vfioIoctl(8);
constexpr unsigned long VFIO_DEVICE_GET_IRQ_INFO = vfioIoctl(9);
constexpr unsigned long VFIO_DEVICE_RESET = vfioIoctl(11);
constexpr unsigned long VFIO_DEVICE_FEATURE = vfioIoctl(17);
constexpr unsigned long VFIO_MIG_GET_PRECOPY_INFO = vfioIoctl(21);

constexpr int VFIO_API_VERSION = 0;
constexpr uint32_t VFIO_TYPE1_IOMMU = 1;
constexpr uint32_t VFIO_TYPE1v2_IOMMU = 3;
constexpr uint32_t VFIO_NOIOMMU_IOMMU = 8;

constexpr uint32_t VFIO_GROUP_FLAGS_VIABLE = 1;
constexpr uint32_t VFIO_GROUP_FLAGS_CONTAINER_SET = 2;
struct vfio_group_status {
  uint32_t argsz, flags;
};

struct vfio_device_info {
  uint32_t argsz, flags, num_regions, num_irqs, cap_offset, pad;
};

constexpr uint32_t VFIO_REGION_INFO_FLAG_READ = 1;
constexpr uint32_t VFIO_REGION_INFO_FLAG_WRITE = 2;
constexpr uint32_t VFIO_REGION_INFO_FLAG_MMAP = 4;
constexpr uint32_t VFIO_REGION_INFO_FLAG_CAPS = 8;
constexpr uint16_t VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1;
constexpr uint16_t VFIO_REGION_INFO_CAP_TYPE = 2;
struct vfio_region_info {
  uint32_t argsz, flags, index, cap_offset;
  uint64_t size, offset;
};

struct vfio_irq_info {
  uint32_t argsz, flags, index, count;
};

constexpr uint32_t VFIO_DEVICE_FEATURE_GET = 1 << 16;
constexpr uint32_t VFIO_DEVICE_FEATURE_SET = 1 << 17;
constexpr uint32_t VFIO_DEVICE_FEATURE_PROBE = 1 << 18;
constexpr uint32_t VFIO_DEVICE_FEATURE_MIGRATION = 1;
constexpr uint32_t VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE = 2;
constexpr uint32_t VFIO_DEVICE_FEATURE_MIG_DATA_SIZE = 9;
struct vfio_device_feature {
  uint32_t argsz, flags;
};
struct vfio_device_feature_migration {
  uint64_t flags;
};
struct vfio_device_feature_mig_state {
  uint32_t device_state;
  int32_t data_fd;
};
struct vfio_device_feature_mig_data_size {
  uint64_t stop_copy_length;
};
struct vfio_precopy_info {
  uint32_t argsz, flags;
  uint64_t initial_bytes, dirty_bytes;
};

constexpr uint32_t VFIO_DEVICE_STATE_ERROR = 0;
constexpr uint32_t VFIO_DEVICE_STATE_STOP = 1;
constexpr uint32_t VFIO_DEVICE_STATE_RUNNING = 2;
constexpr uint32_t VFIO_DEVICE_STATE_STOP_COPY = 3;
constexpr uint32_t VFIO_DEVICE_STATE_RESUMING = 4;
constexpr uint32_t VFIO_DEVICE_STATE_RUNNING_P2P = 5;
constexpr uint32_t VFIO_DEVICE_STATE_PRE_COPY = 6;
constexpr uint32_t VFIO_DEVICE_STATE_PRE_COPY_P2P = 7;

}  // namespace vfm::uapi
