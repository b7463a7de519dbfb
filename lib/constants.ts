// SPDX-License-Identifier: MIT
// The numbers of the kernel's VFIO and iommufd interfaces under the kernel's names (include/uapi/linux/vfio.h and iommufd.h),
// for whoever issues requests of their own or reads raw states. Request numbers are those of every architecture with the generic
// encoding (x86, arm64, riscv, s390). Checked against native/uapi, which is checked against a kernel's headers.

// How VFIO and iommufd requests are numbered: no size in the number, every struct says its own (argsz, size).
export const VFIO_TYPE = 0x3b
export const VFIO_BASE = 100
export const IOMMUFD_TYPE = 0x3b
export const IOMMUFD_CMD_BASE = 0x80

// Requests on a container (/dev/vfio/vfio), and the extensions it can be asked about.
export const VFIO_API_VERSION = 0
export const VFIO_TYPE1_IOMMU = 1
/** Unmaps only whole mappings; the only one with dirty tracking. */
export const VFIO_TYPE1v2_IOMMU = 3
/** The IOMMU enforces cache coherence. */
export const VFIO_DMA_CC_IOMMU = 4
export const VFIO_TYPE1_NESTING_IOMMU = 6
/** No translation, no isolation. */
export const VFIO_NOIOMMU_IOMMU = 8
/** VFIO_DMA_UNMAP_FLAG_ALL is known. */
export const VFIO_UNMAP_ALL = 9
/** The VADDR flags of map and unmap are known. */
export const VFIO_UPDATE_VADDR = 10
export const VFIO_GET_API_VERSION = 0x3b64
export const VFIO_CHECK_EXTENSION = 0x3b65
export const VFIO_SET_IOMMU = 0x3b66

// Requests on an IOMMU group (/dev/vfio/N).
/** Every device of the group is bound to a VFIO driver or to none. */
export const VFIO_GROUP_FLAGS_VIABLE = 1 << 0
export const VFIO_GROUP_FLAGS_CONTAINER_SET = 1 << 1
export const VFIO_GROUP_GET_STATUS = 0x3b67
export const VFIO_GROUP_SET_CONTAINER = 0x3b68
export const VFIO_GROUP_UNSET_CONTAINER = 0x3b69
export const VFIO_GROUP_GET_DEVICE_FD = 0x3b6a

// The type1 IOMMU: mapping, its limits, and dirty pages, on a container whose IOMMU is set.
export const VFIO_IOMMU_INFO_PGSIZES = 1 << 0
export const VFIO_IOMMU_INFO_CAPS = 1 << 1
export const VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1
export const VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION = 2
export const VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL = 3
export const VFIO_IOMMU_GET_INFO = 0x3b70
export const VFIO_DMA_MAP_FLAG_READ = 1 << 0
export const VFIO_DMA_MAP_FLAG_WRITE = 1 << 1
export const VFIO_DMA_MAP_FLAG_VADDR = 1 << 2
export const VFIO_IOMMU_MAP_DMA = 0x3b71
export const VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP = 1 << 0
export const VFIO_DMA_UNMAP_FLAG_ALL = 1 << 1
export const VFIO_DMA_UNMAP_FLAG_VADDR = 1 << 2
export const VFIO_IOMMU_UNMAP_DMA = 0x3b72
export const VFIO_IOMMU_DIRTY_PAGES_FLAG_START = 1 << 0
export const VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP = 1 << 1
export const VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP = 1 << 2
export const VFIO_IOMMU_DIRTY_PAGES = 0x3b75

// What a device says about itself, and reset.
export const VFIO_DEVICE_FLAGS_RESET = 1 << 0
export const VFIO_DEVICE_FLAGS_PCI = 1 << 1
export const VFIO_DEVICE_FLAGS_PLATFORM = 1 << 2
export const VFIO_DEVICE_FLAGS_AMBA = 1 << 3
export const VFIO_DEVICE_FLAGS_CCW = 1 << 4
export const VFIO_DEVICE_FLAGS_AP = 1 << 5
export const VFIO_DEVICE_FLAGS_FSL_MC = 1 << 6
export const VFIO_DEVICE_FLAGS_CAPS = 1 << 7
export const VFIO_DEVICE_FLAGS_CDX = 1 << 8
export const VFIO_DEVICE_GET_INFO = 0x3b6b
export const VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP = 5
export const VFIO_PCI_ATOMIC_COMP32 = 1 << 0
export const VFIO_PCI_ATOMIC_COMP64 = 1 << 1
export const VFIO_PCI_ATOMIC_COMP128 = 1 << 2
export const VFIO_DEVICE_RESET = 0x3b6f

