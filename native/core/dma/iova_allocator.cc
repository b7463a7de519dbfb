// SPDX-License-Identifier: MIT
#include "core/dma/iova_allocator.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "core/dma/iova_text.h"
#include "core/dma/mapping_table.h"

namespace vfm {
namespace {

constexpr const char* kMap = "map at a free I/O address";
constexpr uint64_t kLowest = 64 << 10;
// How often somebody else may take the address that was found before that is called a failure.
constexpr int kRounds = 1000;

// The first multiple of `alignment` at or after `at`; nothing past the end of 64 bits.
std::optional<uint64_t> alignedUp(uint64_t at, uint64_t alignment) {
  const uint64_t low = at & (alignment - 1);
  if (low == 0) return at;
  if (at > UINT64_MAX - (alignment - low)) return std::nullopt;
  return at + (alignment - low);
}

}  // namespace

std::optional<uint64_t> firstFit(const std::vector<IovaRange>& valid, const std::vector<IovaRange>& taken,
                                 const IovaRequest& request) {
  if (request.size == 0) return std::nullopt;
  auto obstacle = taken.begin();
  for (const IovaRange& range : valid) {
    const uint64_t last = std::min(range.last, request.highest);
    std::optional<uint64_t> at = alignedUp(std::max(range.first, request.lowest), request.alignment);
    while (at && *at <= last && request.size - 1 <= last - *at) {
      while (obstacle != taken.end() && obstacle->last < *at) ++obstacle;
      if (obstacle == taken.end() || obstacle->first > *at + (request.size - 1)) return at;
      if (obstacle->last == UINT64_MAX) return std::nullopt;
      at = alignedUp(obstacle->last + 1, request.alignment);
    }
  }
  return std::nullopt;
}

Result<uint64_t> mapAnywhere(AddressSpace& space, const DmaSlice& memory, Protection protection,
                             uint64_t highest) {
  if (!memory.memory) return Failure::because(Reason::kInvalidArgument, kMap, "no memory");
  std::vector<IovaRange> lost;  // to somebody whom mapped() does not know
  for (int round = 0; round < kRounds; ++round) {
    auto info = space.info();
    if (!info) return std::move(info).failure();
    IovaRequest request;
    request.size = memory.size;
    request.alignment = std::max(memory.memory->pageSize(), smallestPage(info->pageSizes));
    request.lowest = kLowest;
    request.highest = highest;
    std::vector<IovaRange> taken = space.mapped();
    taken.insert(taken.end(), lost.begin(), lost.end());
    std::sort(taken.begin(), taken.end(),
              [](const IovaRange& a, const IovaRange& b) { return a.first < b.first; });
    const auto iova = firstFit(info->ranges, taken, request);
    if (!iova) {
      return Failure::system(ENOSPC, "", kMap,
                             "no " + std::to_string(memory.size) + " bytes are free at a multiple of " +
                                 std::to_string(request.alignment) + " up to " + iovaText(highest) +
                                 " (valid: " + rangesText(info->ranges) + ")");
    }
    Status mapped = space.map(*iova, memory, protection);
    if (mapped) return *iova;
    if (mapped.failure().error != EEXIST) return std::move(mapped).failure();
    lost.push_back(IovaRange{*iova, *iova});
  }
  return Failure::system(EBUSY, "", kMap, "others keep taking the address that was found free");
}

}  // namespace vfm
