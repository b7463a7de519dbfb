// SPDX-License-Identifier: MIT
#include "core/dma/mapping_table.h"

#include <cerrno>
#include <string>

#include "core/dma/iova_text.h"

namespace vfm {
namespace {

bool wraps(uint64_t iova, uint64_t size) { return size - 1 > UINT64_MAX - iova; }

std::string sizedText(uint64_t iova, uint64_t size) {
  return std::to_string(size) + " bytes at " + iovaText(iova);
}

}  // namespace

uint64_t smallestPage(uint64_t pageSizes) { return pageSizes == 0 ? 1 : pageSizes & (~pageSizes + 1); }

Status MappingTable::check(const DmaMapping& wanted, const AddressSpaceInfo& space, const char* syscall,
                           const char* operation) const {
  const DmaSlice& slice = wanted.memory;
  if (!slice.memory || slice.size > slice.memory->size() ||
      slice.offset > slice.memory->size() - slice.size) {
    return Failure::because(Reason::kInvalidArgument, operation,
                            std::to_string(slice.size) + " bytes at " + std::to_string(slice.offset) +
                                " of memory that has " +
                                std::to_string(slice.memory ? slice.memory->size() : 0));
  }
  if (!slice.memory->writable() && wanted.allows(Protection::kWrite)) {
    return Failure::system(EACCES, syscall, operation,
                           "the memory is read-only (its descriptor, or a seal): map it for reading");
  }
  const uint64_t page = smallestPage(space.pageSizes);
  if (slice.size == 0 || ((slice.size | wanted.iova | slice.offset) & (page - 1)) != 0) {
    return Failure::system(
        EINVAL, syscall, operation,
        sizedText(wanted.iova, slice.size) + ", from offset " + std::to_string(slice.offset) +
            " of the memory: all three must be multiples of the smallest page (page sizes: " +
            pageSizesText(space.pageSizes) + ")");
  }
  if (wraps(wanted.iova, slice.size)) {
    return Failure::system(EINVAL, syscall, operation,
                           sizedText(wanted.iova, slice.size) + " go past the end of the address space");
  }
  if (const DmaMapping* other = touching(wanted.iova, wanted.last())) {
    return Failure::system(EEXIST, syscall, operation,
                           rangeText(wanted.iova, wanted.last()) + " overlaps what is mapped at " +
                               rangeText(other->iova, other->last()) + "; unmap that first");
  }
  for (const IovaRange& range : space.ranges) {
    if (range.contains(wanted.iova, slice.size)) return {};
  }
  return Failure::system(EINVAL, syscall, operation,
                         rangeText(wanted.iova, wanted.last()) +
                             " lies in no valid range (valid: " + rangesText(space.ranges) + ")");
}

Status MappingTable::checkStretch(uint64_t iova, uint64_t size, uint64_t pageSize, const char* syscall,
                                  const char* operation) const {
  if (size == 0 || ((iova | size) & (pageSize - 1)) != 0) {
    return Failure::system(EINVAL, syscall, operation,
                           sizedText(iova, size) + " are not whole pages of " + std::to_string(pageSize));
  }
  if (wraps(iova, size)) {
    return Failure::system(EINVAL, syscall, operation,
                           sizedText(iova, size) + " go past the end of the address space");
  }
  const uint64_t last = iova + (size - 1);
  for (const uint64_t edge : {iova, last}) {
    const DmaMapping* mapping = at(edge);
    if (mapping && (mapping->iova < iova || mapping->last() > last)) {
      return Failure::system(EINVAL, syscall, operation,
                             rangeText(iova, last) + " cuts through what is mapped at " +
                                 rangeText(mapping->iova, mapping->last()) + "; whole mappings only");
    }
  }
  return {};
}

std::vector<IovaRange> MappingTable::ranges() const {
  std::vector<IovaRange> all;
  all.reserve(mappings_.size());
  for (const auto& entry : mappings_) all.push_back(IovaRange{entry.first, entry.second.last()});
  return all;
}

const DmaMapping* MappingTable::at(uint64_t iova) const {
  auto next = mappings_.upper_bound(iova);
  if (next == mappings_.begin()) return nullptr;
  const DmaMapping& candidate = std::prev(next)->second;
  return candidate.last() >= iova ? &candidate : nullptr;
}

const DmaMapping* MappingTable::touching(uint64_t first, uint64_t last) const {
  if (const DmaMapping* mapping = at(first)) return mapping;
  auto next = mappings_.lower_bound(first);
  return next != mappings_.end() && next->first <= last ? &next->second : nullptr;
}

std::vector<DmaMapping> MappingTable::within(uint64_t iova, uint64_t size) const {
  std::vector<DmaMapping> found;
  const uint64_t last = iova + (size - 1);
  for (auto next = mappings_.lower_bound(iova); next != mappings_.end() && next->first <= last; ++next) {
    found.push_back(next->second);
  }
  return found;
}

}  // namespace vfm