// Regions of a device: sizes, mappable areas, types.
export const VFIO_REGION_INFO_FLAG_READ = 1 << 0
export const VFIO_REGION_INFO_FLAG_WRITE = 1 << 1
export const VFIO_REGION_INFO_FLAG_MMAP = 1 << 2
export const VFIO_REGION_INFO_FLAG_CAPS = 1 << 3
export const VFIO_DEVICE_GET_REGION_INFO = 0x3b6c
export const VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1
export const VFIO_REGION_INFO_CAP_TYPE = 2
export const VFIO_REGION_INFO_CAP_MSIX_MAPPABLE = 3
export const VFIO_REGION_INFO_CAP_NVLINK2_SSATGT = 4
export const VFIO_REGION_INFO_CAP_NVLINK2_LNKSPD = 5
export const VFIO_REGION_TYPE_PCI_VENDOR_TYPE = 0x80000000
export const VFIO_REGION_TYPE_PCI_VENDOR_MASK = 0xffff
/** Under Intel's vendor type (`VFIO_REGION_TYPE_PCI_VENDOR_TYPE | 0x8086`). */
export const VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION = 1
export const VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG = 2
export const VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG = 3
/** Under NVIDIA's (0x10de) and IBM's (0x1014): POWER9 only, gone since 5.13. */
export const VFIO_REGION_SUBTYPE_NVIDIA_NVLINK2_RAM = 1
export const VFIO_REGION_SUBTYPE_IBM_NVLINK2_ATSD = 1
export const VFIO_REGION_TYPE_GFX = 1
export const VFIO_REGION_SUBTYPE_GFX_EDID = 1
export const VFIO_REGION_TYPE_CCW = 2
export const VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD = 1
export const VFIO_REGION_SUBTYPE_CCW_SCHIB = 2
export const VFIO_REGION_SUBTYPE_CCW_CRW = 3

// Interrupts of a device.
export const VFIO_IRQ_INFO_EVENTFD = 1 << 0
export const VFIO_IRQ_INFO_MASKABLE = 1 << 1
/** Masked when it fires, until unmasked. */
export const VFIO_IRQ_INFO_AUTOMASKED = 1 << 2
/** A set cannot grow once it is armed. */
export const VFIO_IRQ_INFO_NORESIZE = 1 << 3
export const VFIO_DEVICE_GET_IRQ_INFO = 0x3b6d
export const VFIO_IRQ_SET_DATA_NONE = 1 << 0
export const VFIO_IRQ_SET_DATA_BOOL = 1 << 1
export const VFIO_IRQ_SET_DATA_EVENTFD = 1 << 2
export const VFIO_IRQ_SET_ACTION_MASK = 1 << 3
export const VFIO_IRQ_SET_ACTION_UNMASK = 1 << 4
export const VFIO_IRQ_SET_ACTION_TRIGGER = 1 << 5
export const VFIO_IRQ_SET_DATA_TYPE_MASK =
  VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD
export const VFIO_IRQ_SET_ACTION_TYPE_MASK =
  VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER
export const VFIO_DEVICE_SET_IRQS = 0x3b6e

