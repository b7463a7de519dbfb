// SPDX-License-Identifier: MIT
// I/O addresses for those who do not care which: the first that fits.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/dma/address_space.h"

namespace vfm {

struct IovaRequest {
  uint64_t size = 0;
  uint64_t alignment = 4096;      // a power of two
  uint64_t lowest = 0;            // the first address that may be used
  uint64_t highest = UINT64_MAX;  // the last one: a device may drive fewer address bits than the IOMMU
};

// The lowest aligned address where `size` bytes lie in one of `valid` and touch none of `taken`. Both sorted
// and without overlap. Nothing: no room.
std::optional<uint64_t> firstFit(const std::vector<IovaRange>& valid, const std::vector<IovaRange>& taken,
                                 const IovaRequest& request);

// Maps at an address of the space's choosing, aligned to the memory's own pages, and answers it. Never in the
// first 64 KiB: an address of 0 is what drivers take for none. ENOSPC: no room below `highest`.
Result<uint64_t> mapAnywhere(AddressSpace& space, const DmaSlice& memory, Protection protection,
                             uint64_t highest = UINT64_MAX);

}  // namespace vfm
