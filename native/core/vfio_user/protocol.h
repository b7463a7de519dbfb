// SPDX-License-Identifier: MIT
// vfio-user on the wire: the header of every message, the commands, and the payloads that <linux/vfio.h> has
// no struct for. Host byte order: both ends are on one machine. Where a payload is the kernel's own struct,
// native/uapi has it: GET_REGION_INFO (VfioRegionInfo), GET_IRQ_INFO (VfioIrqInfo), SET_IRQS (VfioIrqSet),
// DEVICE_FEATURE (VfioDeviceFeature and the features' payloads).
// Source: QEMU's docs/interop/vfio-user.rst, and for DIRTY_PAGES libvfio-user's text before September 2023.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace vfm::vfio_user {

// What we speak. A server may answer a lower minor version, never another major one.
inline constexpr uint16_t kMajor = 0;
inline constexpr uint16_t kMinor = 2;

enum class Command : uint16_t {
  kVersion = 1,
  kDmaMap = 2,
  kDmaUnmap = 3,
  kDeviceGetInfo = 4,
  kDeviceGetRegionInfo = 5,
  kDeviceGetRegionIoFds = 6,
  kDeviceGetIrqInfo = 7,
  kDeviceSetIrqs = 8,
  kRegionRead = 9,
  kRegionWrite = 10,
  kDmaRead = 11,   // from the server to the client
  kDmaWrite = 12,  // from the server to the client
  kDeviceReset = 13,
  kDirtyPages = 14,  // of the first migration protocol only
  kRegionWriteMulti = 15,
  kDeviceFeature = 16,
  kMigDataRead = 17,
  kMigDataWrite = 18
};

inline constexpr uint32_t kFlagTypeMask = 0xf;
inline constexpr uint32_t kFlagCommand = 0;
inline constexpr uint32_t kFlagReply = 1;
inline constexpr uint32_t kFlagNoReply = 1u << 4;  // on a command: none is wanted
inline constexpr uint32_t kFlagError = 1u << 5;    // on a reply: error_no says why (0: as EINVAL)

// A reply carries its command's msg_id and cmd. Descriptors travel as SCM_RIGHTS on the header's first byte.
struct Header {
  uint16_t msg_id;
  uint16_t cmd;
  uint32_t msg_size;  // of header and payload
  uint32_t flags;
  uint32_t error_no;
};
static_assert(sizeof(Header) == 16);
static_assert(offsetof(Header, msg_id) == 0);
static_assert(offsetof(Header, cmd) == 2);
static_assert(offsetof(Header, msg_size) == 4);
static_assert(offsetof(Header, flags) == 8);
static_assert(offsetof(Header, error_no) == 12);

// VERSION, both ways: the capabilities follow as JSON with a NUL at its end (version.h), or nothing does.
struct VersionPayload {
  uint16_t major;
  uint16_t minor;
};
static_assert(sizeof(VersionPayload) == 4);
static_assert(offsetof(VersionPayload, minor) == 2);

// DEVICE_GET_INFO, both ways: the kernel's struct before it had capabilities.
struct DeviceInfoPayload {
  uint32_t argsz;
  uint32_t flags;  // VFIO_DEVICE_FLAGS_*
  uint32_t num_regions;
  uint32_t num_irqs;
};
static_assert(sizeof(DeviceInfoPayload) == 16);
static_assert(offsetof(DeviceInfoPayload, num_irqs) == 12);

inline constexpr uint32_t kDmaMapRead = 1u << 0;
inline constexpr uint32_t kDmaMapWrite = 1u << 1;
// DMA_MAP. With a descriptor the server maps it at `offset`; without one it asks by DMA_READ and DMA_WRITE.
// The reply has no payload.
struct DmaMapPayload {
  uint32_t argsz;
  uint32_t flags;
  uint64_t offset;
  uint64_t iova;
  uint64_t size;
};
static_assert(sizeof(DmaMapPayload) == 32);
static_assert(offsetof(DmaMapPayload, offset) == 8);
static_assert(offsetof(DmaMapPayload, iova) == 16);
static_assert(offsetof(DmaMapPayload, size) == 24);