// What is peculiar to PCI devices: fixed region and interrupt indexes, and hot reset.
export const VFIO_PCI_BAR0_REGION_INDEX = 0
export const VFIO_PCI_BAR1_REGION_INDEX = 1
export const VFIO_PCI_BAR2_REGION_INDEX = 2
export const VFIO_PCI_BAR3_REGION_INDEX = 3
export const VFIO_PCI_BAR4_REGION_INDEX = 4
export const VFIO_PCI_BAR5_REGION_INDEX = 5
export const VFIO_PCI_ROM_REGION_INDEX = 6
export const VFIO_PCI_CONFIG_REGION_INDEX = 7
export const VFIO_PCI_VGA_REGION_INDEX = 8
/** Indexes from here on are the driver's own: their type capability says what they are. */
export const VFIO_PCI_NUM_REGIONS = 9
export const VFIO_PCI_INTX_IRQ_INDEX = 0
export const VFIO_PCI_MSI_IRQ_INDEX = 1
export const VFIO_PCI_MSIX_IRQ_INDEX = 2
export const VFIO_PCI_ERR_IRQ_INDEX = 3
export const VFIO_PCI_REQ_IRQ_INDEX = 4
export const VFIO_PCI_NUM_IRQS = 5
export const VFIO_PCI_DEVID_OWNED = 0
export const VFIO_PCI_DEVID_NOT_OWNED = -1
export const VFIO_PCI_HOT_RESET_FLAG_DEV_ID = 1 << 0
export const VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED = 1 << 1
export const VFIO_DEVICE_GET_PCI_HOT_RESET_INFO = 0x3b70
export const VFIO_DEVICE_PCI_HOT_RESET = 0x3b71

// A register write done by the kernel whenever an eventfd is signalled.
export const VFIO_DEVICE_IOEVENTFD_8 = 1 << 0
export const VFIO_DEVICE_IOEVENTFD_16 = 1 << 1
export const VFIO_DEVICE_IOEVENTFD_32 = 1 << 2
export const VFIO_DEVICE_IOEVENTFD_64 = 1 << 3
export const VFIO_DEVICE_IOEVENTFD_SIZE_MASK = 0xf
export const VFIO_DEVICE_IOEVENTFD = 0x3b74

// The first migration protocol: the registers at the start of a device's migration region.
export const VFIO_REGION_TYPE_MIGRATION_DEPRECATED = 3
export const VFIO_REGION_SUBTYPE_MIGRATION_DEPRECATED = 1
export const VFIO_DEVICE_STATE_V1_STOP = 0
export const VFIO_DEVICE_STATE_V1_RUNNING = 1 << 0
export const VFIO_DEVICE_STATE_V1_SAVING = 1 << 1
export const VFIO_DEVICE_STATE_V1_RESUMING = 1 << 2
export const VFIO_DEVICE_STATE_MASK =
  VFIO_DEVICE_STATE_V1_RUNNING | VFIO_DEVICE_STATE_V1_SAVING | VFIO_DEVICE_STATE_V1_RESUMING

// VFIO_DEVICE_FEATURE and those features that have to do with neither migration nor dirty memory.
export const VFIO_DEVICE_FEATURE_MASK = 0xffff
export const VFIO_DEVICE_FEATURE_GET = 1 << 16
export const VFIO_DEVICE_FEATURE_SET = 1 << 17
export const VFIO_DEVICE_FEATURE_PROBE = 1 << 18
export const VFIO_DEVICE_FEATURE = 0x3b75
export const VFIO_DEVICE_FEATURE_PCI_VF_TOKEN = 0
export const VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY = 3
export const VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP = 4
export const VFIO_DEVICE_FEATURE_LOW_POWER_EXIT = 5
export const VFIO_DEVICE_FEATURE_CLEAR_MASTER = 0
export const VFIO_DEVICE_FEATURE_SET_MASTER = 1
export const VFIO_DEVICE_FEATURE_BUS_MASTER = 10
/** Newer than 6.12. */
export const VFIO_DEVICE_FEATURE_DMA_BUF = 11
/** S390 only, newer than 6.12. */
export const VFIO_DEVICE_FEATURE_ZPCI_ERROR = 13

