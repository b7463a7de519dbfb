// SPDX-License-Identifier: MIT
// The chain of capabilities behind an info struct (struct vfio_info_cap_header: u16 id, u16 version, u32
// next), and what a region's chain means. Pure functions over bytes: the same for a kernel's answer and for a
// vfio-user peer's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/base/span.h"
#include "core/device/info.h"

namespace vfm::kernel {

struct Capability {
  uint16_t id = 0;
  uint16_t version = 0;
  size_t offset = 0;   // of its header, from the start of the struct
  ConstBytes payload;  // what follows the header, up to the end of the struct: a capability does not say its
                       // own length
};

// `info` is the whole struct with everything the device put behind it (its argsz bytes), `fixedSize` the size
// of the struct itself, `first` its cap_offset (0: no chain). The payloads point into `info`. Refused
// (Reason::kMalformed): a header that lies inside the struct, beyond its end, on no multiple of four, or that
// was there before (a loop).
Result<std::vector<Capability>> parseCapabilityChain(ConstBytes info, size_t fixedSize, uint32_t first);

// A struct vfio_region_info with its chain. `info` holds argsz bytes as the device filled them in.
//
// Mappable areas: with a sparse-mmap capability its areas, without one the whole region, and none unless
// FLAG_MMAP is set. An area whose start is not on a page loses what lies before the next page (nobody could
// map it), an empty one vanishes. Refused (Reason::kMalformed): another index than the one asked for, a
// region beyond what a file offset can reach, areas outside the region or overlapping, a sparse-mmap or type
// capability that is cut off or there twice, a broken chain.
Result<RegionInfo> parseRegionInfo(ConstBytes info, uint32_t index, size_t pageSize);

}  // namespace vfm::kernel