inline constexpr uint32_t kDmaUnmapGetDirtyBitmap = 1u << 0;
inline constexpr uint32_t kDmaUnmapAll = 1u << 1;
// DMA_UNMAP, and what its reply repeats. Exactly one mapping, or with kDmaUnmapAll all of them and zeros
// here.
struct DmaUnmapPayload {
  uint32_t argsz;
  uint32_t flags;
  uint64_t iova;
  uint64_t size;
};
static_assert(sizeof(DmaUnmapPayload) == 24);
static_assert(offsetof(DmaUnmapPayload, iova) == 8);
static_assert(offsetof(DmaUnmapPayload, size) == 16);

// REGION_READ and REGION_WRITE, and what their replies begin with; data follows in a write and in a read's
// reply.
struct RegionAccessPayload {
  uint64_t offset;
  uint32_t region;
  uint32_t count;
};
static_assert(sizeof(RegionAccessPayload) == 16);
static_assert(offsetof(RegionAccessPayload, region) == 8);
static_assert(offsetof(RegionAccessPayload, count) == 12);

// DMA_READ and DMA_WRITE, and what their replies begin with; data follows in a write and in a read's reply.
struct DmaAccessPayload {
  uint64_t address;
  uint64_t count;
};
static_assert(sizeof(DmaAccessPayload) == 16);
static_assert(offsetof(DmaAccessPayload, count) == 8);

// MIG_DATA_READ and its reply, MIG_DATA_WRITE; data follows in the last two. `size` of a read's reply is what
// counts: libvfio-user pads the message to what was asked for. 0: the end of this phase.
struct MigDataPayload {
  uint32_t argsz;  // of this struct and the data
  uint32_t size;   // of the data
};
static_assert(sizeof(MigDataPayload) == 8);
static_assert(offsetof(MigDataPayload, size) == 4);

inline constexpr uint32_t kDirtyPagesStart = 1u << 0;
inline constexpr uint32_t kDirtyPagesStop = 1u << 1;
inline constexpr uint32_t kDirtyPagesGet = 1u << 2;
// DIRTY_PAGES. With kDirtyPagesGet a DirtyPagesRange follows, and in its reply the bitmap behind that.
struct DirtyPagesPayload {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(DirtyPagesPayload) == 8);
static_assert(offsetof(DirtyPagesPayload, flags) == 4);

struct DirtyPagesRange {
  uint64_t iova;
  uint64_t size;
  uint64_t pgsize;
  uint64_t bitmap_size;  // bytes
};
static_assert(sizeof(DirtyPagesRange) == 32);
static_assert(offsetof(DirtyPagesRange, size) == 8);
static_assert(offsetof(DirtyPagesRange, pgsize) == 16);
static_assert(offsetof(DirtyPagesRange, bitmap_size) == 24);

// SET of VFIO_DEVICE_FEATURE_DMA_LOGGING_START: the kernel's struct with the ranges
// (uapi::VfioDeviceFeatureDmaLoggingRange each) behind it instead of their address.
struct DmaLoggingStartPayload {
  uint64_t page_size;
  uint32_t num_ranges;
  uint32_t reserved;
};
static_assert(sizeof(DmaLoggingStartPayload) == 16);
static_assert(offsetof(DmaLoggingStartPayload, num_ranges) == 8);

// GET of VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT: the same, with the bitmap (whole u64s) behind it in the
// reply.
struct DmaLoggingReportPayload {
  uint64_t iova;
  uint64_t length;
  uint64_t page_size;
};
static_assert(sizeof(DmaLoggingReportPayload) == 24);
static_assert(offsetof(DmaLoggingReportPayload, length) == 8);
static_assert(offsetof(DmaLoggingReportPayload, page_size) == 16);

// "DMA_MAP", ...; "command 99" for those that are none. For messages and errors.
std::string commandName(uint16_t command);

}  // namespace vfm::vfio_user