// The second migration protocol: capabilities, states, and the sizes a device expects to move.
export const VFIO_MIGRATION_STOP_COPY = 1 << 0
export const VFIO_MIGRATION_P2P = 1 << 1
export const VFIO_MIGRATION_PRE_COPY = 1 << 2
export const VFIO_DEVICE_FEATURE_MIGRATION = 1
export const VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE = 2
export const VFIO_DEVICE_STATE_ERROR = 0
export const VFIO_DEVICE_STATE_STOP = 1
export const VFIO_DEVICE_STATE_RUNNING = 2
export const VFIO_DEVICE_STATE_STOP_COPY = 3
export const VFIO_DEVICE_STATE_RESUMING = 4
export const VFIO_DEVICE_STATE_RUNNING_P2P = 5
export const VFIO_DEVICE_STATE_PRE_COPY = 6
export const VFIO_DEVICE_STATE_PRE_COPY_P2P = 7
/** One more than the last state this header knows; a kernel may know more. */
export const VFIO_DEVICE_STATE_NR = 8
/** Newer than 6.12; means something only after SET of MIG_PRECOPY_INFOv2 succeeded. */
export const VFIO_PRECOPY_INFO_REINIT = 1 << 0
export const VFIO_MIG_GET_PRECOPY_INFO = 0x3b79
export const VFIO_DEVICE_FEATURE_MIG_DATA_SIZE = 9
/** Newer than 6.12. */
export const VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12

// A device's own log of the memory it wrote.
export const VFIO_DEVICE_FEATURE_DMA_LOGGING_START = 6
export const VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP = 7
export const VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT = 8

// Requests on a device's own node (/dev/vfio/devices/vfioN), which lives with an iommufd instead of a group.
export const VFIO_DEVICE_BIND_IOMMUFD = 0x3b76
export const VFIO_DEVICE_ATTACH_IOMMUFD_PT = 0x3b77
export const VFIO_DEVICE_DETACH_IOMMUFD_PT = 0x3b78

// An iommufd's objects in general: destroying them, options, and the IOAS that stands in for a container.
export const IOMMU_DESTROY = 0x3b80
/** Of the whole iommufd: pinned memory is charged to the user (0) or the process (1). */
export const IOMMU_OPTION_RLIMIT_MODE = 0
/** Of one IOAS. */
export const IOMMU_OPTION_HUGE_PAGES = 1
export const IOMMU_OPTION_OP_SET = 0
export const IOMMU_OPTION_OP_GET = 1
export const IOMMU_OPTION = 0x3b87
export const IOMMU_VFIO_IOAS_GET = 0
export const IOMMU_VFIO_IOAS_SET = 1
export const IOMMU_VFIO_IOAS_CLEAR = 2
export const IOMMU_VFIO_IOAS = 0x3b88

// An iommufd's address space (IOAS): which IOVAs exist, and what they are mapped to.
export const IOMMU_IOAS_ALLOC = 0x3b81
export const IOMMU_IOAS_IOVA_RANGES = 0x3b84
export const IOMMU_IOAS_ALLOW_IOVAS = 0x3b82
export const IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0
export const IOMMU_IOAS_MAP_WRITEABLE = 1 << 1
export const IOMMU_IOAS_MAP_READABLE = 1 << 2
export const IOMMU_IOAS_MAP = 0x3b85
export const IOMMU_IOAS_COPY = 0x3b83
export const IOMMU_IOAS_UNMAP = 0x3b86

// Hardware page tables (HWPT), and the dirty bits an IOMMU keeps in them.
export const IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0
/** Cannot be had later. */
export const IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1
export const IOMMU_HWPT_FAULT_ID_VALID = 1 << 2
export const IOMMU_HWPT_DATA_NONE = 0
export const IOMMU_HWPT_DATA_VTD_S1 = 1
export const IOMMU_HWPT_ALLOC = 0x3b89
/** Absent: tracking is switched off. */
export const IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1
export const IOMMU_HWPT_SET_DIRTY_TRACKING = 0x3b8b
export const IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1
export const IOMMU_HWPT_GET_DIRTY_BITMAP = 0x3b8c

// What the IOMMU behind a device can do.
export const IOMMU_HW_INFO_TYPE_NONE = 0
export const IOMMU_HW_INFO_TYPE_INTEL_VTD = 1
export const IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0
export const IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1
export const IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2
export const IOMMU_GET_HW_INFO = 0x3b8a
export const IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0
