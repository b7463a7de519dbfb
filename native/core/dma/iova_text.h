// SPDX-License-Identifier: MIT
// I/O addresses as people read them, for the details of failures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dma/dirty_bitmap.h"

namespace vfm {

std::string iovaText(uint64_t iova);                           // 0x1000
std::string rangeText(uint64_t first, uint64_t last);          // 0x1000-0x1fff
std::string rangesText(const std::vector<IovaRange>& ranges);  // the first few of them
std::string pageSizesText(uint64_t bitmap);                    // "4096, 2097152"; long runs are cut short

}  // namespace vfm
